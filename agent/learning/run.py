"""What every training run shares: a learning rate that climbs and falls, and a state to be taken out and put back.

It knows nothing of what is trained, nor of files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from agent.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Step:
    number: int
    """Steps done so far, this one counted."""
    total: int
    epoch: int
    ends_epoch: bool
    losses: dict[str, float]
    rate: float
    """Learning rate relative to its peak, 0 to 1."""
    examples: int


class Run:
    """A run of so many steps over some weights, deterministic for a seed on one machine: whatever draws by chance draws
    from torch's generator, which is part of ``state()``, or from seed and epoch alone."""

    def __init__(
        self,
        trainable: Mapping[str, nn.Parameter],
        groups: Sequence[dict[str, Any]],
        *,
        steps_an_epoch: int,
        epochs: int,
        patience: int,
        warmup: float,
        weight_decay: float,
        seed: int,
    ) -> None:
        """``groups`` are those of the optimizer; ``patience`` is read by ``agent.learning.fit``."""
        self.trainable = dict(trainable)
        self.steps_an_epoch = steps_an_epoch
        self.total = steps_an_epoch * epochs
        self.patience = patience
        self.done = 0
        self._warm = max(1, round(self.total * warmup))
        self.optimizer = torch.optim.AdamW(list(groups), weight_decay=weight_decay)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate)
        torch.manual_seed(seed)

    def train(self) -> Iterator[Step]:
        """Yield after every step until all epochs are done; may be left and entered again."""
        raise NotImplementedError

    def _rate(self, step: int) -> float:
        """A climb, then a cosine to zero."""
        if step < self._warm:
            return (step + 1) / self._warm
        return 0.5 * (1 + math.cos(math.pi * (step - self._warm) / max(1, self.total - self._warm)))

    def _descend(self, losses: Mapping[str, Tensor], clip: float) -> dict[str, float]:
        """One step down the sum of the losses; the losses as numbers. Raises TrainingError if the sum is not finite."""
        total = torch.stack(list(losses.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        if not torch.isfinite(total):
            raise TrainingError(f"The loss is not a finite number at step {self.done}. Lower the learning rate.")
        nn.utils.clip_grad_norm_(self.trainable.values(), clip)
        self.optimizer.step()
        self.schedule.step()
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _stepped(self, epoch: int, losses: dict[str, float], examples: int) -> Step:
        """Count a step that was done."""
        self.done += 1
        return Step(
            number=self.done,
            total=self.total,
            epoch=epoch,
            ends_epoch=self.done % self.steps_an_epoch == 0,
            losses=losses,
            rate=self._rate(self.done - 1),
            examples=examples,
        )

    def state(self) -> dict[str, Tensor]:
        """All that is needed to go on after this step: weights, optimizer, generator, step number."""
        tensors = {f"weight/{n}": p.detach() for n, p in self.trainable.items()}
        names = {id(p): n for n, p in self.trainable.items()}
        for p, moments in self.optimizer.state.items():
            for key, value in moments.items():
                tensors[f"optimizer/{key}/{names[id(p)]}"] = torch.as_tensor(value).detach()
        tensors["generator"] = torch.get_rng_state()
        tensors["done"] = torch.tensor(self.done)
        return {name: tensor.cpu().clone() for name, tensor in tensors.items()}

    @torch.no_grad()
    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Put back what ``state`` gave. Raises TrainingError if it came from another run's settings."""
        for name, p in self.trainable.items():
            stored = tensors.get(f"weight/{name}")
            if stored is None or stored.shape != p.shape:
                raise TrainingError(f"The checkpoint does not fit this model: '{name}'. Train again with --fresh.")
            p.copy_(stored)
            moments = {
                key.split("/", 2)[1]: value.to(p.device) if value.ndim else value
                for key, value in tensors.items()
                if key.startswith("optimizer/") and key.split("/", 2)[2] == name
            }
            if moments:
                self.optimizer.state[p] = moments
        self.done = int(tensors["done"])
        self.schedule.last_epoch = self.done
        for group, base in zip(self.optimizer.param_groups, self.schedule.base_lrs, strict=True):
            group["lr"] = base * self._rate(self.done)
        torch.set_rng_state(tensors["generator"])
