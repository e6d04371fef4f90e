"""The support app: its files, its actions on a real orders database, and the four demonstration messages."""

from __future__ import annotations

import csv
import shutil
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from agent.dialogue.actions import ActionContext, ActionError, ActionResult, Actions, load_actions
from agent.dialogue.dialogue import Dialogue
from agent.dialogue.entities import extract
from agent.dialogue.tracker import Tracker
from agent.dialogue.turn import Draft
from agent.domain import BUILT_IN, Domain
from agent.types import Prediction
from index.chunking import chunk
from index.documents import load_folder
from index.knowledge import Hit
from tests.agent.dialogue.small_app import predict

FOLDER = BUILT_IN / "support"
TODAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def domain() -> Domain:
    return Domain.load(FOLDER)


@pytest.fixture(scope="module")
def actions() -> Actions:
    return load_actions(FOLDER)


@pytest.fixture(scope="module")
def orders() -> list[dict[str, str]]:
    with (FOLDER / "orders.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def given(tmp_path: Path) -> ActionContext:
    return ActionContext(FOLDER, tmp_path, "c", {}, "", "neutral", TODAY)


def in_state(orders: Sequence[dict[str, str]], state: str) -> dict[str, str]:
    """The newest order of a state."""
    return next(o for o in reversed(orders) if o["state"] == state)


def run(actions: Actions, name: str, given: ActionContext, **slots: str) -> ActionResult:
    return actions[name](replace(given, slots=slots))


def state_of(given: ActionContext, number: str) -> str:
    with sqlite3.connect(given.data_folder / "orders.db") as db:
        [state] = db.execute("SELECT state FROM orders WHERE order_number = ?", [number]).fetchone()
    db.close()
    return str(state)


def test_the_app_has_no_mistakes() -> None:
    assert Domain.check(FOLDER) == []


def test_every_response_has_three_wordings_in_each_mood(domain: Domain) -> None:
    own = {i.response for i in domain.intents.values() if i.response} | {"lead_in", "out_of_scope"}
    for name in own:
        for mood in ("neutral", "negative", "positive"):
            assert len(set(domain.wordings(name, mood))) >= 3, (name, mood)
            assert mood in domain.responses[name], (name, mood)
    assert all(len(s.prompt) >= 3 for s in domain.slots.values() if s.name != "day")


def test_every_answering_intent_has_an_article(domain: Domain) -> None:
    covered = set(domain.intent_of_document().values())
    assert {i.name for i in domain.intents.values() if i.route == "answer" or i.explain} <= covered


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("48213", "TT-48213"),
        ("#48213", "TT-48213"),
        ("tt48213", "TT-48213"),
        ("TT 48213 status pls", "TT-48213"),
        ("order TT_64982 could go to my parents", "TT-64982"),
        ("the number is 7 3 5 0 8", "TT-73508"),
        ("What's the hold-up with number 7 3 5 0 8?", "TT-73508"),
        ("10115 Berlin, order no. 48213", "TT-48213"),
        ("48213'; DROP TABLE orders;--", "TT-48213"),
        ("call me on 555-0142", None),
        ("it cost 12345.50", None),
        ("482134", None),
    ],
)
def test_order_numbers_are_read_as_people_write_them(domain: Domain, text: str, number: str | None) -> None:
    assert extract(text, domain, TODAY).get("order_number") == number


def test_orders_are_read_on_first_use_and_kept(
    actions: Actions, given: ActionContext, orders: list[dict[str, str]]
) -> None:
    assert len(orders) == 300
    for order in orders:
        assert order["order_number"] in run(actions, "order_status", given, order_number=order["order_number"]).text
    run(actions, "order_status", given, order_number="TT-48213")
    with sqlite3.connect(given.data_folder / "orders.db") as db:
        assert db.execute("SELECT count(*) FROM orders").fetchone() == (300,)
    db.close()


def test_the_state_comes_with_the_expected_date(actions: Actions, given: ActionContext) -> None:
    text = run(actions, "order_status", given, order_number="TT-48213").text
    assert "has been shipped" in text
    assert "Friday, 27 November 2026" in text
    late = run(actions, "order_status", replace(given, today=date(2026, 12, 1)), order_number="TT-48213").text
    assert "so it is late" in late


def test_a_day_that_was_named_is_compared(actions: Actions, given: ActionContext) -> None:
    slots = {"order_number": "TT-48213"}
    assert "not be there by Thursday" in run(actions, "order_status", given, day="2026-11-26", **slots).text
    assert "should be there by Saturday" in run(actions, "order_status", given, day="2026-11-28", **slots).text


def test_an_order_shows_nothing_of_the_person(
    actions: Actions, given: ActionContext, orders: list[dict[str, str]]
) -> None:
    for order in orders:
        text = run(actions, "order_status", given, order_number=order["order_number"]).text
        assert order["email"] not in text
        assert order["customer_name"] not in text
        assert order["address_city"] not in text


@pytest.mark.parametrize("name", ["order_status", "cancel_order", "change_address", "refund_status", "check_return"])
@pytest.mark.parametrize("number", ["TT-00000", "TT-48213'; DROP TABLE orders;--", "' OR 1=1 --", "<b>x</b>"])
def test_sql_and_markup_in_a_slot_are_inert(actions: Actions, given: ActionContext, name: str, number: str) -> None:
    result = run(actions, name, given, order_number=number, email="x", item="y")
    assert result.missing == "order_number"
    assert "<" not in result.text
    assert state_of(given, "TT-48213") == "shipped"


def test_cancelling_needs_the_orders_address(
    actions: Actions, given: ActionContext, orders: list[dict[str, str]]
) -> None:
    order = in_state(orders, "placed")
    number = order["order_number"]
    assert run(actions, "cancel_order", given, order_number=number).missing == "email"
    assert run(actions, "cancel_order", given, order_number=number, email="x@example.com").missing == "email"
    assert state_of(given, number) == "placed"
    assert "is cancelled" in run(actions, "cancel_order", given, order_number=number, email=order["email"].upper()).text
    assert state_of(given, number) == "cancelled"
    assert "cancelled already" in run(actions, "cancel_order", given, order_number=number).text


@pytest.mark.parametrize("state", ["packed", "shipped", "out_for_delivery", "delivered", "returned", "refunded"])
def test_nothing_else_is_cancelled(
    actions: Actions, given: ActionContext, orders: list[dict[str, str]], state: str
) -> None:
    order = in_state(orders, state)
    result = run(actions, "cancel_order", given, order_number=order["order_number"], email=order["email"])
    assert "cannot cancel" in result.text
    assert state_of(given, order["order_number"]) == state


def test_an_address_changes_while_an_order_is_placed(
    actions: Actions, given: ActionContext, orders: list[dict[str, str]]
) -> None:
    order = in_state(orders, "placed")
    slots = {"order_number": order["order_number"], "email": order["email"]}
    assert run(actions, "change_address", given, **slots).missing == "new_address"
    address = "Lindenweg 7 <script>"
    for _ in range(2):
        assert "Lindenweg 7 &lt;script&gt;" in run(actions, "change_address", given, **slots, new_address=address).text
    with sqlite3.connect(given.data_folder / "orders.db") as db:
        rows = db.execute("SELECT order_number, address FROM address_changes").fetchall()
    db.close()
    assert rows == [(order["order_number"], address)]
    packed = in_state(orders, "packed")
    assert "can no longer be changed" in run(actions, "change_address", given, order_number=packed["order_number"]).text


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("refunded", "has been sent"),
        ("returned", "has arrived"),
        ("return_requested", "not reached our warehouse"),
        ("cancelled", "was cancelled"),
        ("shipped", "no refund is on its way"),
    ],
)
def test_refunds_are_told_as_they_are(
    actions: Actions, given: ActionContext, orders: list[dict[str, str]], state: str, said: str
) -> None:
    assert said in run(actions, "refund_status", given, order_number=in_state(orders, state)["order_number"]).text


def test_a_return_is_stored_once_with_one_reference(
    actions: Actions, given: ActionContext, orders: list[dict[str, str]]
) -> None:
    order = in_state(orders, "delivered")
    item = order["items"].split(" x")[0]
    slots = {"order_number": order["order_number"], "item": item, "reason": "'); DELETE FROM orders;--"}
    first = run(actions, "register_return", given, **slots, refund_or_exchange="refund").text
    second = run(actions, "register_return", given, **slots, refund_or_exchange="exchange").text
    with sqlite3.connect(given.data_folder / "orders.db") as db:
        [(reference, reason, wish)] = db.execute("SELECT reference, reason, wish FROM returns").fetchall()
        assert db.execute("SELECT count(*) FROM orders").fetchone() == (300,)
    db.close()
    assert reference in first
    assert reference in second
    assert (reason, wish) == (slots["reason"], "exchange")
    assert state_of(given, order["order_number"]) == "return_requested"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("placed", "still cancel it"),
        ("shipped", "not with you yet"),
        ("cancelled", "nothing to send back"),
        ("refunded", "already"),
    ],
)
def test_what_cannot_come_back_ends_the_form(
    actions: Actions, given: ActionContext, orders: list[dict[str, str]], state: str, said: str
) -> None:
    result = run(actions, "check_return", given, order_number=in_state(orders, state)["order_number"])
    assert result.done
    assert said in result.text


def test_the_60_days_are_kept(actions: Actions, given: ActionContext) -> None:
    assert "seem to be over" in run(actions, "check_return", given, order_number="TT-99565").text
    early = replace(given, today=date(2026, 10, 1))
    assert not run(actions, "check_return", early, order_number="TT-99565").done


@pytest.mark.parametrize(
    ("said", "item"),
    [
        ("boots", "Scree Mid boots 41"),
        ("Portage 45 pack", "Portage 45 pack S"),
        ("botle", "water bottle 1 l"),
        ("a kayak", None),
    ],
)
def test_items_are_found_in_the_order(actions: Actions, given: ActionContext, said: str, item: str | None) -> None:
    result = run(actions, "check_return", replace(given, today=date(2026, 10, 1)), order_number="TT-99565", item=said)
    assert result.slots.get("item") == item
    assert (result.missing == "item") is (item is None)


def test_a_database_that_cannot_be_used_is_an_error_of_ours(actions: Actions, given: ActionContext) -> None:
    (given.data_folder / "orders.db").write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(ActionError, match="orders database"):
        run(actions, "order_status", given, order_number="TT-48213")


def test_a_start_that_breaks_off_leaves_no_half_database(
    actions: Actions, given: ActionContext, tmp_path: Path
) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    rows = (FOLDER / "orders.csv").read_text(encoding="utf-8").splitlines()
    (folder / "orders.csv").write_text("\n".join([*rows[:10], rows[5]]), encoding="utf-8")
    with pytest.raises(ActionError):
        run(actions, "order_status", replace(given, app_folder=folder), order_number="TT-48213")
    assert "TT-48213" in run(actions, "order_status", given, order_number="TT-48213").text


def test_many_at_once_make_one_database(actions: Actions, given: ActionContext) -> None:
    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(lambda _: run(actions, "order_status", given, order_number="TT-48213").text, range(16)))
    assert len(texts) == 1


class Talk:
    """A conversation with the support app; the passages of one article are what a search would find."""

    def __init__(self, domain: Domain, actions: Actions, data: Path) -> None:
        self.domain = domain
        self.dialogue = Dialogue(domain, actions, data, lambda: TODAY, is_word=lambda word: True)
        self.tracker = Tracker("c", "support")
        documents, _ = load_folder(FOLDER / "knowledge")
        self.passages = {d.id: chunk(d) for d in documents}

    def say(self, prediction: Prediction, article: str | None = None, score: float = 0.7) -> Draft:
        hits = []
        for passage in self.passages[article] if article else []:
            sentence = passage.text.split(". ")[0]
            hits.append(Hit(passage, score, score, score, sentence, 0, len(sentence)))
        predictions = [replace(prediction, text=text) for text in self.dialogue.texts(prediction.text, self.tracker)]
        return self.dialogue.reply(prediction.text, predictions, self.tracker, lambda *_: hits)


@pytest.fixture
def talk(domain: Domain, actions: Actions, tmp_path: Path) -> Talk:
    return Talk(domain, actions, tmp_path)


def test_where_is_my_parcel(talk: Talk) -> None:
    asked = talk.say(predict("where is my parcel", "track_order"), "track-parcel")
    assert asked.route.kind == "action"
    assert "TT and five digits" in asked.text
    told = talk.say(predict("48213", "talk_to_person", 0.4))
    assert "27 November 2026" in told.text
    assert "shipped" in told.text


def test_i_was_charged_twice(talk: Talk) -> None:
    draft = talk.say(predict("i was charged twice!!", "double_charge", mood="negative"), "double-charge")
    assert (draft.route.kind, draft.route.intent) == ("answer", "double_charge")
    assert "sorry" in draft.text
    assert draft.citations[0].passage_id.startswith("double-charge#")
    assert "Talk to a person" in [q.title for q in draft.quick_replies]


def test_can_i_return_worn_shoes(talk: Talk) -> None:
    draft = talk.say(predict("can i return worn shoes?", "return_policy"), "returns-worn-shoes")
    assert draft.route.kind == "answer"
    assert draft.text.endswith("[1]") or "[2]" in draft.text
    assert draft.citations[0].source == "returns-worn-shoes.md"


def test_is_the_moon_landing_fake(talk: Talk) -> None:
    draft = talk.say(predict("is the moon landing fake", "damaged_item", 0.3, out_of_scope=0.8))
    assert draft.route.kind == "refuse"
    assert "outside what I can help with" in draft.text
    assert len(draft.quick_replies) >= 3


def test_a_return_from_start_to_reference(talk: Talk, orders: list[dict[str, str]], tmp_path: Path) -> None:
    order = next(o for o in reversed(orders) if o["state"] == "delivered" and "Fellside" in o["items"])
    talk.say(predict("i want to return my boots", "start_return"), "returns-how-to-start")
    reason = talk.say(predict(order["order_number"], "track_order", 0.4))
    assert "Too small" in [q.title for q in reason.quick_replies]
    talk.say(predict("they pinch", "size_advice", 0.7))
    summary = talk.say(predict("Refund", "refund_status", 0.9))
    assert "- Item: **Fellside GTX boots" in summary.text
    done = talk.say(predict("yes", "about_bot", 0.8))
    assert "The reference is **R-" in done.text
    with sqlite3.connect(tmp_path / "apps" / "support" / "orders.db") as db:
        assert db.execute("SELECT reason, wish FROM returns").fetchall() == [("they pinch", "refund")]
    db.close()


def test_a_question_about_cancelling_is_answered_and_the_number_asked_for(talk: Talk) -> None:
    draft = talk.say(predict("can i still cancel?", "cancel_order"), "cancel-order")
    assert draft.route.kind == "action"
    assert draft.citations
    assert "TT and five digits" in draft.text


def test_a_copy_of_the_app_in_another_folder_stands_alone(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "support")
    assert set(load_actions(tmp_path / "support")) == set(load_actions(FOLDER))
