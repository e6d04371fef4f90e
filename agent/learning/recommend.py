"""Learns a taste from users' events and from texts with the items that a person would pick.

Twice: first without each user's last likes, on which the number of epochs and the mix are chosen, then from all there
is. It knows nothing of versions and terminals.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.errors import TrainingError
from agent.learning.fit import Progress, best_epoch, fit, remove_checkpoint
from agent.learning.links import learn_links
from agent.learning.mix import Known, choose_mix, choose_words, figure_of
from agent.learning.ranking import Case, Split, split
from agent.learning.taste import Picked, TasteRun, TasteSettings
from agent.model.heads import RecommendationHead
from agent.model.history import known_events, liked, past_of
from agent.model.items import ItemSpace, Rows
from agent.model.taste import Mix, Taste, TasteModel
from agent.types import Event

FEWEST = 30
"""Cases, and texts, below which a choice would be chance."""
HELD_OUT = 5
"""One text in so many is held out for the weight of words."""
UNCHOSEN = Mix(links=0.15, head=0.15)
HEAD_ALONE = Mix(texts=0.0, words=0.0, links=0.0, likes=0.0, head=1.0)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen before the taste was learned from all there is."""

    epochs: int
    mix: Mix
    figures: dict[str, float]
    """NDCG on the validation cases, of the ``head`` alone and of the ``mix``; empty if there were too few."""


def learn_taste(
    head: RecommendationHead,
    space: ItemSpace,
    events: Mapping[str, Sequence[Event]],
    picked: Sequence[Picked] = (),
    settings: TasteSettings | None = None,
    *,
    checkpoint: Path | None = None,
    identity: str = "",
    progress: Progress | None = None,
) -> tuple[Taste, Chosen]:
    """Train ``head`` in place; what is learned beside it is returned.

    ``events`` by user, each in the order in which they were recorded; those of items that the space lacks are passed
    over. ``checkpoint`` and ``identity`` as for ``agent.learning.fit``; it stays until ``forget``.

    Raises TrainingError if there is nothing to learn from.
    """
    settings = settings or TasteSettings()
    untrained = copy.deepcopy(head.state_dict())
    places = _places(checkpoint)
    chosen = _choose(head, space, events, picked, settings, places[0], identity, progress)
    head.load_state_dict(untrained)
    run = TasteRun(head, space, events, picked, settings)
    last = chosen.epochs * run.steps_an_epoch
    nothing = dict[str, float]
    fit(
        run,
        nothing,
        checkpoint=places[1],
        identity=identity,
        progress=progress,
        is_over=lambda: run.done >= last,
    )
    likes = [space.rows(dict.fromkeys(e.item for e in own if liked(e))) for own in _ordered(events)]
    learned = dataclasses.replace(run.learned(), links=learn_links(likes, len(space)))
    return Taste(learned, chosen.mix), chosen


def forget(checkpoint: Path) -> None:
    """Remove the checkpoints of a run whose taste was saved, or is not to be gone on with."""
    for folder in _places(checkpoint):
        if folder is not None:
            remove_checkpoint(folder)


def known_case(case: Case, cut: Split, space: ItemSpace) -> Known:
    """A case of the protocol, whose items are those of the space, as the model reads it."""
    past = past_of(known_events(cut.events[case.user][: case.before], space), space)
    return Known(past, case.history, np.array([case.target]))


def _places(checkpoint: Path | None) -> tuple[Path | None, Path | None]:
    return (None, None) if checkpoint is None else (checkpoint / "choice", checkpoint / "all")


def _ordered(events: Mapping[str, Sequence[Event]]) -> list[list[Event]]:
    return [sorted(own, key=lambda event: event.at) for own in events.values()]


def _choose(
    head: RecommendationHead,
    space: ItemSpace,
    events: Mapping[str, Sequence[Event]],
    picked: Sequence[Picked],
    settings: TasteSettings,
    checkpoint: Path | None,
    identity: str,
    progress: Progress | None,
) -> Chosen:
    try:
        cut = split((event for own in events.values() for event in own), items=space.ids)
    except TrainingError:
        return Chosen(settings.epochs, UNCHOSEN, {})
    if len(cut.validation) < FEWEST:
        return Chosen(settings.epochs, UNCHOSEN, {})
    held = picked[::HELD_OUT] if len(picked) >= FEWEST * HELD_OUT else ()
    kept = [one for one in picked if one not in held] if held else picked
    run = TasteRun(head, space, cut.before(cut.validation), kept, settings)
    cases = [known_case(case, cut, space) for case in cut.validation]

    def validate() -> dict[str, float]:
        return {"head": figure_of(TasteModel(space, head, Taste(run.learned(), HEAD_ALONE)), cases)}

    history = fit(run, validate, checkpoint=checkpoint, identity=identity, progress=progress)
    learned = dataclasses.replace(run.learned(), links=learn_links(cut.likes(cut.validation), len(space)))
    model = TasteModel(space, head, Taste(learned, UNCHOSEN))
    mix = choose_mix(model, cases)
    if held:
        mix = choose_words(model.with_mix(mix), [_asked(one, space) for one in held])
    epochs = best_epoch(history)
    figures = {"head": history[epochs - 1]["head"], "mix": figure_of(model.with_mix(mix), cases)}
    return Chosen(epochs, mix, figures)


def _asked(picked: Picked, space: ItemSpace) -> Known:
    events = known_events(picked.history, space)
    nothing: Rows = np.empty(0, np.int64)
    return Known(past_of(events, space), nothing, space.rows(picked.items), picked.words)
