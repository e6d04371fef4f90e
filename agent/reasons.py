"""Why an item is offered, in sentences: what moved its score, the strongest first, and nothing that did not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.catalogue import Catalogue, values_of
from agent.model.taste import Reason
from agent.types import Card, Event, Item

MOST = 3
LEAST_SHARE = 0.25
"""Of the strongest reason's weight, what another must have to be said."""
BY_CHANCE = "Something else to try, drawn by chance"
MOST_QUOTED = 60
"""Characters of the user's own words that are quoted."""


def card_of(item: Item, why: Sequence[str] = ()) -> Card:
    """The item as a card."""
    return Card(item.id, item.title, item.text, item.image, item.url, item.price, tuple(why))


def sentences(reasons: Iterable[Reason], text: str, catalogue: Catalogue) -> list[str]:
    """What moved an item up, the strongest first; ``text`` is what the user said."""
    up = sorted((reason for reason in reasons if reason.weight > 0), key=lambda reason: -reason.weight)
    told = [reason for reason in up if reason.weight >= LEAST_SHARE * up[0].weight]
    said = f"Because you said “{quoted(text)}”"
    return list(dict.fromkeys(_of_event(reason.event, catalogue) if reason.event else said for reason in told))


def of_wanted(item: Item, want: Sequence[str]) -> list[str]:
    """What of an item was asked for by name."""
    return [f"You asked for “{value}”" for value in values_of(item) if value.casefold() in want]


def of_popularity(count: int) -> list[str]:
    """Where nothing but other users' liking put an item where it is."""
    return [f"Liked by {count} {'person' if count == 1 else 'people'} here"] if count else []


def quoted(text: str) -> str:
    """The beginning of a text, cut between words."""
    if len(text) <= MOST_QUOTED:
        return text
    return text[: MOST_QUOTED + 1].rsplit(" ", 1)[0][:MOST_QUOTED] + " …"


def _of_event(event: Event, catalogue: Catalogue) -> str:
    title = catalogue.items[catalogue.row[event.item]].title
    match event.kind:
        case "like":
            return f"Because you liked “{title}”"
        case "buy":
            return f"Because you bought “{title}”"
        case "dislike":
            return f"Because “{title}” was not for you"
        case "rate":
            return f"Because you gave “{title}” {event.value:g}"
        case _:
            return f"Because you looked at “{title}”"
