from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from agent.errors import TrainingError
from agent.learning.fit import fit, is_finished, remove_checkpoint
from agent.learning.run import Step
from agent.learning.train import UNIFORM, Picks, Row, TrainingRun, TrainingSet, TrainSettings
from agent.model.adapters import AdapterConfig, Method
from agent.model.backbone import Backbone
from agent.model.multitask import TASTE, HeadSpec, ModelSpec, MultiTaskModel

TEXTS = [
    "where is my parcel",
    "where is my order",
    "parcel is late",
    "i was charged twice",
    "charged twice",
    "wrong card charged",
]
SPEC = {
    "intent": HeadSpec("intent", ("track", "charge")),
    "sentiment": HeadSpec("sentiment", ("negative", "positive")),
    "query": HeadSpec("query"),
}


def make_run(tiny: Backbone, method: Method = "lora", **settings: float) -> TrainingRun:
    rows = [Row(t, {"intent": int(i > 2)}, documents=(int(i > 2),)) for i, t in enumerate(TEXTS)]
    rows += [
        Row("great thanks", {"sentiment": 1}),
        Row("awful", {"sentiment": 0}),
        Row("moon landing fake", {"intent": UNIFORM}),
    ]
    torch.manual_seed(0)
    chosen = TrainSettings(
        **({"epochs": 8, "batch_size": 4, "learning_rate": 5e-3, "head_learning_rate": 1e-2} | settings)
    )  # type: ignore[arg-type]
    model = MultiTaskModel(tiny, ModelSpec(SPEC, AdapterConfig(method, rank=4)), total_steps=24)
    documents = tiny.encode(["parcel order late", "card charged money"])
    return TrainingRun(model, TrainingSet(rows, tiny.encode([r.text for r in rows]), documents), chosen)


@pytest.mark.parametrize("method", get_args(Method))
def test_every_method_learns_all_tasks(tiny: Backbone, method: Method) -> None:
    run = make_run(tiny, method, epochs=30)
    steps = list(run.train())
    first, last = steps[0].losses | steps[1].losses, steps[-1].losses | steps[-2].losses
    assert {"intent", "sentiment", "distillation", "pairs"} <= set(first)
    read = run.model.read(TEXTS)
    assert read.logits["intent"].argmax(-1).tolist() == [0, 0, 0, 1, 1, 1]
    assert last["intent"] < first["intent"]


def test_an_outlier_is_trained_towards_even_probabilities(tiny: Backbone) -> None:
    with_it, without = make_run(tiny, outliers=5.0, epochs=20), make_run(tiny, outliers=0.0, epochs=20)
    for run in (with_it, without):
        list(run.train())
    spread = [run.model.read(["moon landing fake"]).logits["intent"].softmax(-1).max() for run in (with_it, without)]
    assert spread[0] < spread[1]


def believing(tiny: Backbone, belief: dict[int, tuple[float, float]], **settings: float) -> TrainingRun:
    """A run whose teachers believe something of some rows' intents."""
    run = make_run(tiny, epochs=30, **settings)
    beliefs = np.zeros((len(run.data.rows), 2), np.float32)
    for row, believed in belief.items():
        beliefs[row] = believed
    data = TrainingSet(run.data.rows, run.data.targets, run.data.documents, {"intent": beliefs})
    run = TrainingRun(run.model, data, run.settings)
    list(run.train())
    return run


def chance_of_charge(run: TrainingRun, text: str) -> float:
    return float(run.model.read([text]).logits["intent"].softmax(-1)[0, 1])


def test_a_text_without_a_label_is_learned_from_what_is_believed_of_it(tiny: Backbone) -> None:
    sure, other = believing(tiny, {6: (0.0, 1.0)}), believing(tiny, {6: (1.0, 0.0)})
    assert chance_of_charge(sure, "great thanks") > 0.8
    assert chance_of_charge(other, "great thanks") < 0.2


def test_a_belief_that_sums_to_less_counts_less(tiny: Backbone) -> None:
    faint, sure = believing(tiny, {6: (0.0, 0.02), 7: (1.0, 0.0)}), believing(tiny, {6: (0.0, 1.0), 7: (1.0, 0.0)})
    assert chance_of_charge(faint, "great thanks") < chance_of_charge(sure, "great thanks")


def test_distillation_keeps_the_query_near_the_frozen_vector(tiny: Backbone) -> None:
    near, far = make_run(tiny, distillation=20.0, pairs=0.0), make_run(tiny, distillation=0.0, pairs=5.0)
    for run in (near, far):
        list(run.train())
    frozen = tiny.encode(TEXTS)
    cosines = [float((run.model.read(TEXTS).query.numpy() * frozen).sum(1).mean()) for run in (near, far)]  # type: ignore[union-attr]
    assert cosines[0] > cosines[1]


def test_a_wrong_document_is_pushed_away(tiny: Backbone) -> None:
    """Of one text the right document is known too, of the other nothing but the wrong one."""
    documents = tiny.encode(["parcel order late", "card charged money", "where is the box"])
    rows = [Row("where is my parcel", documents=(0,), wrong_documents=(2,)), Row("charged twice", wrong_documents=(1,))]

    def cosines(wrong: bool) -> np.ndarray:
        own = rows if wrong else [Row(r.text, documents=r.documents) for r in rows]
        torch.manual_seed(0)
        model = MultiTaskModel(tiny, ModelSpec({"query": HeadSpec("query")}, AdapterConfig("lora", rank=4)))
        settings = TrainSettings(epochs=20, batch_size=2, learning_rate=5e-3, distillation=1.0)
        run = TrainingRun(model, TrainingSet(own, tiny.encode([r.text for r in own]), documents), settings)
        losses = [step.losses for step in run.train()]
        assert all(np.isfinite(list(found.values())).all() for found in losses)
        query = model.read([r.text for r in own]).query
        assert query is not None
        return query.numpy() @ documents.T  # type: ignore[no-any-return]

    told, untold = cosines(True), cosines(False)
    assert told[0, 0] - told[0, 2] > untold[0, 0] - untold[0, 2]
    assert told[1, 1] < untold[1, 1]


def test_a_text_all_of_whose_documents_are_wrong_teaches_nothing(tiny: Backbone) -> None:
    documents = tiny.encode(["parcel order late"])
    rows = [Row("charged twice", wrong_documents=(0,))]
    model = MultiTaskModel(tiny, ModelSpec({"query": HeadSpec("query")}, AdapterConfig("lora", rank=4)))
    run = TrainingRun(model, TrainingSet(rows, tiny.encode(["charged twice"]), documents), TrainSettings(epochs=1))
    assert [set(step.losses) for step in run.train()] == [{"distillation"}]


def test_a_run_whose_time_is_over_ends_with_the_best_so_far(tiny: Backbone, tmp_path: Path) -> None:
    run = make_run(tiny, epochs=8)
    seen: list[int] = []
    history = fit(
        run,
        lambda: {"intent": 0.5},
        checkpoint=tmp_path,
        identity="x",
        progress=lambda s: seen.append(s.number),
        is_over=lambda: len(seen) == 4,
    )
    assert seen == [1, 2, 3, 4], "an epoch has three steps"
    assert len(history) == 2
    assert not is_finished(run, history)
    whole = make_run(tiny, epochs=1)
    assert is_finished(whole, fit(whole, lambda: {"intent": 0.5}))
    stopped = make_run(tiny, epochs=8, patience=1)
    scores = iter([0.9, 0.5])
    assert is_finished(stopped, fit(stopped, lambda: {"intent": next(scores)}))


def test_the_same_seed_gives_the_same_weights_and_another_does_not(tiny: Backbone) -> None:
    def trained(seed: int) -> dict[str, torch.Tensor]:
        run = make_run(tiny, epochs=2, seed=seed)
        list(run.train())
        return run.trainable

    first, again, other = trained(1), trained(1), trained(2)
    assert all(torch.equal(first[n], again[n]) for n in first)
    assert any(not torch.equal(first[n], other[n]) for n in first)


def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(tiny: Backbone, tmp_path: Path) -> None:
    whole = make_run(tiny, epochs=3)
    fit(whole, lambda: {}, identity="x")

    def stop_at_five(step: Step) -> None:
        if step.number == 5:
            raise KeyboardInterrupt

    broken = make_run(tiny, epochs=3)
    with pytest.raises(KeyboardInterrupt):
        fit(broken, lambda: {}, checkpoint=tmp_path, identity="x", progress=stop_at_five)
    seen: list[int] = []
    resumed = make_run(tiny, epochs=3)
    fit(resumed, lambda: {}, checkpoint=tmp_path, identity="x", progress=lambda s: seen.append(s.number))
    assert seen[0] == 6
    assert all(torch.equal(whole.trainable[n], resumed.trainable[n]) for n in whole.trainable)


def test_a_run_that_was_killed_before_its_model_was_saved_is_not_repeated(tiny: Backbone, tmp_path: Path) -> None:
    first = make_run(tiny, epochs=2)
    history = fit(first, lambda: {"intent": 0.5}, checkpoint=tmp_path, identity="x")
    seen: list[Step] = []
    again = make_run(tiny, epochs=2)
    assert fit(again, lambda: {"intent": 0.9}, checkpoint=tmp_path, identity="x", progress=seen.append) == history
    assert not seen
    assert all(torch.equal(first.trainable[n], again.trainable[n]) for n in first.trainable)
    remove_checkpoint(tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_early_stop_is_kept_too(tiny: Backbone, tmp_path: Path) -> None:
    scores = iter([0.9, 0.5, 0.4])
    fit(make_run(tiny, epochs=8, patience=2), lambda: {"intent": next(scores)}, checkpoint=tmp_path, identity="x")
    seen: list[Step] = []
    fit(make_run(tiny, epochs=8, patience=2), dict, checkpoint=tmp_path, identity="x", progress=seen.append)
    assert not seen


def test_an_epoch_that_was_interrupted_before_its_figures_gets_them(tiny: Backbone, tmp_path: Path) -> None:
    def stop(step: Step) -> None:
        if step.ends_epoch:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(make_run(tiny, epochs=2), dict, checkpoint=tmp_path, identity="x", progress=stop)
    scores = iter([0.7, 0.8])
    history = fit(make_run(tiny, epochs=2), lambda: {"intent": next(scores)}, checkpoint=tmp_path, identity="x")
    assert [h["intent"] for h in history] == [0.7, 0.8]


def test_a_checkpoint_of_other_data_is_not_taken_up(tiny: Backbone, tmp_path: Path) -> None:
    def stop(step: Step) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(make_run(tiny), lambda: {}, checkpoint=tmp_path, identity="old", progress=stop)
    seen: list[int] = []
    fit(
        make_run(tiny, epochs=1),
        lambda: {},
        checkpoint=tmp_path,
        identity="new",
        progress=lambda s: seen.append(s.number),
    )
    assert seen[0] == 1


def test_a_damaged_checkpoint_is_named_with_the_remedy(tiny: Backbone, tmp_path: Path) -> None:
    def stop(step: Step) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(make_run(tiny), lambda: {}, checkpoint=tmp_path, identity="x", progress=stop)
    (file,) = tmp_path.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(TrainingError, match="--fresh"):
        fit(make_run(tiny), lambda: {}, checkpoint=tmp_path, identity="x")


def test_early_stop_keeps_the_best_epoch(tiny: Backbone) -> None:
    run = make_run(tiny, epochs=8, patience=2)
    scores = iter([0.5, 0.9, 0.6, 0.7, 1.0])
    kept: list[torch.Tensor] = []

    def validate() -> dict[str, float]:
        kept.append(run.trainable["heads.intent.classifier.weight"].detach().clone())
        return {"intent": next(scores)}

    history = fit(run, validate)
    assert [h["intent"] for h in history] == [0.5, 0.9, 0.6, 0.7]
    assert torch.equal(run.trainable["heads.intent.classifier.weight"], kept[1])


def test_tensorboard_logs_are_written(tiny: Backbone, tmp_path: Path) -> None:
    fit(make_run(tiny, epochs=1), lambda: {"intent": 1.0}, log_folder=tmp_path)
    assert list(tmp_path.glob("events.out.tfevents.*"))


def test_nothing_to_train_on_is_an_error(tiny: Backbone) -> None:
    model = MultiTaskModel(tiny, ModelSpec(SPEC))
    with pytest.raises(TrainingError, match="empty"):
        TrainingRun(
            model, TrainingSet([], np.empty((0, 32), np.float32), np.empty((0, 32), np.float32)), TrainSettings()
        )


def test_words_lead_to_the_items_that_a_person_picked_and_from_those_not_wanted(tiny: Backbone) -> None:
    items = tiny.encode(["box", "moon", "weather", "great landing"])
    texts = ["my parcel", "my card", "hello"]
    torch.manual_seed(0)
    spec = ModelSpec({**SPEC, TASTE: HeadSpec("recommendation")}, AdapterConfig(rank=4))
    model = MultiTaskModel(tiny, spec, total_steps=60)
    rows = [Row("where is my parcel", {"intent": 0}), Row("charged twice", {"intent": 1}), *map(Row, texts)]
    picks = Picks(items, {2: (1,), 3: (2,), 4: (0,)}, {2: (3,), 3: (0,)})
    data = TrainingSet(rows, tiny.encode([row.text for row in rows]), np.empty((0, 32), np.float32), picks=picks)
    run = TrainingRun(model, data, TrainSettings(epochs=60, learning_rate=5e-3, head_learning_rate=1e-2))
    steps = list(run.train())
    assert steps[-1].losses["taste"] < steps[0].losses["taste"]
    taste = model.read(texts).taste
    assert taste is not None
    cosines = taste.numpy() @ items.T
    assert cosines.argmax(1).tolist() == [1, 2, 0]
    assert cosines[0, 3] < cosines[0, 1]
    assert "taste" not in make_run(tiny)._losses([0, 1])
