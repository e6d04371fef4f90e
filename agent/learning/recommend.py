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
from agent.model.learned import Learned
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


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where a run is kept, so that it goes on after Ctrl-C or a kill, and who is told of its steps: as for
    ``agent.learning.fit``."""

    checkpoint: Path | None = None
    identity: str = ""
    progress: Progress | None = None

    def at(self, stage: str) -> Keeping:
        """The same for one of two runs."""
        return self if self.checkpoint is None else dataclasses.replace(self, checkpoint=self.checkpoint / stage)


def learn_taste(
    head: RecommendationHead,
    space: ItemSpace,
    events: Mapping[str, Sequence[Event]],
    picked: Sequence[Picked] = (),
    settings: TasteSettings | None = None,
    keeping: Keeping | None = None,
) -> tuple[Taste, Chosen]:
    """Train ``head`` in place; what is learned beside it is returned.

    ``events`` by user, each in the order in which they were recorded; those of items that the space lacks are passed
    over. What was kept of the run stays until ``forget``. Raises TrainingError if there is nothing to learn from.
    """
    settings, keeping = settings or TasteSettings(), keeping or Keeping()
    untrained = copy.deepcopy(head.state_dict())
    chosen = _choose(head, space, events, picked, settings, keeping)
    head.load_state_dict(untrained)
    learned = train_head(head, space, events, picked, settings, chosen.epochs, keeping)
    likes = [space.rows(dict.fromkeys(e.item for e in own if liked(e))) for own in _ordered(events)]
    return Taste(dataclasses.replace(learned, links=learn_links(likes, len(space))), chosen.mix), chosen


def choose_epochs(
    head: RecommendationHead,
    space: ItemSpace,
    cut: Split,
    picked: Sequence[Picked],
    settings: TasteSettings,
    keeping: Keeping,
) -> tuple[Learned, int, float]:
    """Train the head on what came before the validation cases: what the items learned, the number of the best epoch,
    whose weights the head has then, and its NDCG."""
    run = TasteRun(head, space, cut.before(cut.validation), picked, settings)
    cases = [known_case(case, cut, space) for case in cut.validation]

    def validate() -> dict[str, float]:
        return {"head": figure_of(TasteModel(space, head, Taste(run.learned(), HEAD_ALONE)), cases)}

    kept = keeping.at("choice")
    history = fit(run, validate, checkpoint=kept.checkpoint, identity=kept.identity, progress=kept.progress)
    epochs = best_epoch(history)
    return run.learned(), epochs, history[epochs - 1]["head"]


def train_head(
    head: RecommendationHead,
    space: ItemSpace,
    events: Mapping[str, Sequence[Event]],
    picked: Sequence[Picked],
    settings: TasteSettings,
    epochs: int,
    keeping: Keeping,
) -> Learned:
    """Train the head for so many of the epochs of ``settings``; what the items learned."""
    run = TasteRun(head, space, events, picked, settings)
    last, kept = epochs * run.steps_an_epoch, keeping.at("all")
    fit(
        run,
        dict[str, float],
        checkpoint=kept.checkpoint,
        identity=kept.identity,
        progress=kept.progress,
        is_over=lambda: run.done >= last,
    )
    return run.learned()


def forget(checkpoint: Path) -> None:
    """Remove what was kept of a run whose taste was saved, or that is not to be gone on with."""
    for stage in ("choice", "all"):
        remove_checkpoint(checkpoint / stage)


def held_out(texts: int) -> range:
    """Places of the texts that the weight of words is chosen on: one in HELD_OUT, or none if those would be too few. No
    head may have learned from them by then."""
    return range(0, texts, HELD_OUT) if texts >= FEWEST * HELD_OUT else range(0)


def known_case(case: Case, cut: Split, space: ItemSpace) -> Known:
    """A case of the protocol, whose items are those of the space, as the model reads it."""
    past = past_of(known_events(cut.events[case.user][: case.before], space), space)
    return Known(past, case.history, np.array([case.target]))


def _ordered(events: Mapping[str, Sequence[Event]]) -> list[list[Event]]:
    return [sorted(own, key=lambda event: event.at) for own in events.values()]


def _choose(
    head: RecommendationHead,
    space: ItemSpace,
    events: Mapping[str, Sequence[Event]],
    picked: Sequence[Picked],
    settings: TasteSettings,
    keeping: Keeping,
) -> Chosen:
    try:
        cut = split((event for own in events.values() for event in own), items=space.ids)
    except TrainingError:
        return Chosen(settings.epochs, UNCHOSEN, {})
    if len(cut.validation) < FEWEST:
        return Chosen(settings.epochs, UNCHOSEN, {})
    held = held_out(len(picked))
    kept = [one for i, one in enumerate(picked) if i not in held]
    learned, epochs, alone = choose_epochs(head, space, cut, kept, settings, keeping)
    learned = dataclasses.replace(learned, links=learn_links(cut.likes(cut.validation), len(space)))
    model = TasteModel(space, head, Taste(learned, UNCHOSEN))
    cases = [known_case(case, cut, space) for case in cut.validation]
    mix = choose_mix(model, cases)
    if held:
        mix = choose_words(model.with_mix(mix), [_asked(picked[i], space) for i in held])
    return Chosen(epochs, mix, {"head": alone, "mix": figure_of(model.with_mix(mix), cases)})


def _asked(picked: Picked, space: ItemSpace) -> Known:
    events = known_events(picked.history, space)
    nothing: Rows = np.empty(0, np.int64)
    return Known(past_of(events, space), nothing, space.rows(picked.items), picked.words)
