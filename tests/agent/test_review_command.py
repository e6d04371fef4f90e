from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import Settings
from agent.domain import Domain
from agent.model.backbone import Backbone
from agent.reviews import ReviewBook
from agent.store import Store
from agent.types import Feedback, Ranked, Review, StoredReview
from tests.agent.command_line import runner, use
from tests.agent.library import make_library, train_library
from tests.agent.samples import citation, prediction, reply, route

Run = Callable[..., tuple[int, str]]
MESSAGES = {
    "m1": "my card wont let me borrow",
    "m2": "the fine i got is a joke [really]",
    "m3": "until when can i return things",
    "m4": "sing me something",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Backbone) -> Settings:
    settings = make_library(tmp_path_factory.mktemp("review"))
    train_library(settings, tiny)
    return settings


@pytest.fixture
def settings(trained: Settings, tmp_path: Path) -> Settings:
    shutil.copytree(trained.data.parent, tmp_path, dirs_exist_ok=True)
    return replace(trained, apps=(tmp_path / "library",), data=tmp_path / "data")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = Store.open(settings.data)
    for number, (message_id, text) in enumerate(MESSAGES.items()):
        say(store, message_id, text, margin=0.1 + 0.2 * number)
    yield store
    store.close()


def say(store: Store, message_id: str, text: str, margin: float = 0.5, strange: float = 0.1) -> None:
    conversation = store.new_conversation("library", f"client of {message_id}", claimed=True)
    guesses = (Ranked("hours", 0.5 + margin / 2), Ranked("fines", 0.5 - margin / 2))
    read = replace(prediction(text), intents=guesses, out_of_scope=strange)
    answer = replace(reply(conversation, message_id), citations=(replace(citation(), passage_id="opening#1"),))
    store.save_turn(conversation, "library", message_id, text, read, route(), answer, {}, 1.0)


@pytest.fixture
def run(
    settings: Settings, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run the command with lines on its input, divided by ``|``; exit status, and output or error."""
    use(monkeypatch, settings, tiny_folder)
    typing = runner(monkeypatch, capsys)

    def call(*arguments: str, typed: str = "") -> tuple[int, str]:
        lines = io.StringIO("".join(f"{line}\n" for line in typed.split("|")))
        status, shown, error = typing(*arguments, stdin=lines)
        return status, error if status else shown

    return call


def kept(store: Store) -> list[StoredReview]:
    return ReviewBook(store.file).reviews("library")


def test_a_key_decides_and_the_least_sure_message_comes_first(run: Run, store: Store) -> None:
    status, shown = run("review", "library", "--as", "eve", typed="1|2|i|greet|o")
    assert status == 0
    assert [(r.message_id, r.verdict, r.intent) for r in kept(store)] == [
        ("m1", "confirmed", "hours"),
        ("m2", "corrected", "fines"),
        ("m3", "corrected", "greeting"),
        ("m4", "out_of_scope", None),
    ]
    assert [r.client_id for r in kept(store)] == [f"client of m{n}" for n in range(1, 5)]
    assert "1 of 4: the model wavers between 'hours' (0.55) and 'fines' (0.45)" in shown
    assert "the fine i got is a joke [really]" in shown
    assert "> They take three days. [1]" in shown
    assert "Reviews today: eve 4." in shown
    assert run("review", "library", "--as", "eve")[1].strip() == "Reviews today: eve 4."


def test_sentiment_and_articles_are_noted_beside_the_intent(run: Run, store: Store) -> None:
    _, shown = run("review", "library", "--as", "eve", typed="s|neg|w|1|p|borrowing|1|q")
    noted = [(r.sentiment, r.wrong_document, r.document, r.intent) for r in kept(store)]
    assert noted[:2] == [("negative", None, None, None), (None, "opening", None, None)]
    assert noted[-1] == (None, None, None, "hours")
    assert {r.message_id for r in kept(store)} == {"m1"}
    assert "Noted. And the intent?" in shown


def test_undo_takes_back_all_that_was_said_of_a_message_and_shows_it_again(run: Run, store: Store) -> None:
    _, shown = run("review", "library", "--as", "eve", typed="u|s|1|1|u|o|k|s|3|u|2|q")
    assert "There is nothing to undo." in shown
    assert [(r.message_id, r.verdict, r.intent) for r in kept(store)] == [
        ("m1", "out_of_scope", None),
        ("m2", "skipped", None),
        ("m3", "corrected", "fines"),
    ]
    assert shown.count("Undone.") == 2


def test_what_makes_no_sense_is_said_and_asked_again(run: Run, store: Store) -> None:
    _, shown = run("review", "library", "--as", "eve", typed="x|9|i|zebra|i|h|i|greeting|q")
    assert shown.count("That key means nothing here.") == 2
    assert "No intent 'zebra'. Give a number or how its name begins." in shown
    assert [(r.message_id, r.intent) for r in kept(store)] == [("m1", "hours"), ("m2", "greeting")]


def test_a_new_intent_is_made_on_the_spot(run: Run, store: Store, settings: Settings) -> None:
    _, shown = run("review", "library", "--as", "eve", typed="n|hours|a|b|n|songs|a song|I cannot sing.|q")
    assert "There is 'hours' in [intents] already." in shown
    assert Domain.load(settings.apps[0]).intents["songs"].title == "a song"
    assert [(r.message_id, r.intent) for r in kept(store)] == [("m1", "songs")]


def test_a_complaint_comes_first(run: Run, store: Store) -> None:
    store.add_feedback(Feedback("m4", "client of m4", "down"))
    _, shown = run("review", "library", "--as", "eve", typed="k|q")
    assert [(r.message_id, r.verdict) for r in kept(store)] == [("m4", "skipped")]
    assert "1 of 4: the customer was not helped" in shown


def test_a_conversation_deleted_meanwhile_is_passed_over(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "messages", lambda self, conversation_id: [])
    status, shown = run("review", "library", "--as", "eve", typed="1")
    assert status == 0
    assert shown.count("its conversation has been deleted meanwhile") == 4
    assert kept(store) == []


def test_reviewers_who_disagree_are_shown(run: Run, store: Store) -> None:
    run("review", "library", "--as", "eve", typed="1|q")
    other = Review("library", MESSAGES["m1"], "corrected", "ben", "m1", intent="fines")
    ReviewBook(store.file).add(other)
    _, shown = run("review", "library", "--as", "eve", typed="q")
    assert "Reviewers disagree on 'my card wont let me borrow' (eve: hours, ben: fines)" in shown


def test_a_group_without_an_intent_becomes_one_with_one_key(run: Run, store: Store, settings: Settings) -> None:
    about = [
        "do you wrap gifts",
        "do you wrap gifts please",
        "gifts do you wrap",
        "wrap gifts you do",
        "you do wrap gifts",
    ]
    for number, text in enumerate(about):
        say(store, f"g{number}", text, strange=0.9)
    _, shown = run("review", "library", "--wishes", "--as", "eve", typed="n|gift_wrap|wrapping|We do.")
    assert "1 of 1: 5 messages, and no intent for them" in shown
    assert {(r.message_id, r.intent) for r in kept(store)} == {(f"g{n}", "gift_wrap") for n in range(5)}
    assert "gift_wrap" in Domain.load(settings.apps[0]).intents
    assert "1 of 1" not in run("review", "library", "--wishes", "--as", "eve", typed="q")[1]


def test_labels_that_look_wrong_are_shown_and_never_changed(
    run: Run, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agent import reviewing
    from agent.learning.labels import Suggestion

    found = [Suggestion(0, "loan_status", "reserve", 40.0), Suggestion(1, "loan_status", "hours", 12.0)]
    monkeypatch.setattr(reviewing, "label_errors", lambda vectors, labels: found)
    before = (settings.apps[0] / "examples.jsonl").read_text()
    _, shown = run("review", "library", "--labels", "--as", "eve", typed="2|1")
    assert "1 of 2: another intent is 40 times as likely" in shown
    assert [(r.text, r.verdict, r.intent, r.message_id) for r in kept(store)] == [
        ("where is my book", "corrected", "reserve", None),
        ("is my loan late", "confirmed", "loan_status", None),
    ]
    assert (settings.apps[0] / "examples.jsonl").read_text() == before


def test_export_writes_what_was_reviewed(run: Run, store: Store, tmp_path: Path) -> None:
    run("review", "library", "--as", "eve", typed="1|q")
    status, shown = run("export", "library", "--format", "jsonl")
    assert (status, json.loads(shown)["labels"]) == (0, {"intent": "hours"})
    target = tmp_path / "reviewed.csv"
    assert run("export", "library", "--to", str(target)) == (0, "")
    assert target.read_bytes().splitlines()[1].startswith(b"my card wont let me borrow,confirmed,hours")
    status, shown = run("export", "library", "--format", "xml")
    assert status == 1
    assert "choose csv, jsonl, preference, rasa" in shown
