"""Recommender: what an app offers to a user, why, and what it knows of them.

A user's state is read from the database at each call, so that the next answer has learned from the last click. How
items are ranked is the model's part (``agent.model.taste``); which may be ranked at all is decided here, before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import SystemRandom
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from agent.catalogue import Catalogue, Filters, Mask, Numbers
from agent.database import DataFile
from agent.errors import BadInputError
from agent.event_rows import event_of
from agent.events import EventBook
from agent.holds import HoldBook
from agent.model.taste import Scored, TasteModel
from agent.nothing import nothing_fits
from agent.profile import Profile, is_opinion, opinions, profile_of
from agent.reasons import BY_CHANCE, MOST, card_of, of_popularity, of_wanted, sentences
from agent.types import Card, Event, Item, Prediction
from agent.wishes import Said, read_wishes
from index.items import ItemIndex

K = 10
MOST_K = 100
CANDIDATES = 5
"""How many times as many as are asked for are ranked before those that differ are picked."""
DIVERSITY = 0.2
"""The dial of maximal marginal relevance: 0 takes the best alone, 1 those that differ most."""
WANTED, LESS = 1.0, -2.0
"""What an item's score gains with each wanted attribute, and with one that is wanted less, in standard deviations; the
word alone, read by a model, pulls towards it in both cases."""
LIKES = 1e-3
"""What an item's score gains with the logarithm of one plus the number of people who like it: it decides where nothing
else does."""
POPULARITY_SECONDS = 60.0
"""How old the counts of popularity may be."""
NEAR = 500
"""Of a catalogue too large to rank whole: items near the words and near each of LATEST liked items that are ranked."""
LATEST = 20

_RANDOM = SystemRandom()

Read = Callable[[str], Prediction]


@dataclass(frozen=True, slots=True)
class Picks:
    """A row of items for a user."""

    row: str
    """Its id, by which an event names it; "" for an empty row."""
    cards: tuple[Card, ...]
    note: str = ""
    """What the user should be told: why nothing fits, or that two wishes contradict each other."""
    closest: Card | None = None
    """Where nothing fits: the item that misses by the least."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of events that came in."""

    added: int
    known: int
    """By their ids; they changed nothing."""
    rejected: tuple[tuple[str, str], ...]
    """Of each that was not taken, its id (or its number, from 1 on) and why."""


class Recommender:
    """Over one app's catalogue. Safe to call from many threads; raises what ``DataFile`` raises."""

    def __init__(
        self,
        app: str,
        catalogue: Catalogue,
        index: ItemIndex,
        model: TasteModel,
        file: DataFile,
        read: Read,
        explore: float = 0.0,
    ) -> None:
        """``index`` and ``model`` have the rows of the catalogue. ``read`` gives what the app's model reads in a text;
        ``explore`` is the share of places, 0 to 1, that go to an item drawn by chance from all that fit."""
        self.app = app
        self.catalogue = catalogue
        self.index = index
        self.model = model
        self.book = EventBook(file)
        self._holds = HoldBook(file)
        self._read = read
        self._explore = explore
        self._popular: tuple[float, Numbers] | None = None

    def recommend(
        self,
        user: str,
        words: str | Prediction | None = None,
        filters: Filters | None = None,
        k: int = K,
        *,
        diversity: float = DIVERSITY,
    ) -> Picks:
        """The ``k`` items that suit the user best, given what they did and what they say now; without either, those
        that most people like. The row is kept as shown.

        What the words say of wishes holds from now on ("no horror"), until it is taken back; prices, age and what is
        wanted hold for this row, and give way to ``filters``. ``diversity`` is 0 to 1.
        """
        said = self._said(words)
        history = self._history(user)
        wishes = self._wishes(user, said)
        asked = merged(filters or Filters(), said.wishes, wishes)
        masks = self._masks(asked, history)
        allowed = np.logical_and.reduce(list(masks.values()))
        note = torn(said.wishes, self.catalogue)
        if not allowed.any():
            cause, closest = nothing_fits(self.catalogue, masks, asked)
            return Picks("", (), f"{note} {cause}".strip(), closest)
        ranked = self._ranked(history, said, allowed, CANDIDATES * k)
        chosen = [one.item for one in self.model.diverse(ranked, k, diversity)]
        cards = [card_of(self._item(item), self._why(item, history, said)) for item in chosen]
        for place, item in self._explored(chosen, allowed).items():
            cards[place] = card_of(self._item(item), [BY_CHANCE])
        return Picks(self.book.show(self.app, user, [card.item_id for card in cards]), tuple(cards), note)

    def similar(self, item: str, k: int = K) -> list[Card]:
        """The ``k`` items nearest to one, which are in stock. Raises BadInputError if there is no such item."""
        self._require(item)
        allowed = self.catalogue.conditions(Filters())["in_stock"]
        return [card_of(self._item(one.item)) for one in self.model.similar(item, allowed=allowed, k=k)]

    def why(self, user: str, item: str) -> Card:
        """The item with what of the user's events moves its score, the strongest first. Raises BadInputError if there
        is no such item."""
        self._require(item)
        return card_of(self._item(item), self._why(item, self._history(user), _Said()))

    def profile(self, user: str) -> Profile:
        """What is kept of the user, and what it amounts to."""
        history = self.book.history(self.app, user)
        count = self.book.count(self.app, user)
        return profile_of(history, count, self.book.wishes(self.app, user), self.catalogue)

    def forget(self, user: str, *, item: str | None = None, wish: str | None = None) -> bool:
        """Forget what the user did with one item, or take back one wish; False if there is nothing of the kind.

        All there is of a user is erased by ``agent.privacy``, which reaches the backups. Raises HeldError.
        """
        self._holds.require_free(user)
        forgotten = 0 if item is None else self.book.forget(self.app, user, item)
        taken_back = wish is not None and self.book.take_back(self.app, user, wish)
        return forgotten > 0 or taken_back

    def add_events(self, user: str, rows: Sequence[Mapping[str, object]]) -> Added:
        """Keep events of one user; see ``agent.event_rows``. One that names the ``row`` that it comes from gets its
        place in it. What cannot be taken is named, and the others are kept."""
        events: list[Event] = []
        rejected: list[tuple[str, str]] = []
        for number, cells in enumerate(rows, start=1):
            try:
                event = event_of(self._with_row(user, cells), self.app, user)
                self._require(event.item)
            except BadInputError as error:
                rejected.append((str(cells.get("id") or number), str(error)))
            else:
                events.append(event)
        added = self.book.add(events)
        return Added(added, len(events) - added, tuple(rejected))

    def _with_row(self, user: str, cells: Mapping[str, object]) -> Mapping[str, object]:
        row = cells.get("row")
        if not row:
            return cells
        shown = self.book.shown(self.app, user, str(row))
        if not shown:
            raise BadInputError("unknown_row", f"This user was shown no row '{str(row)[:40]}'.")
        return {**cells, "shown": shown}

    def _require(self, item: str) -> None:
        if item not in self.catalogue.row:
            raise BadInputError("unknown_item", f"The catalogue has no item '{item[:60]}'.")

    def _item(self, item: str) -> Item:
        return self.catalogue.items[self.catalogue.row[item]]

    def _history(self, user: str) -> list[Event]:
        """The user's latest events with items that there are."""
        return [event for event in self.book.history(self.app, user) if event.item in self.catalogue.row]

    def _said(self, words: str | Prediction | None) -> _Said:
        if not words:
            return _Said()
        read = self._read(words) if isinstance(words, str) else words
        vector = read.query_vector if read.taste_vector is None else read.taste_vector
        return _Said(read.text, vector, read_wishes(read.text, self.catalogue.values))

    def _wishes(self, user: str, said: _Said) -> tuple[str, ...]:
        """What the user does not want, after what they say now has been kept."""
        # Whoever asks for a thing by its name wants it again.
        allow = {*said.wishes.allow, *said.wishes.want}
        if said.wishes.avoid or allow:
            self.book.change_wishes(self.app, user, said.wishes.avoid, sorted(allow), said.text)
        return tuple(wish.value for wish in self.book.wishes(self.app, user))

    def _masks(self, asked: Filters, history: Sequence[Event]) -> dict[str, Mask]:
        """By the filter's name, which items pass it; one at least."""
        masks = self.catalogue.conditions(asked)
        if asked.unseen:
            masks["unseen"] = ~self.catalogue.mask(event.item for event in history if is_opinion(event))
        _, disliked, _ = opinions(history, self.catalogue)
        masks["undisliked"] = ~self.catalogue.mask(opinion.item for opinion in disliked)
        return masks

    def _ranked(self, history: Sequence[Event], said: _Said, allowed: Mask, k: int) -> list[Scored]:
        """The ``k`` best of the allowed items, best first."""
        scores = self.model.scores(history, said.vector) + LIKES * np.log1p(self._popularity())
        rows = np.flatnonzero(self._narrowed(allowed, history, said))
        spread = float(scores[rows].std()) or 1.0
        for weight, values in ((WANTED, said.wishes.want), (LESS, said.wishes.less)):
            for value in values:
                scores += weight * spread * self.catalogue.having(value)
        best = rows[np.argsort(-scores[rows], kind="stable")[:k]]
        return [Scored(self.catalogue.items[row].id, float(scores[row])) for row in best]

    def _narrowed(self, allowed: Mask, history: Sequence[Event], said: _Said) -> Mask:
        """``allowed``, or of very many items those that lie near what was said or liked, and the popular ones."""
        if allowed.sum() <= self.index.flat_limit:
            return allowed
        liked, _, _ = opinions(history, self.catalogue)
        queries = [self.index.vectors[self.catalogue.row[opinion.item]] for opinion in liked[:LATEST]]
        queries += [] if said.vector is None else [said.vector]
        near = np.zeros(len(allowed), np.bool_)
        near[np.argsort(-np.where(allowed, self._popularity(), -1), kind="stable")[:NEAR]] = True
        for query in queries:
            near[[row for row, _ in self.index.search(query, NEAR, allowed)]] = True
        return near & allowed

    def _explored(self, chosen: Sequence[str], allowed: Mask) -> dict[int, str]:
        """Places of the row, from 0 on, that go to any other item that fits, each by chance (epsilon-greedy)."""
        places = [place for place in range(len(chosen)) if self._explore and _RANDOM.random() < self._explore]
        if not places:
            return {}
        free = np.flatnonzero(allowed & ~self.catalogue.mask(chosen))
        drawn = _RANDOM.sample(range(len(free)), min(len(places), len(free)))
        return {place: self.catalogue.items[free[n]].id for place, n in zip(places, drawn, strict=False)}

    def _popularity(self) -> Numbers:
        """(N,): how many people like each item."""
        kept = self._popular
        if kept is None or monotonic() > kept[0] + POPULARITY_SECONDS:
            counts = self.book.popularity(self.app)
            kept = monotonic(), np.array([counts.get(item.id, 0) for item in self.catalogue.items], np.float64)
            self._popular = kept
        return kept[1]

    def _why(self, item: str, history: Sequence[Event], said: _Said) -> list[str]:
        told = of_wanted(self._item(item), said.wishes.want)
        if history or said.vector is not None:
            told += sentences(self.model.explain(item, history, said.vector), said.text, self.catalogue)
        else:
            told += of_popularity(int(self._popularity()[self.catalogue.row[item]]))
        return told[:MOST]


@dataclass(frozen=True, slots=True)
class _Said:
    """What a user says now: the words, where they lie among the items, and what they say of attributes."""

    text: str = ""
    vector: NDArray[np.float32] | None = None
    wishes: Said = field(default_factory=Said)


def merged(filters: Filters, said: Said, wishes: Sequence[str]) -> Filters:
    """The filters that were asked for, with what was said where they are silent, and with all that is not wanted."""
    return replace(
        filters,
        price_least=said.price_least if filters.price_least is None else filters.price_least,
        price_most=said.price_most if filters.price_most is None else filters.price_most,
        age=said.age if filters.age is None else filters.age,
        avoid=tuple(dict.fromkeys((*filters.avoid, *wishes))),
    )


def torn(said: Said, catalogue: Catalogue) -> str:
    """What to say of wishes that contradict each other; "" if none do."""
    if not said.torn:
        return ""
    names = ", ".join(f"“{catalogue.values[value]}”" for value in said.torn)
    return f"You asked for {names} and against it; it is left out."
