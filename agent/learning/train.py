"""The multi-task training loop: a generator of steps that prints nothing and writes nothing.

``agent.learning.fit`` runs it, draws the progress and keeps the checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent.errors import TrainingError
from agent.learning.run import Run, Step
from agent.model.heads import ClassifierHead, SentimentHead
from agent.model.multitask import MultiTaskModel
from agent.model.tokens import plain_numbers

TASTE_DISTILLATION = 3.0
"""Weight of 1 - cosine between what the recommendation head reads in a text with picked items and the frozen embedding
of the text."""
UNIFORM = -1
"""Label of a text that belongs to no class of a head: its target is the uniform distribution
(outlier exposure, Hendrycks et al. 2019)."""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    epochs: int = 4
    batch_size: int = 32
    learning_rate: float = 1e-3
    head_learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup: float = 0.06
    """Share of the steps in which the rate climbs; after it the rate falls along a cosine to zero."""
    label_smoothing: float = 0.1
    distillation: float = 10.0
    """Weight of 1 - cosine between the query vector and the frozen embedding of the same text."""
    feeling_distillation: float = 1.0
    """Share of that weight for a text of which the sentiment alone is known: such texts may be of another field, where
    nothing is looked up, and the frozen space holds the head back."""
    sentiment: float = 1.0
    """Weight of the sentiment head's loss, which is small beside that of an intent head with many labels."""
    pairs: float = 3.0
    """Weight of finding the right document among all, where it is known."""
    pair_temperature: float = 0.05
    wrong_pairs: float = 5.0
    """How many documents, or items, one counts as that is wrong, where the right one is looked for."""
    outliers: float = 0.5
    """Weight of the uniform target for out-of-scope texts."""
    clip: float = 1.0
    patience: int = 2
    """Epochs without a better validation figure before training stops."""
    max_length: int = 128
    """Training texts are cut to so many tokens."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A training text with what is known of it."""

    text: str
    labels: dict[str, int] = field(default_factory=dict)
    """By classifier head; UNIFORM for an out-of-scope text."""
    documents: tuple[int, ...] = ()
    """Rows of the document matrix that answer the text."""
    wrong_documents: tuple[int, ...] = ()
    """Rows that do not answer it, as a person said."""


@dataclass(frozen=True, slots=True)
class Picks:
    """The items that a person would pick for some of the texts, by the text's row."""

    items: NDArray[np.float32]
    """Frozen embeddings of all items, (N, D)."""
    right: Mapping[int, tuple[int, ...]]
    wrong: Mapping[int, tuple[int, ...]]
    """Items that the text speaks against."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    rows: Sequence[Row]
    targets: NDArray[np.float32]
    """Frozen query embeddings of the rows, (N, D)."""
    documents: NDArray[np.float32]
    """Frozen embeddings of the documents, (M, D); may be empty."""
    beliefs: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """By classifier head, (N, L): the target of rows without a label (``agent.learning.teachers``). Such a row counts
    the less the less its target sums to; zeros are none."""
    picks: Picks | None = None
    """What the recommendation head learns from."""


class TrainingRun(Run):
    """One run over a model and a training set."""

    def __init__(self, model: MultiTaskModel, data: TrainingSet, settings: TrainSettings) -> None:
        if not data.rows:
            raise TrainingError("There is nothing to train on: the training set is empty.")
        self.model, self.data, self.settings = model, data, settings
        self.device = model.backbone.device
        prefix = (model.backbone.recipe.prompts or {}).get("query", "")
        self.texts = [prefix + plain_numbers(row.text) for row in data.rows]
        self.lengths = [min(n, settings.max_length) for n in model.backbone.token_counts(self.texts)]
        felt = {name for name, head in model.heads.items() if isinstance(head, SentimentHead)}
        self.shares = [
            settings.feeling_distillation if row.labels and set(row.labels) <= felt and not row.documents else 1.0
            for row in data.rows
        ]
        self.targets = torch.from_numpy(data.targets)
        self.documents = torch.from_numpy(data.documents).to(self.device)
        self.items = None if data.picks is None else torch.from_numpy(data.picks.items).to(self.device)
        adapter = [p for p in model.encoder.parameters() if p.requires_grad]
        groups = [{"params": list(model.heads.parameters()), "lr": settings.head_learning_rate}]
        if adapter:
            groups.append({"params": adapter, "lr": settings.learning_rate})
        super().__init__(
            {n: p for n, p in model.named_parameters() if p.requires_grad},
            groups,
            steps_an_epoch=math.ceil(len(data.rows) / settings.batch_size),
            epochs=settings.epochs,
            patience=settings.patience,
            warmup=settings.warmup,
            weight_decay=settings.weight_decay,
            seed=settings.seed,
        )

    def train(self) -> Iterator[Step]:
        while self.done < self.total:
            epoch = self.done // self.steps_an_epoch
            batches = self._batches(epoch)
            for rows in batches[self.done % self.steps_an_epoch :]:
                self.model.train()
                losses = self._descend(self._losses(rows), self.settings.clip)
                self.model.encoder.after_step(self.done)
                yield self._stepped(epoch, losses, len(rows))

    def _batches(self, epoch: int) -> list[list[int]]:
        """Shuffled rows, sorted by length within pools of 50 batches, in shuffled batches."""
        rng = np.random.default_rng((self.settings.seed, epoch))
        order = rng.permutation(len(self.texts)).tolist()
        size = self.settings.batch_size
        batches: list[list[int]] = []
        for start in range(0, len(order), size * 50):
            pool = sorted(order[start : start + size * 50], key=lambda i: self.lengths[i])
            batches += [pool[i : i + size] for i in range(0, len(pool), size)]
        return [batches[i] for i in rng.permutation(len(batches))]

    def _losses(self, rows: list[int]) -> dict[str, Tensor]:
        """Each loss is summed over the rows that have its label and divided by the batch size, so that
        every known label weighs the same whatever the mixture of the batch."""
        s = self.settings
        batch = self.model.backbone.tokenize([self.texts[i] for i in rows], s.max_length).to(self.device)
        outputs = self.model(batch)
        losses: dict[str, Tensor] = {}
        for name, head in self.model.heads.items():
            if not isinstance(head, ClassifierHead):
                continue
            labels = [self.data.rows[row].labels.get(name) for row in rows]
            outside = [i for i, label in enumerate(labels) if label == UNIFORM]
            logits = outputs.logits[name]
            targets = {i: self._target(name, rows[i], logits.shape[1]) for i in range(len(rows)) if i not in outside}
            inside = [i for i, target in targets.items() if target.any()]
            if inside:
                target = torch.from_numpy(np.stack([targets[i] for i in inside])).to(self.device)
                loss = nn.functional.cross_entropy(logits[inside], target, reduction="sum")
                losses[name] = loss / len(rows) * (s.sentiment if isinstance(head, SentimentHead) else 1.0)
            if outside:
                even = -outputs.logits[name][outside].log_softmax(-1).mean(-1).sum() / len(rows)
                losses[f"{name}_outliers"] = s.outliers * even
        if outputs.query is not None:
            target = self.targets[rows].to(self.device)
            share = torch.tensor([self.shares[i] for i in rows], device=self.device)
            losses["distillation"] = s.distillation * (share * (1 - (outputs.query * target).sum(-1))).mean()
            losses |= self._document_loss(rows, outputs.query)
        if outputs.taste is not None and self.items is not None and self.data.picks is not None:
            losses |= self._taste_losses(rows, outputs.taste, self.items, self.data.picks)
        regulariser = self.model.encoder.regulariser()
        if regulariser is not None:
            losses["orthogonality"] = 0.5 * regulariser
        return losses

    def _target(self, head: str, row: int, width: int) -> NDArray[np.float32]:
        """(width,): the smoothed label, or where there is none what is believed of the row; zeros if nothing is."""
        label, smoothing = self.data.rows[row].labels.get(head), self.settings.label_smoothing
        if label is None:
            belief = self.data.beliefs.get(head)
            return np.zeros(width, np.float32) if belief is None else belief[row]
        target = np.full(width, smoothing / width, np.float32)
        target[label] += 1 - smoothing
        return target

    def _document_loss(self, rows: list[int], query: Tensor) -> dict[str, Tensor]:
        known = [(row.documents, row.wrong_documents) for row in (self.data.rows[i] for i in rows)]
        return self._pair_loss("pairs", known, query, self.documents)

    def _taste_losses(self, rows: list[int], taste: Tensor, items: Tensor, picks: Picks) -> dict[str, Tensor]:
        """Finding the picked items among all, and staying near the frozen space, in which items lie that nobody
        picked."""
        own = [i for i, row in enumerate(rows) if row in picks.right]
        if not own:
            return {}
        target = self.targets[[rows[i] for i in own]].to(self.device)
        away = (1 - (taste[own] * target).sum(-1)).sum() / len(rows)
        known = [(picks.right.get(row, ()), picks.wrong.get(row, ())) for row in rows]
        return {"taste_distillation": TASTE_DISTILLATION * away} | self._pair_loss("taste", known, taste, items)

    def _pair_loss(
        self, name: str, known: Sequence[tuple[tuple[int, ...], tuple[int, ...]]], vectors: Tensor, candidates: Tensor
    ) -> dict[str, Tensor]:
        """Minus log of the share of the right ``candidates`` (M, D) among all, by that name; ``known`` holds the right
        and the wrong ones of each vector (B, D). A wrong one counts several times. Where no right one is known, all but
        the wrong ones are right."""
        own = [i for i, (right, wrong) in enumerate(known) if right or 0 < len(wrong) < len(candidates)]
        if not own or self.settings.pairs == 0:
            return {}
        cosines = vectors[own] @ candidates.T / self.settings.pair_temperature  # (P, M)
        among = torch.zeros_like(cosines)
        found = torch.full_like(cosines, -torch.inf)
        for i, (right, wrong) in enumerate(known[i] for i in own):
            among[i, list(wrong)] = math.log(self.settings.wrong_pairs)
            if right:
                found[i, list(right)] = 0
            else:
                found[i] = 0
                found[i, list(wrong)] = -torch.inf
        shares = torch.logsumexp(cosines + found, 1) - torch.logsumexp(cosines + among, 1)
        return {name: -self.settings.pairs * shares.sum() / len(known)}
