"""The recommendation head's training: what it learns, and that it may be left and entered again."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from agent.errors import TrainingError
from agent.learning.ranking import rank_cases, split
from agent.learning.ranking_report import scorer_of
from agent.learning.recommend import HEAD_ALONE, UNCHOSEN, Keeping, learn_taste
from agent.learning.run import Step
from agent.learning.taste import NOTHING, Picked, TasteRun, TasteSettings, _sequence
from agent.model.backbone import mean_pool
from agent.model.heads import RecommendationHead, TasteShape
from agent.model.taste import Mix, Taste, TasteModel
from agent.types import Event
from tests.agent.learning.crowd import ITEMS, WIDTH, event, events, space

SETTINGS = TasteSettings(epochs=6, batch_size=16, learning_rate=1e-2)


def new_head() -> RecommendationHead:
    torch.manual_seed(0)
    return RecommendationHead(WIDTH, mean_pool, TasteShape(width=16, dropout=0.1))


def run_of(head: RecommendationHead, settings: TasteSettings = SETTINGS) -> TasteRun:
    return TasteRun(head, space(), events(), (), settings)


def test_the_head_learns_what_comes_next() -> None:
    items, done = space(), events()
    cut = split((e for own in done.values() for e in own), items=items.ids)
    head = new_head()
    run = TasteRun(head, items, cut.before(cut.test), (), dataclasses.replace(SETTINGS, epochs=25))

    def found() -> float:
        model = TasteModel(items, head, Taste(run.learned(), HEAD_ALONE))
        return float(rank_cases(scorer_of(model, cut, items), cut.test).gains.mean())

    before = found()
    steps = list(run.train())
    assert (steps[-1].number, steps[-1].total, steps[-1].ends_epoch) == (run.total, run.total, True)
    assert steps[-1].losses["next"] < steps[0].losses["next"]
    assert found() > max(0.7, before)


def test_a_run_that_was_left_goes_on_as_if_it_had_not_been() -> None:
    whole = run_of(new_head())
    for _ in whole.train():
        pass
    first = run_of(new_head())
    for step in first.train():
        if step.number == whole.total // 2 + 1:
            break
    state = first.state()
    second = run_of(new_head())
    second.load_state(state)
    for _ in second.train():
        pass
    assert second.done == whole.done
    for name, weight in whole.trainable.items():
        assert torch.equal(weight, second.trainable[name]), name


def test_what_the_head_reads_in_words_is_left_to_the_adapters_training() -> None:
    head = new_head()
    before = head.residual.weight.detach().clone()
    for _ in run_of(head).train():
        pass
    assert torch.equal(head.residual.weight, before)


def test_a_sequence_names_the_next_like_and_not_what_was_only_seen() -> None:
    own = [
        event("a", 1, 0),
        event("a", 2, 1, "view"),
        event("a", 3, 2, "dislike"),
        event("a", 4, 3),
        event("a", 5, 4, "view"),
    ]
    found = _sequence(own, space(), TasteSettings())
    assert found.targets.tolist() == [4, 4, 4, NOTHING, NOTHING]
    assert found.unwanted.tolist() == [3]


def test_a_like_that_was_far_down_a_row_counts_more() -> None:
    own = [event("a", 1, 0), dataclasses.replace(event("a", 2, 1), position=2), event("a", 3, 2)]
    found = _sequence(own, space(), TasteSettings(noticed=(1.0, 0.25)))
    assert found.weights.tolist() == [4, 1, 1]


def test_items_with_too_few_likes_have_no_vector_of_their_own() -> None:
    run = TasteRun(new_head(), space(), {"a": [event("a", 1, 0), event("a", 2, 1)]}, (), SETTINGS)
    for _ in run.train():
        pass
    assert not run.learned().offsets.any()
    assert run.learned().likes[[0, 1, 2]].tolist() == [0, 1, 1]


def test_a_disliked_item_is_pushed_away() -> None:
    liking = {f"u{n}": [event(f"u{n}", 1, 0), event(f"u{n}", 2, 1)] for n in range(20)}
    against = {u: [*own, event(u, 3, 2, "dislike")] for u, own in liking.items()}

    def score_of_three(done: dict[str, list[Event]]) -> float:
        items, head = space(), new_head()
        run = TasteRun(head, items, done, (), dataclasses.replace(SETTINGS, epochs=15, enough=1))
        for _ in run.train():
            pass
        model = TasteModel(items, head, Taste(run.learned(), HEAD_ALONE))
        scores = model.scores([event("x", 1, 0)])
        return float(scores[3] - scores.mean())

    assert score_of_three(against) < score_of_three(liking)


def test_texts_lead_to_the_items_that_a_person_picked() -> None:
    items, head = space(), new_head()
    rng = np.random.default_rng(3)
    words = rng.normal(size=(4, WIDTH)).astype(np.float32)
    words /= np.linalg.norm(words, axis=1, keepdims=True)
    picked = [Picked(words[n], (f"i{n}",), (f"i{n + 10}",), history=[event("a", 30, 0)] * (n % 2)) for n in range(4)]
    run = TasteRun(head, items, {}, picked * 10, dataclasses.replace(SETTINGS, epochs=25, enough=1))
    for _ in run.train():
        pass
    model = TasteModel(items, head, Taste(run.learned(), HEAD_ALONE))
    assert [model.rank(one.history, one.words, k=1)[0].item for one in picked] == ["i0", "i1", "i2", "i3"]


def test_nothing_to_learn_from() -> None:
    with pytest.raises(TrainingError, match="nothing to learn a taste from"):
        TasteRun(new_head(), space(), {"a": [event("a", 1, 0)]}, (), SETTINGS)


def test_a_taste_is_chosen_on_validation_and_learned_from_all(tmp_path: Path) -> None:
    items, done = space(), events()
    steps: list[Step] = []
    keeping = Keeping(tmp_path, "one", steps.append)
    taste, chosen = learn_taste(new_head(), items, done, (), SETTINGS, keeping)
    assert chosen.figures["mix"] >= chosen.figures["head"]
    assert chosen.mix == taste.mix != UNCHOSEN
    assert taste.learned.links.nnz
    assert 1 <= chosen.epochs <= SETTINGS.epochs
    # 60 users of 11 events make 4 batches of 16.
    assert [s.number for s in steps[-chosen.epochs * 4 :]] == list(range(1, chosen.epochs * 4 + 1))
    assert taste.learned.likes.sum() == 600


def test_an_interrupted_taste_goes_on_where_it_was(tmp_path: Path) -> None:
    whole, _ = learn_taste(new_head(), space(), events(), (), SETTINGS)

    def stop(step: Step) -> None:
        if step.number == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn_taste(new_head(), space(), events(), (), SETTINGS, Keeping(tmp_path, "one", stop))
    taste, _ = learn_taste(new_head(), space(), events(), (), SETTINGS, Keeping(tmp_path, "one"))
    np.testing.assert_array_equal(taste.learned.offsets, whole.learned.offsets)


def test_with_few_users_nothing_is_chosen() -> None:
    taste, chosen = learn_taste(new_head(), space(), events(3), (), SETTINGS)
    assert (chosen.epochs, chosen.figures) == (SETTINGS.epochs, {})
    assert taste.mix == UNCHOSEN


def test_the_weight_of_words_is_chosen_where_there_are_texts_enough() -> None:
    items = space()
    picked = [Picked(items.texts[n % ITEMS], (f"i{n % ITEMS}",)) for n in range(160)]
    _, chosen = learn_taste(new_head(), items, events(), picked, dataclasses.replace(SETTINGS, epochs=1))
    assert chosen.mix.words != 0
    assert dataclasses.replace(chosen.mix, words=0.0) != Mix()
