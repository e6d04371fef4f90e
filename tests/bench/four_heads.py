"""four_heads: what intent and sentiment lose when the recommendation head is trained with them: the joint model's tasks
with the shop's texts and the items that a person would pick for them, against the joint model without.

Heavy: it trains the joint model a second time. The figure is the larger loss of accuracy on the test splits of
banking77 and sst2, in points.
"""

from __future__ import annotations

from pathlib import Path

import torch

from agent.items import read_items, texts_of
from agent.learning.fit import fit, remove_checkpoint
from agent.learning.probe import fit_probe
from agent.learning.tastes import FILE, TasteData, load_asked
from agent.learning.train import Row, TrainingRun, TrainingSet
from agent.model.heads import IntentHead
from agent.model.items import ItemSpace
from agent.model.multitask import QUERY, TASTE, HeadSpec, ModelSpec, MultiTaskModel
from agent.model.storage import load_model, save_model
from agent.progress import StepProgress
from tests.bench import data, joint
from tests.bench.result import Result

TARGET = 0.5
APP = Path("apps/shop")
TASKS = (joint.BANKING, joint.CLINC, joint.SST)


def tastes() -> TasteData:
    """The shop's items and texts; its users' histories do not touch the adapter."""
    items, rejects = read_items(APP / "items.jsonl")
    assert not rejects
    texts = texts_of(items)
    space = ItemSpace(tuple(texts), joint.backbone().encode(list(texts.values()), prompt="passage"))
    return TasteData(space, {}, load_asked(APP, texts))


def trained() -> MultiTaskModel:
    """The joint model with a recommendation head, from the cache or trained now."""
    found = tastes()
    folder = joint.CACHE / f"four-heads-{found.hash()[:16]}"
    if folder.is_dir():
        return load_model(folder, joint.backbone()).eval()
    rows, validation, documents = joint.rows_for(TASKS)
    picks = found.picks(len(rows))
    rows = [*rows, *(Row(one.text) for one in found.taught())]
    heads = {task: HeadSpec("sentiment" if task == joint.SST else "intent", joint.labels(task)) for task in TASKS}
    spec = ModelSpec({**heads, QUERY: HeadSpec("query"), TASTE: HeadSpec("recommendation")}, joint.ADAPTER)
    steps = -(-len(rows) // joint.SETTINGS.batch_size) * joint.SETTINGS.epochs
    model = MultiTaskModel(joint.backbone(), spec, total_steps=steps)
    targets = joint.frozen([row.text for row in rows])
    for name in TASKS:
        head = model.heads[name]
        if isinstance(head, IntentHead):
            own = [i for i, row in enumerate(rows) if name in row.labels]
            probe = fit_probe(targets[own], [rows[i].labels[name] for i in own], len(joint.labels(name)))
            head.start_from(*probe)
    run = TrainingRun(model, TrainingSet(rows, targets, documents, picks=picks), joint.SETTINGS)
    checkpoint = joint.CACHE / f"run-{folder.name}"
    with StepProgress("train four heads") as progress:
        fit(
            run,
            lambda: {task: joint.accuracy(model, validation, task) for task in TASKS},
            checkpoint=checkpoint,
            identity=folder.name,
            progress=progress,
        )
    save_model(model, folder)
    remove_checkpoint(checkpoint)
    return model.eval()


def measure() -> Result:
    """Both models' figures are of the heads alone, without the neighbours' vote."""
    torch.set_num_threads(1)
    if not (APP / FILE).is_file():
        return Result("four_heads", None, TARGET, False, {"why": f"{APP / FILE} is not there"})
    before, after = joint.trained(), trained()
    before.votes, before.temperatures = {}, {}
    tests = {
        joint.BANKING: data.labelled(data.table("banking77/test.csv"), joint.BANKING, joint.labels(joint.BANKING)),
        joint.SST: joint.sst_rows("test"),
    }
    losses, detail = [], {}
    for task, rows in tests.items():
        one, other = joint.accuracy(before, rows, task), joint.accuracy(after, rows, task)
        losses.append(100 * (one - other))
        detail |= {f"{task} without": one, f"{task} with": other}
    return Result("four_heads", max(losses), TARGET, max(losses) <= TARGET, detail)
