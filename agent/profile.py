"""What a user's events and wishes say of them, in facts that can be checked: no guess, nothing of a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.catalogue import Catalogue, values_of
from agent.events import Wish
from agent.model.history import disliked, liked
from agent.types import Event

MOST_TRAITS = 5
MOST_LISTED = 50
LEAST_LIKED = 3
"""Liked items that must share a word before it is called a trait."""
LEAST_LIFT = 1.5
"""How much more often it must stand with liked items than in the whole catalogue."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a user thinks of an item, by the last that they said or did about it."""

    item: str
    title: str
    event: Event
    """Which says so."""


@dataclass(frozen=True, slots=True)
class Trait:
    """A word of attributes that stands often with what the user liked."""

    value: str
    liked: int
    """Liked items with it, of ``of``."""
    of: int


@dataclass(frozen=True, slots=True)
class Profile:
    """What is kept of a user, and what it amounts to."""

    events: int
    liked: tuple[Opinion, ...]
    """The latest first, as with the two below."""
    disliked: tuple[Opinion, ...]
    looked_at: tuple[Opinion, ...]
    """Without an opinion of them."""
    traits: tuple[Trait, ...]
    wishes: tuple[Wish, ...]


def opinions(history: Iterable[Event], catalogue: Catalogue) -> tuple[list[Opinion], list[Opinion], list[Opinion]]:
    """The liked, disliked, and merely looked at items of one user's events (the oldest first); the latest first.

    The last opinion of an item counts; looking at it again does not change it. What is no longer in the catalogue, and
    marks between good and bad, are left out.
    """
    told: dict[str, Event] = {}
    for event in history:
        if event.item in catalogue.row and (is_opinion(event) or not is_opinion(told.get(event.item, event))):
            told.pop(event.item, None)
            told[event.item] = event
    found: Mapping[str, list[Opinion]] = {"liked": [], "disliked": [], "looked": [], "": []}
    for event in reversed(told.values()):
        title = catalogue.items[catalogue.row[event.item]].title
        found[_side(event)].append(Opinion(event.item, title, event))
    return found["liked"], found["disliked"], found["looked"]


def is_opinion(event: Event) -> bool:
    """Whether it says what the user thinks of the item, which they then know already."""
    return event.kind not in ("view", "click")


def _side(event: Event) -> str:
    if liked(event):
        return "liked"
    if disliked(event):
        return "disliked"
    return "" if is_opinion(event) else "looked"


def profile_of(history: Sequence[Event], events: int, wishes: Sequence[Wish], catalogue: Catalogue) -> Profile:
    """``history`` holds the latest of the user's ``events``, the oldest of them first."""
    pro, contra, looked = opinions(history, catalogue)
    return Profile(
        events,
        tuple(pro[:MOST_LISTED]),
        tuple(contra[:MOST_LISTED]),
        tuple(looked[:MOST_LISTED]),
        _traits([opinion.item for opinion in pro], catalogue),
        tuple(wishes),
    )


def _traits(items: Sequence[str], catalogue: Catalogue) -> tuple[Trait, ...]:
    counts = Counter(value for item in items for value in set(values_of(catalogue.items[catalogue.row[item]])))
    often = [
        Trait(value, count, len(items))
        for value, count in counts.items()
        if count >= LEAST_LIKED and count / len(items) >= LEAST_LIFT * catalogue.share(value)
    ]
    return tuple(sorted(often, key=lambda trait: (-trait.liked, trait.value))[:MOST_TRAITS])
