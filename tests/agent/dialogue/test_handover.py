from __future__ import annotations

from pathlib import Path

from agent.domain import Domain
from tests.agent.dialogue.small_app import hit, predict
from tests.agent.dialogue.test_policy import Talk


def test_whoever_takes_over_finds_a_summary(domain: Domain, tmp_path: Path) -> None:
    talk = Talk(domain, tmp_path)
    talk.say(predict("when do you open", "hours"), [hit()])
    talk.say(predict("reserve emma on card 1234", "reserve"))
    talk.say(predict("a person, now!", "person", mood="negative"))
    summary = talk.tracker.summary
    assert summary is not None
    assert summary.wishes == ["opening hours", "reserving a book"]
    assert summary.slots == {"card": "C-1234", "book": "Emma"}
    assert [(n.text, n.kind, n.article) for n in summary.turns] == [
        ("when do you open", "answer", "opening"),
        ("reserve emma on card 1234", "form", None),
        ("a person, now!", "handoff", None),
    ]
    assert summary.moods == {"neutral": 2, "negative": 1}
    assert "person" in summary.reason


def test_what_is_said_to_the_person_joins_the_summary(domain: Domain, tmp_path: Path) -> None:
    talk = Talk(domain, tmp_path)
    talk.say(predict("a person please", "person"))
    reason = talk.tracker.summary.reason if talk.tracker.summary else ""
    talk.say(predict("it is about card 1234", "loan_status"))
    summary = talk.tracker.summary
    assert summary is not None
    assert summary.reason == reason
    assert [n.text for n in summary.turns] == ["a person please", "it is about card 1234"]


def test_long_talks_leave_the_latest_turns(domain: Domain, tmp_path: Path) -> None:
    talk = Talk(domain, tmp_path)
    for number in range(40):
        talk.say(predict(f"hello {number} " + "x" * 500, "greeting"))
    notes = talk.tracker.notes
    assert len(notes) == 30
    assert notes[-1].text.startswith("hello 39 ")
    assert max(len(note.text) for note in notes) == 200
