"""The one model that the accuracy benches measure: banking77, clinc150, sst2 and bank FAQ pairs at once.

Trained once and kept in ``.cache/`` beside this file under a name made of data and settings, so that
all benches read the same weights. ``python -m tests.bench.joint`` trains it (resumable); the names
``banking77`` and ``sst2`` train the same head alone, for comparison.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import random
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from agent.learning.calibrate import fit_intent
from agent.learning.fit import fit, remove_checkpoint
from agent.learning.probe import fit_probe
from agent.learning.train import Row, TrainingRun, TrainingSet, TrainSettings
from agent.model.adapters import AdapterConfig
from agent.model.backbone import Backbone
from agent.model.heads import IntentHead
from agent.model.multitask import QUERY, HeadSpec, ModelSpec, MultiTaskModel
from agent.model.storage import load_model, save_model
from agent.progress import StepProgress
from tests.bench import data

CACHE = Path(__file__).parent / ".cache"
BANKING, CLINC, SST = "intent_banking77", "intent_clinc150", "sentiment"
SETTINGS = TrainSettings(epochs=1 if data.QUICK else 5, learning_rate=7e-4, sentiment=2.0, feeling_distillation=0.0)
"""The film reviews of sst2 are looked up nowhere, so nothing holds them near the frozen space."""
ALONE = dataclasses.replace(SETTINGS, pairs=0.0, distillation=0.0)
"""A head trained alone has neither pairs nor a query vector."""
ADAPTER = AdapterConfig(rank=32, alpha=64.0, dropout=0.0)
HELD_OUT_QUESTIONS = 400


@dataclasses.dataclass(frozen=True)
class BankFaq:
    """Bank questions and the distinct answers; ``right`` maps a question to the rows that answer it."""

    answers: list[str]
    right: dict[str, tuple[int, ...]]
    train: list[str]
    held_out: list[str]


@functools.cache
def backbone() -> Backbone:
    return Backbone.load(device="cpu" if not torch.cuda.is_available() else "cuda")


@functools.cache
def bank_faq() -> BankFaq:
    """Split by distinct question, so that no held-out question stands in training."""
    rows = data.table("bankfaqs/faq.csv")
    answers = sorted({row["answer"] for row in rows})
    at = {answer: i for i, answer in enumerate(answers)}
    right: dict[str, set[int]] = {}
    for row in rows:
        right.setdefault(" ".join(row["question"].split()), set()).add(at[row["answer"]])
    by_key: dict[str, str] = {}
    for question in sorted(right):
        by_key.setdefault(question.casefold(), question)
        right[by_key[question.casefold()]] |= right[question]
    questions = sorted(by_key.values())
    random.Random(0).shuffle(questions)
    return BankFaq(
        answers,
        {q: tuple(sorted(right[q])) for q in questions},
        questions[HELD_OUT_QUESTIONS:],
        questions[:HELD_OUT_QUESTIONS],
    )


def banking_split() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """(held out for calibration and early stop, train); both from the train file."""
    return data.split_off(data.table("banking77/train.csv"), 0.05)


def labels(head: str) -> tuple[str, ...]:
    if head == BANKING:
        return data.label_names(data.table("banking77/train.csv"))
    if head == CLINC:
        return data.label_names(data.table("clinc150/train.csv"))
    return ("negative", "positive")


def sst_rows(name: str) -> list[Row]:
    return [Row(row["text"], {SST: int(row["label"])}) for row in data.table(f"sst2/{name}.csv")]


def rows_for(tasks: tuple[str, ...]) -> tuple[list[Row], list[Row], NDArray[np.float32]]:
    """Training rows, validation rows, and the document matrix."""
    train: list[Row] = []
    validation: list[Row] = []
    documents = np.empty((0, backbone().dimension), np.float32)
    if BANKING in tasks:
        held, rest = banking_split()
        train += data.labelled(rest, BANKING, labels(BANKING))
        validation += data.labelled(held, BANKING, labels(BANKING))
    if CLINC in tasks:
        train += data.labelled(data.table("clinc150/train.csv"), CLINC, labels(CLINC))
        sample = data.split_off(data.table("clinc150/val.csv"), 0.25)[0]
        validation += data.labelled(sample, CLINC, labels(CLINC))
    if SST in tasks:
        train += sst_rows("train")
        validation += sst_rows("dev")
    if len(tasks) > 1:
        faq = bank_faq()
        # Answers that only held-out questions have are no wrong candidates in training.
        seen = sorted({a for q in faq.train for a in faq.right[q]})
        at = {answer: i for i, answer in enumerate(seen)}
        documents = backbone().encode([faq.answers[a] for a in seen], prompt="passage")
        train += [Row(q, documents=tuple(at[a] for a in faq.right[q])) for q in faq.train]
    if data.QUICK:
        random.Random(0).shuffle(train)
        train = train[:1500]
    return train, validation, documents


def frozen(texts: list[str]) -> NDArray[np.float32]:
    """Frozen embeddings, kept in the cache."""
    file = CACHE / f"frozen-{hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]}.safetensors"
    if not file.is_file():
        CACHE.mkdir(exist_ok=True)
        save_file({"vectors": torch.from_numpy(backbone().encode(texts, prompt="query"))}, file)
    return load_file(file)["vectors"].numpy()


def accuracy(model: MultiTaskModel, rows: list[Row], head: str) -> float:
    """Share of the rows of that head that get the right label."""
    own = [row for row in rows if head in row.labels]
    right = model.probabilities(model.read([row.text for row in own]), head).argmax(-1)
    return float((right == np.array([row.labels[head] for row in own])).mean())


def held_out(head: str) -> list[Row]:
    """What the vote, the temperature and the out-of-scope score of an intent head are fitted to."""
    rows = banking_split()[0] if head == BANKING else data.table("clinc150/val.csv")
    return data.labelled(rows, head, labels(head))


@functools.cache
def trained(tasks: tuple[str, ...] = (BANKING, CLINC, SST)) -> MultiTaskModel:
    """The model for these tasks, from the cache or trained now."""
    torch.set_num_threads(1)
    data.require()
    train, validation, documents = rows_for(tasks)
    settings = SETTINGS if len(tasks) > 1 else ALONE
    identity = hashlib.sha256(
        json.dumps(
            [
                tasks,
                dataclasses.asdict(settings),
                dataclasses.asdict(ADAPTER),
                [dataclasses.astuple(r) for r in train],
                backbone().hash,
            ]
        ).encode()
    ).hexdigest()[:16]
    folder = CACHE / f"model-{identity}"
    if not folder.is_dir():
        model = _train(tasks, settings, identity, train, validation, documents)
        if QUERY in model.heads:
            _fit_intents(model, train)
        save_model(model, folder)
        remove_checkpoint(CACHE / f"run-{identity}")
    return load_model(folder, backbone()).eval()


def _train(
    tasks: tuple[str, ...],
    settings: TrainSettings,
    identity: str,
    train: list[Row],
    validation: list[Row],
    documents: NDArray[np.float32],
) -> MultiTaskModel:
    heads = {task: HeadSpec("sentiment" if task == SST else "intent", labels(task)) for task in tasks}
    if len(tasks) > 1:
        heads[QUERY] = HeadSpec("query")
    steps = -(-len(train) // settings.batch_size) * settings.epochs
    model = MultiTaskModel(backbone(), ModelSpec(heads, ADAPTER), version=f"bench-{identity}", total_steps=steps)
    targets = frozen([row.text for row in train])
    for name in tasks:
        head = model.heads[name]
        if not isinstance(head, IntentHead):
            continue
        own = [i for i, row in enumerate(train) if name in row.labels]
        head.start_from(*fit_probe(targets[own], [train[i].labels[name] for i in own], len(labels(name))))
    run = TrainingRun(model, TrainingSet(train, targets, documents), settings)

    def validate() -> dict[str, float]:
        figures = {task: accuracy(model, validation, task) for task in tasks}
        print(" ".join(f"{k}={v:.4f}" for k, v in figures.items()), flush=True)
        return figures

    print("probe start: ", end="")
    validate()
    with StepProgress(f"train {'+'.join(tasks)}") as progress:
        fit(run, validate, checkpoint=CACHE / f"run-{identity}", identity=identity, progress=progress, every=200)
    return model


def _fit_intents(model: MultiTaskModel, train: list[Row]) -> None:
    """Temperature, vote and out-of-scope score of each intent head, without any out-of-scope text."""
    for head in (BANKING, CLINC):
        known, held = [row for row in train if head in row.labels], held_out(head)
        fit_intent(
            model,
            head,
            [row.text for row in known],
            [row.labels[head] for row in known],
            [row.text for row in held],
            [row.labels[head] for row in held],
        )


if __name__ == "__main__":
    wanted = {"banking77": (BANKING,), "sst2": (SST,), "joint": (BANKING, CLINC, SST)}
    for argument in sys.argv[1:] or ["joint"]:
        trained(wanted[argument])
