from __future__ import annotations

import json

import pytest

from agent.dialogue.tracker import Clarification, FormState, Tracker


def test_a_conversation_in_mid_form_survives_json() -> None:
    tracker = Tracker(
        "c1", "library", turns=3, slots={"card": "C-1234"}, anger=1, used_responses={"lead_in.neutral": 2}
    )
    tracker.form = FormState("reserve", "reservation", {"card": "C-1234"}, asking="book")
    tracker.clarification = Clarification(("hours", "fines"), "how about it")
    again = Tracker.from_dict(json.loads(json.dumps(tracker.to_dict())))
    assert again == tracker
    assert again.expecting == "book"


def test_nothing_is_expected_without_a_form() -> None:
    assert Tracker("c1", "library").expecting is None


def test_an_unknown_key_is_not_ignored() -> None:
    with pytest.raises(TypeError, match="mood"):
        Tracker.from_dict(Tracker("c1", "library").to_dict() | {"mood": 1})
