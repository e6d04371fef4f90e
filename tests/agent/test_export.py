from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.export import FORMATS, exported
from agent.reviews import ReviewBook
from agent.store import Store
from agent.types import Feedback, Review
from tests.agent.samples import prediction, reply, route


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def said(store: Store, message_id: str, text: str, answer: str, judged: Any = None, app: str = "shop") -> None:
    conversation = store.new_conversation(app, "c1", claimed=True)
    given = replace(reply(conversation, message_id), text=answer)
    store.save_turn(conversation, app, message_id, text, prediction(text), route(), given, {}, 1.0)
    if judged:
        store.add_feedback(Feedback(message_id, "c1", judged))


def reviewed(store: Store) -> ReviewBook:
    book = ReviewBook(store.file)
    said(store, "m1", "wheres my stuff", "It left today.")
    book.add(Review("shop", "wheres my stuff", "confirmed", "eve", "m1", intent="track"))
    book.add(Review("shop", "=HYPERLINK(1)", "corrected", "eve", intent="return", sentiment="negative"))
    book.add(Review("shop", 'say "hi", [you]\n- now', "out_of_scope", "ben"))
    book.add(Review("shop", "no idea", "skipped", "ben"))
    book.undo(book.add(Review("shop", "undone", "corrected", "eve", intent="return")), "eve")
    book.add(Review("bank", "another app's", "corrected", "eve", intent="card"))
    for who, intent in (("eve", "track"), ("ben", "return")):
        book.add(Review("shop", "disputed", "corrected", who, intent=intent))
    return book


def test_csv_holds_every_review_and_no_formula(store: Store) -> None:
    reviewed(store)
    rows = list(csv.DictReader(io.StringIO(exported(store.file, "shop", "csv"), newline="")))
    assert [row["text"] for row in rows] == [
        *("wheres my stuff", "'=HYPERLINK(1)", 'say "hi", [you]\n- now', "disputed", "disputed")
    ]
    assert (rows[1]["intent"], rows[1]["sentiment"], rows[1]["document"]) == ("return", "negative", "")
    assert (rows[0]["message_id"], rows[0]["reviewer"]) == ("m1", "eve")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_every_beginning_of_a_formula_is_guarded(store: Store, start: str) -> None:
    ReviewBook(store.file).add(Review("shop", f"{start}1+1", "corrected", f"{start}x", intent="track"))
    [row] = csv.DictReader(io.StringIO(exported(store.file, "shop", "csv"), newline=""))
    assert (row["text"], row["reviewer"]) == (f"'{start}1+1", f"'{start}x")


def test_jsonl_holds_chat_messages_with_the_reply_where_it_was_confirmed(store: Store) -> None:
    reviewed(store)
    first, second, third = map(json.loads, exported(store.file, "shop", "jsonl").splitlines())
    assert first == {
        "messages": [
            {"role": "user", "content": "wheres my stuff"},
            {"role": "assistant", "content": "It left today."},
        ],
        "labels": {"intent": "track"},
    }
    assert second["messages"] == [{"role": "user", "content": "=HYPERLINK(1)"}]
    assert second["labels"] == {"intent": "return", "sentiment": "negative"}
    assert third["labels"] == {"intent": "out of scope"}


def test_preferences_pair_liked_with_disliked_replies_to_one_text(store: Store) -> None:
    said(store, "m1", "wheres my stuff", "It left today.", "up")
    said(store, "m2", "wheres my stuff", "We sell boots.", "down")
    said(store, "m3", "wheres my stuff", "We sell boots.", "down")
    said(store, "m4", "wheres my stuff", "It left today.")
    said(store, "m5", "something else", "It left today.", "down")
    said(store, "m6", "wheres my stuff", "Nobody knows.", "down", app="bank")
    [pair] = map(json.loads, exported(store.file, "shop", "preference").splitlines())
    assert pair == {
        "prompt": [{"role": "user", "content": "wheres my stuff"}],
        "chosen": [{"role": "assistant", "content": "It left today."}],
        "rejected": [{"role": "assistant", "content": "We sell boots."}],
    }


def test_rasa_reads_its_own_form(store: Store) -> None:
    reviewed(store)
    text = exported(store.file, "shop", "rasa")
    assert text.startswith("version: '3.1'\nnlu:\n- intent: out_of_scope\n  examples: |\n    - say")
    data = yaml.safe_load(text)
    assert {block["intent"]: block["examples"] for block in data["nlu"]} == {
        "out_of_scope": '- say "hi", (you) - now\n',
        "return": "- =HYPERLINK(1)\n",
        "track": "- wheres my stuff\n",
    }


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_reviewed_is_an_empty_export(store: Store, form: str) -> None:
    lines = exported(store.file, "shop", form).splitlines()
    assert len(lines) == {"csv": 1, "rasa": 2}.get(form, 0)
