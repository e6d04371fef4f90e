"""Whether what people say of a message names what the app has: its intents, its articles and their passages."""

from __future__ import annotations

from collections.abc import Iterable

from agent.domain import Domain
from agent.domain_file import hint
from agent.errors import BadInputError
from agent.types import SENTIMENTS, Feedback, Review
from index.knowledge import KnowledgeIndex

MARKS = ("1", "2", "3", "4", "5")
"""What ``csat`` may say, from very bad to very good."""


def check_feedback(feedback: Feedback, domain: Domain, index: KnowledgeIndex) -> None:
    """Raises BadInputError, which names what there is, if ``value`` does not fit the kind."""
    value = feedback.value
    match feedback.kind:
        case "intent":
            _known("intent", value, domain.intents)
        case "right_passage" | "wrong_passage":
            _known_passage(value, index)
        case "sentiment":
            _known("sentiment", value, SENTIMENTS)
        case "csat":
            _known("mark", value, MARKS)
        case _ if value:
            raise BadInputError("bad_value", f"Feedback of kind '{feedback.kind}' takes no value; leave it out.")
        case "comment" if not feedback.comment.strip():
            raise BadInputError("bad_value", "Feedback of kind 'comment' needs a comment.")


def check_review(review: Review, domain: Domain, index: KnowledgeIndex) -> None:
    """Raises BadInputError, which names what there is, if the review names an intent or an article there is not."""
    if review.intent is not None:
        _known("intent", review.intent, domain.intents)
    articles = {document.id for document in index.documents()}
    for article in (review.document, review.wrong_document):
        if article is not None:
            _known("article", article, articles)


def _known(what: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise BadInputError(f"unknown_{what}", f"There is no {what} '{value[:60]}'. {hint(value, known)}")


def _known_passage(value: str, index: KnowledgeIndex) -> None:
    try:
        index.passage(value)
    except KeyError:
        options = hint(value, [passage.id for passage in index.passages()])
        raise BadInputError("unknown_passage", f"There is no passage '{value[:60]}'. {options}") from None
