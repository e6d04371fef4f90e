from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.database import DataFile
from agent.errors import HeldError
from tests.agent.fake_agent import FakeAgent
from tests.agent.serving import BEARER, KEY, client_for, code_of
from tests.agent.small_shop import event, recommender

LIKE = {"id": "e1", "item": "comet", "kind": "like"}


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[FakeAgent]:
    file = DataFile.open(tmp_path / "db")
    agent = FakeAgent(tmp_path, api_keys=(KEY,), rate_limit=0)
    agent.recommenders["finance"] = recommender(file)
    yield agent
    file.close()


@pytest.fixture
def browser(agent: FakeAgent) -> TestClient:
    """Somebody with a cookie of their own."""
    client = client_for(agent)
    client.get("/v1/apps")
    return client


def told(client: TestClient, *events: dict[str, Any], **more: Any) -> Any:
    return client.post("/v1/events", json={"events": [*events], **more})


def items(client: TestClient, **asked: Any) -> list[str]:
    response = client.get("/v1/recommendations", params=asked)
    assert response.status_code == 200, response.text
    return [card["item_id"] for card in response.json()["cards"]]


def test_the_next_row_has_learned_from_an_event(browser: TestClient, agent: FakeAgent) -> None:
    assert told(browser, LIKE).json() == {"added": 1, "known": 0, "rejected": []}
    response = browser.get("/v1/recommendations", params={"k": 2, "diversity": 0})
    cards = response.json()["cards"]
    assert {card["item_id"] for card in cards} == {"orbit", "nebula"}
    assert cards[0]["why"] == ["Because you liked “Comet”"]
    clicked = {"id": "e2", "item": cards[1]["item_id"], "kind": "click", "row": response.json()["row"]}
    assert told(browser, clicked).json()["added"] == 1
    [user] = [user for user, _ in agent.recommenders["finance"].book.users("cinema")]
    assert agent.recommenders["finance"].book.history("cinema", user)[-1].position == 2
    # Somebody else's row is their own.
    assert items(client_for(agent), k=1) == ["comet"]


def test_the_same_events_again_change_nothing(browser: TestClient) -> None:
    late = LIKE | {"id": "e0", "item": "orbit", "at": "2020-02-02T10:00:00Z"}
    assert told(browser, LIKE, late).json()["added"] == 2
    assert told(browser, LIKE, late).json() == {"added": 0, "known": 2, "rejected": []}
    profile = browser.get("/v1/profile").json()
    assert [(one["item"], one["kind"]) for one in profile["liked"]] == [("comet", "like"), ("orbit", "like")]


def test_what_cannot_be_taken_is_named(browser: TestClient) -> None:
    done = told(browser, LIKE, LIKE | {"id": "e2", "item": "gone"}, LIKE | {"id": "e3", "value": 3}).json()
    assert done["added"] == 1
    assert [one["id"] for one in done["rejected"]] == ["e2", "e3"]
    assert done["rejected"][0]["reason"] == "The catalogue has no item 'gone'."


@pytest.mark.parametrize(
    "body",
    [
        {"events": []},
        {"events": [LIKE] * 1001},
        {"events": [LIKE | {"kind": "stare"}]},
        {"events": [LIKE | {"id": ""}]},
        {"events": [LIKE | {"user": "ann"}]},
        {"event": [LIKE]},
    ],
)
def test_a_body_of_another_form_is_refused(browser: TestClient, body: dict[str, Any]) -> None:
    response = browser.post("/v1/events", json=body)
    assert response.status_code == 422
    assert code_of(response)
    assert browser.get("/v1/profile").json()["events"] == 0


def test_a_program_names_the_user(agent: FakeAgent, browser: TestClient) -> None:
    program = client_for(agent, headers=BEARER)
    assert told(program, LIKE, user="shopper 7").json()["added"] == 1
    assert program.get("/v1/profile", params={"user": "shopper 7"}).json()["events"] == 1
    assert program.get("/v1/profile", params={"user": "shopper 8"}).json()["events"] == 0
    assert agent.recommenders["finance"].book.count("cinema", "user:shopper 7") == 1
    assert items(program, user="shopper 7", k=1, diversity=0) == ["nebula"]
    for response in (
        told(browser, LIKE, user="shopper 7"),
        browser.get("/v1/profile", params={"user": "shopper 7"}),
        browser.get("/v1/recommendations", params={"user": "shopper 7"}),
        browser.get("/v1/items/comet/why", params={"user": "shopper 7"}),
        browser.delete("/v1/profile", params={"user": "shopper 7"}),
    ):
        assert (response.status_code, code_of(response)) == (401, "key_needed")


def test_filters_and_words(browser: TestClient) -> None:
    assert set(items(browser, only="comedy", k=20)) == {"lagoon", "inn", "picnic"}
    assert "comet" not in items(browser, avoid=["tense", "comedy"], k=20)
    assert items(browser, words="a crew in deep space", price_most=10, k=1) == ["nebula"]
    assert "cellar" not in items(browser, age=12, k=20)
    assert items(browser, words=" ", k=20) == items(browser, k=20)
    response = browser.get("/v1/recommendations", params={"price_most": 1, "only": "space"}).json()
    assert (response["row"], response["cards"]) == ("", [])
    assert response["note"] == "Nothing that fits otherwise costs 1 or less; the closest is “Nebula” at 9."
    assert response["closest"]["item_id"] == "nebula"


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"price_least": 9, "price_most": 8}, 400, "contradiction"),
        ({"price_most": -1}, 422, None),
        ({"price_most": "nan"}, 422, None),
        ({"k": 0}, 422, None),
        ({"diversity": 2}, 422, None),
        ({"only": ["a"] * 21}, 422, None),
        ({"app": "nowhere"}, 404, "unknown_app"),
        ({"app": "support"}, 400, "no_items"),
        ({"words": "x" * 5000}, 413, "too_long"),
    ],
)
def test_a_question_without_sense(browser: TestClient, asked: dict[str, Any], status: int, code: str | None) -> None:
    response = browser.get("/v1/recommendations", params=asked)
    assert response.status_code == status
    assert code_of(response) == code or code is None


def test_a_service_without_items_says_so(tmp_path: Path) -> None:
    response = client_for(FakeAgent(tmp_path)).get("/v1/recommendations")
    assert (response.status_code, code_of(response)) == (400, "no_items")
    assert response.json()["error"]["message"] == "App '' has no items. Apps that have: none."


def test_similar_items_and_why(browser: TestClient, agent: FakeAgent) -> None:
    similar = browser.get("/v1/items/comet/similar", params={"k": 2}).json()["cards"]
    assert {card["item_id"] for card in similar} == {"orbit", "nebula"}
    told(browser, LIKE)
    assert browser.get("/v1/items/nebula/why").json()["why"] == ["Because you liked “Comet”"]
    response = browser.get("/v1/items/go%2Fne/similar")
    assert (response.status_code, code_of(response)) == (400, "unknown_item")
    assert "'go/ne'" in response.json()["error"]["message"]


def test_a_profile_is_shown_and_forgotten_in_parts(browser: TestClient, agent: FakeAgent) -> None:
    told(browser, LIKE, LIKE | {"id": "e2", "item": "orbit", "kind": "rate", "value": 1.5})
    items(browser, words="no horror")
    profile = browser.get("/v1/profile").json()
    assert [one["title"] for one in profile["liked"]] == ["Comet"]
    assert [(one["item"], one["value"]) for one in profile["disliked"]] == [("orbit", 1.5)]
    assert [(wish["value"], wish["said"]) for wish in profile["wishes"]] == [("horror", "no horror")]
    assert browser.delete("/v1/profile", params={"wish": "horror"}).status_code == 204
    assert browser.delete("/v1/profile", params={"item": "orbit"}).status_code == 204
    profile = browser.get("/v1/profile").json()
    assert (profile["wishes"], profile["disliked"], profile["events"]) == ([], [], 1)
    assert browser.delete("/v1/profile").status_code == 204
    [(user, _)] = agent.recommenders["finance"].book.users("cinema")
    assert agent.forgotten == [("finance", user)]


def test_a_held_users_profile_is_not_forgotten(browser: TestClient, agent: FakeAgent) -> None:
    agent.fail_with(HeldError("ann", "eve", "case 17", "2026-11-24"))
    response = browser.delete("/v1/profile")
    assert (response.status_code, code_of(response)) == (409, "held")


def test_what_people_like_reaches_newcomers(agent: FakeAgent) -> None:
    agent.recommenders["finance"].book.add([event("ferry", "like", user="ben")])
    assert items(client_for(agent), k=1) == ["ferry"]
