"""The bodies of the API's part for recommendations: events, rows of items, profiles."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from agent.event_rows import MOST_ID, MOST_SHOWN
from agent.profile import Opinion, Profile
from agent.recommend import Added, Picks
from agent.types import Card, EventKind

MOST_EVENTS = 1000
"""In one request."""

Id = Annotated[str, Field(min_length=1, max_length=MOST_ID)]


class EventIn(BaseModel):
    """Something a user did with an item."""

    model_config = ConfigDict(extra="forbid")

    id: Id = Field(description="Yours; the same id sent again counts once.")
    item: Id
    kind: EventKind = Field(description="`rate` comes with a `value`.")
    value: float | None = Field(None, description="With `rate`: the mark, 0 to 5.")
    at: str | float | None = Field(
        None, description="When it happened: ISO 8601, or seconds since 1970; now, if it is left out."
    )
    row: Id | None = Field(None, description="The `row` of recommendations that the item was in; it says the place.")
    shown: list[Id] | None = Field(
        None, max_length=MOST_SHOWN, description="Instead of `row`, for a row of your own: its items in order."
    )
    position: int | None = Field(None, description="Place in it, from 1 on, if neither `row` nor `shown` says so.")


class EventsIn(BaseModel):
    """Events of one user."""

    model_config = ConfigDict(extra="forbid")

    app: str | None = Field(None, max_length=100, description="Default: the first app with items.")
    user: Id | None = Field(None, description="With an API key: whose events these are; else the client's own.")
    events: list[EventIn] = Field(min_length=1, max_length=MOST_EVENTS)


class RejectedOut(BaseModel):
    id: str
    reason: str


class AddedOut(BaseModel):
    added: int
    known: int = Field(description="Had come before, by their ids; they changed nothing.")
    rejected: list[RejectedOut] = Field(description="Could not be taken; all others were.")


class CardOut(BaseModel):
    """An item as it is offered."""

    item_id: str
    title: str
    text: str
    image: str = Field(description="A path on this server or an https address; empty for none.")
    url: str
    price: float | None
    why: list[str] = Field(description="What moved it up, the strongest first.")


class PicksOut(BaseModel):
    row: str = Field(description="Name it in the events that come of these items.")
    cards: list[CardOut]
    note: str = Field(description="What to tell the user: why nothing fits, or which wishes contradict each other.")
    closest: CardOut | None = Field(description="Where nothing fits: the item that misses by the least.")


class CardsOut(BaseModel):
    cards: list[CardOut]


class OpinionOut(BaseModel):
    item: str
    title: str
    kind: EventKind
    value: float | None
    at: str


class TraitOut(BaseModel):
    value: str
    liked: int = Field(description="Liked items that have it, of `of`.")
    of: int


class WishOut(BaseModel):
    value: str
    said: str = Field(description="The message that said so.")
    at: str


class ProfileOut(BaseModel):
    events: int
    liked: list[OpinionOut]
    disliked: list[OpinionOut]
    looked_at: list[OpinionOut]
    traits: list[TraitOut] = Field(description="Words that stand more often with liked items than in the catalogue.")
    wishes: list[WishOut] = Field(description="What is not offered, until it is taken back.")


def added_json(added: Added) -> dict[str, Any]:
    """In the form of AddedOut."""
    rejected = [{"id": name, "reason": reason} for name, reason in added.rejected]
    return {"added": added.added, "known": added.known, "rejected": rejected}


def card_json(card: Card) -> dict[str, Any]:
    """In the form of CardOut."""
    return asdict(card) | {"why": [*card.why]}


def picks_json(picks: Picks) -> dict[str, Any]:
    """In the form of PicksOut."""
    closest = None if picks.closest is None else card_json(picks.closest)
    return {
        "row": picks.row,
        "cards": [card_json(card) for card in picks.cards],
        "note": picks.note,
        "closest": closest,
    }


def profile_json(profile: Profile) -> dict[str, Any]:
    """In the form of ProfileOut."""
    return {
        "events": profile.events,
        "liked": [_opinion_json(one) for one in profile.liked],
        "disliked": [_opinion_json(one) for one in profile.disliked],
        "looked_at": [_opinion_json(one) for one in profile.looked_at],
        "traits": [asdict(trait) for trait in profile.traits],
        "wishes": [asdict(wish) for wish in profile.wishes],
    }


def _opinion_json(one: Opinion) -> dict[str, Any]:
    event = one.event
    return {"item": one.item, "title": one.title, "kind": event.kind, "value": event.value, "at": event.at}
