"""The tab Review without a browser: what it tells of each section, and what becomes of a decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from agent import problems
from agent.desk import Listed, Opened, Section
from agent.errors import BadInputError, ConversationError
from agent.headers import SecureHeaders
from agent.learning.decisions import Decision, decide
from agent.learning.labels import Suggestion
from agent.learning.queue import Candidate, Item
from agent.reviewing import Wish
from agent.types import Review, StoredReview
from tests.agent.fake_agent import FakeHit, FakePassage
from tests.agent.samples import citation
from tests.ui.fake import WHY, FakeAgent
from ui.console.router import console_router

PASSWORD = "three words in a row"
AT = "2026-11-25T04:00:00.000000+00:00"
DAY = {"since": "2026-11-25T01:00:00+01:00"}
CANDIDATE = Candidate(
    message_id="m1",
    conversation_id="c1",
    text="<b>where</b> is it",
    created_at=AT,
    intents=(("order_status", 0.5), ("returns", 0.4)),
    out_of_scope=0.2,
    out_of_scope_threshold=0.5,
    route="answer",
    feedback=(("down", ""),),
)


def stored(number: int, reviewer: str, **decided: Any) -> StoredReview:
    decided = {"text": "where is it", "verdict": "corrected", "message_id": "m1"} | decided
    return StoredReview(app="support", reviewer=reviewer, id=number, created_at=AT, **decided)


class FakeDesk:
    """One entry in each section, and one reply, ``m1``; remembers what is done."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.since = ""
        self.lists: dict[str, list[Listed]] = {
            "queue": [Item(CANDIDATE, 1.5, ("the customer was not helped",), 3)],
            "wishes": [Wish((CANDIDATE, replace(CANDIDATE, message_id="m2")), ("where is it",))],
            "labels": [("is it late", Suggestion(0, "returns", "order_status", 40.0))],
        }

    def listed(self, app: str, section: Section) -> tuple[list[Listed], bool]:
        return self.lists[section], section == "labels"

    def disputed(self, app: str) -> list[Decision]:
        return decide([stored(1, "ann", intent="order_status"), stored(2, "ben", intent="returns")])

    def progress(self, app: str, since: str) -> tuple[Mapping[str, int], list[StoredReview]]:
        self.since = since
        return {"ann": 2, "ben": 1}, [stored(2, "ben", intent="returns")]

    def open(self, app: str, message_id: str) -> Opened:
        if message_id != "m1":
            raise ConversationError(message_id)
        both = {"author": "", "created_at": AT, "judged": None}
        said = {"number": 1, "role": "user", "text": "<b>hi</b>", "message_id": "u", "citations": [], "figures": []}
        answered = {"number": 2, "role": "bot", "text": "**yes** <script>x</script>", "message_id": "m1"}
        grounds = {
            "citations": [asdict(citation())],
            "figures": [],
            "route": {"kind": "answer", "reason": "clear"},
            "why": WHY,
        }
        passage: Any = FakePassage(id=citation().passage_id, text="x" * 1000)
        return Opened(
            [said | both, answered | grounds | both | {"model_version": "3"}],
            [{"kind": "down", "value": "", "reason": "wrong", "comment": "no"}],
            [(passage, 0.8)],
            [stored(1, "ann", sentiment="negative")],
        )

    def decide(self, review: Review, message_ids: Sequence[str] = ()) -> list[int]:
        if review.intent == "zebra":
            raise BadInputError("unknown_intent", "There is no intent 'zebra'.")
        self.done.append((review, list(message_ids)))
        return [7, 8][: len(message_ids) or 1]

    def undo(self, app: str, review_ids: Sequence[int], who: str, *, others: bool = False) -> None:
        self.done.append(("undo", app, review_ids, who, others))

    def add_intent(self, app: str, name: str, title: str, reply: str, who: str) -> None:
        self.done.append(("intent", app, name, title, reply, who))


class ReviewedAgent(FakeAgent):
    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.desk = FakeDesk()
        intents = {"returns": SimpleNamespace(title="sending back")}
        self.domains = {"support": SimpleNamespace(intents=intents, locale="en-GB")}

    def search(self, app: str, text: str, k: int) -> list[Any]:
        return [FakeHit()]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[ReviewedAgent]:
    agent = ReviewedAgent(tmp_path)
    agent.users.add("ann", PASSWORD, "operator", "test")
    agent.users.add("root", PASSWORD, "admin", "test")
    yield agent
    agent.store.close()


@pytest.fixture
def client(agent: ReviewedAgent) -> TestClient:
    app = FastAPI()
    problems.install(app)
    app.include_router(console_router(agent, agent.users, "v1"))
    app.add_middleware(SecureHeaders)
    client = TestClient(app, base_url="http://localhost", headers={"X-Switchboard": "console"})
    sign_in(client)
    return client


def sign_in(client: TestClient, name: str = "ann") -> None:
    assert client.post("/console/api/sign-in", json={"name": name, "password": PASSWORD}).status_code == 204


def get(client: TestClient, path: str, **query: str) -> Any:
    return client.get(f"/console/api/review{path}", params={"app": "support"} | query)


def post(client: TestClient, path: str = "", **body: Any) -> Any:
    return client.post(f"/console/api/review{path}", json={"app": "support"} | body)


def code_of(response: Any) -> str:
    return str(response.json()["error"]["code"])


def test_the_page_loads_both_of_its_scripts_in_order(client: TestClient) -> None:
    page = client.get("/console/review").text
    places = [page.index(f"/ui/{name}.js") for name in ("console", "review_case", "review")]
    assert places == sorted(places)


def test_the_queue_tells_the_message_its_guesses_and_why_it_is_asked(client: TestClient, agent: ReviewedAgent) -> None:
    told = get(client, "", section="queue", **DAY).json()
    [entry] = told["entries"]
    assert (entry["kind"], entry["key"], entry["message_ids"], entry["count"]) == ("queue", "m1", ["m1"], 3)
    assert entry["text"] == "<b>where</b> is it"
    assert entry["intents"] == [
        {"name": "order_status", "confidence": 0.5},
        {"name": "returns", "confidence": 0.4},
    ]
    assert (entry["reasons"], entry["feedback"]) == (["the customer was not helped"], ["down"])
    assert told["working"] is False
    assert told["disputed"] == 1
    assert told["progress"] == [{"reviewer": "ann", "count": 2}, {"reviewer": "ben", "count": 1}]
    assert [(r["id"], r["reviewer"], r["intent"]) for r in told["recent"]] == [(2, "ben", "returns")]
    assert agent.desk.since == "2026-11-25T00:00:00.000000+00:00"


def test_the_other_sections(client: TestClient) -> None:
    wishes = get(client, "", section="wishes", **DAY).json()
    assert wishes["entries"] == [
        {"kind": "wishes", "key": "m1", "message_ids": ["m1", "m2"], "count": 2, "typical": ["where is it"]}
    ]
    labels = get(client, "", section="labels", **DAY).json()
    assert (labels["working"], labels["entries"][0]["label"], labels["entries"][0]["better"]) == (
        True,
        "returns",
        "order_status",
    )
    [disputed] = get(client, "", section="disputed", **DAY).json()["entries"]
    assert (disputed["kind"], disputed["message_ids"], disputed["disputed"]) == ("disputed", ["m1"], ["intent"])
    assert [(r["reviewer"], r["intent"]) for r in disputed["reviews"]] == [("ann", "order_status"), ("ben", "returns")]


@pytest.mark.parametrize("query", [{"section": "nothing"} | DAY, {"section": "queue", "since": "2026-11-25T00:00:00"}])
def test_what_no_list_is_asked_for_by_is_refused(client: TestClient, query: dict[str, str]) -> None:
    assert get(client, "", **query).status_code == 422


def test_an_opened_reply_is_clean_and_has_all_that_a_decision_needs(client: TestClient) -> None:
    told = get(client, "/messages/m1").json()
    assert [(m["text"], m["reviewed"]) for m in told["messages"]] == [("<b>hi</b>", False), (None, True)]
    assert "<strong>yes</strong>" in told["messages"][1]["html"]
    assert "<script" not in told["messages"][1]["html"]
    assert told["citations"][0]["title"] == citation().title
    assert told["feedback"][0]["comment"] == "no"
    [offered] = told["offered"]
    assert (offered["document"], offered["cited"], len(offered["text"])) == ("shipping", True, 280)
    assert [(r["reviewer"], r["sentiment"]) for r in told["reviews"]] == [("ann", "negative")]
    assert (told["model_version"], told["route"]["reason"]) == ("3", "clear")
    gone = get(client, "/messages/m9")
    assert (gone.status_code, code_of(gone)) == (404, "unknown_conversation")


def test_what_can_be_chosen(client: TestClient) -> None:
    assert get(client, "/intents").json() == [{"name": "returns", "title": "sending back"}]
    [passage] = get(client, "/passages", query="how long").json()
    assert (passage["document"], passage["title"]) == ("shipping", "Shipping")
    unknown = client.get("/console/api/review/intents", params={"app": "nothing"})
    assert (unknown.status_code, code_of(unknown)) == (404, "unknown_app")


def test_a_decision_is_kept_in_the_name_of_whoever_is_signed_in(client: TestClient, agent: ReviewedAgent) -> None:
    answer = post(client, verdict="corrected", intent="returns", message_ids=["m1", "m2"], reviewer="somebody")
    assert (answer.status_code, answer.json()) == (200, [7, 8])
    post(client, verdict="confirmed", intent="returns", text="  is it\u200b late ")
    (first, ids), (second, none) = agent.desk.done
    assert (first, ids) == (Review("support", "", "corrected", "ann", intent="returns"), ["m1", "m2"])
    assert (second, none) == (Review("support", "is it late", "confirmed", "ann", intent="returns"), [])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"verdict": "corrected", "intent": "returns"}, "empty"),
        ({"verdict": "corrected", "intent": "returns", "text": "x" * 99_999}, "too_long"),
        ({"verdict": "corrected", "intent": "zebra", "message_ids": ["m1"]}, "unknown_intent"),
        ({"verdict": "perhaps", "message_ids": ["m1"]}, "invalid_request"),
        ({"verdict": "corrected", "sentiment": "odd", "message_ids": ["m1"]}, "invalid_request"),
    ],
)
def test_what_is_no_decision_is_refused(
    client: TestClient, agent: ReviewedAgent, body: dict[str, Any], code: str
) -> None:
    assert code_of(post(client, **body)) == code
    assert agent.desk.done == []


def test_undo_and_new_intents(client: TestClient, agent: ReviewedAgent) -> None:
    assert post(client, "/undo", reviews=[7]).status_code == 204
    assert post(client, "/undo", reviews=[]).status_code == 422
    assert post(client, "/intents", name="gifts", title="gifts", reply="Yes.").status_code == 204
    sign_in(client, "root")
    post(client, "/undo", reviews=[8])
    assert agent.desk.done == [
        ("undo", "support", [7], "ann", False),
        ("intent", "support", "gifts", "gifts", "Yes.", "ann"),
        ("undo", "support", [8], "root", True),
    ]


def test_nobody_reviews_without_signing_in(client: TestClient, agent: ReviewedAgent) -> None:
    client.cookies.clear()
    answers = [get(client, path) for path in ("/messages/m1", "/intents", "/passages?query=x")]
    answers += [get(client, "", section="queue", **DAY), post(client, verdict="skipped", message_ids=["m1"])]
    answers += [post(client, "/undo", reviews=[1]), post(client, "/intents", name="a", title="a", reply="a")]
    assert {(answer.status_code, code_of(answer)) for answer in answers} == {(401, "not_signed_in")}
    assert agent.desk.done == []
