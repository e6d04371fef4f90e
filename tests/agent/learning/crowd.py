"""A crowd of users with two tastes, whose likes follow an order: small enough for tests, plain enough to be learned."""

from __future__ import annotations

import numpy as np

from agent.model.items import ItemSpace
from agent.types import Event, EventKind

ITEMS = 40
WIDTH = 32


def event(user: str, item: int, number: int, kind: EventKind = "like") -> Event:
    at = f"2024-{1 + number // 28:02}-{1 + number % 28:02}T00:00:00.000000+00:00"
    return Event(f"{user}-{number}", "app", user, f"i{item}", kind, at)


def space() -> ItemSpace:
    """Items of the one taste lie near each other, and far from those of the other."""
    rng = np.random.default_rng(0)
    poles = rng.normal(size=(2, WIDTH))
    vectors = poles[np.arange(ITEMS) // (ITEMS // 2)] + 0.5 * rng.normal(size=(ITEMS, WIDTH))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return ItemSpace([f"i{n}" for n in range(ITEMS)], vectors.astype(np.float32))


def events(users: int = 60) -> dict[str, list[Event]]:
    """A user goes round one half of the items from a place of their own, and dislikes one of the other half."""
    rng = np.random.default_rng(1)
    half = ITEMS // 2
    found = {}
    for number in range(users):
        first, side, user = int(rng.integers(half)), number % 2, f"u{number}"
        found[user] = [event(user, side * half + (first + step) % half, step) for step in range(10)]
        found[user].append(event(user, (1 - side) * half + first, 10, "dislike"))
    return found
