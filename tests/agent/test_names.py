from __future__ import annotations

from typing import Any

import pytest

from agent.apps import open_index
from agent.domain import Domain
from agent.errors import BadInputError
from agent.model.backbone import Backbone
from agent.names import check_feedback, check_review
from agent.types import Feedback, Review
from index.knowledge import KnowledgeIndex
from tests.agent.library import make_library

App = tuple[Domain, KnowledgeIndex]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, tiny: Backbone) -> App:
    settings = make_library(tmp_path_factory.mktemp("names"))
    domain = Domain.load(settings.apps[0])
    return domain, open_index(domain, settings.data, tiny)


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "up"},
        {"kind": "down", "reason": "wrong", "comment": "not at all"},
        {"kind": "intent", "value": "fines"},
        {"kind": "right_passage", "value": "opening#1"},
        {"kind": "wrong_passage", "value": "opening#1"},
        {"kind": "sentiment", "value": "negative"},
        {"kind": "csat", "value": "5"},
        {"kind": "comment", "comment": "kind, but slow"},
        {"kind": "takeover"},
    ],
)
def test_feedback_that_names_what_there_is(app: App, said: dict[str, Any]) -> None:
    check_feedback(Feedback("m1", "c1", **said), *app)


@pytest.mark.parametrize(
    ("kind", "value", "code", "told"),
    [
        ("intent", "fine", "unknown_intent", "There is no intent 'fine'. Did you mean 'fines'?"),
        ("intent", "", "unknown_intent", "Known: "),
        ("right_passage", "opening#9", "unknown_passage", "Did you mean 'opening#"),
        ("wrong_passage", "zzz", "unknown_passage", "There is no passage 'zzz'."),
        ("sentiment", "angry", "unknown_sentiment", "Known: negative, neutral, positive."),
        ("csat", "0", "unknown_mark", "Known: 1, 2, 3, 4, 5."),
        ("csat", "6", "unknown_mark", "Known: 1, 2, 3, 4, 5."),
        ("csat", "3.5", "unknown_mark", "There is no mark '3.5'."),
        ("up", "very", "bad_value", "kind 'up' takes no value"),
        ("comment", "", "bad_value", "needs a comment"),
    ],
)
def test_feedback_that_names_nothing_is_told_what_there_is(
    app: App, kind: Any, value: str, code: str, told: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        check_feedback(Feedback("m1", "c1", kind, value), *app)
    assert caught.value.code == code
    assert told in str(caught.value)


def test_reviews_name_what_there_is(app: App) -> None:
    def review(**said: Any) -> Review:
        return Review("library", "what is this", "corrected", "eve", **said)

    check_review(review(intent="fines", document="opening", sentiment="negative"), *app)
    for said, told in (
        ({"intent": "fine"}, "There is no intent 'fine'. Did you mean 'fines'?"),
        ({"document": "openings"}, "There is no article 'openings'. Did you mean 'opening'?"),
        ({"wrong_document": "openings"}, "There is no article 'openings'."),
    ):
        with pytest.raises(BadInputError) as caught:
            check_review(review(**said), *app)
        assert told in str(caught.value)
