"""Runs a training: validation, early stop, checkpoints that survive a kill, TensorBoard logs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from agent.errors import TrainingError
from agent.learning.run import Run, Step

Progress = Callable[[Step], None]
Validate = Callable[[], dict[str, float]]
"""Figures of the model as it stands; their mean is what early stopping compares, higher is better."""


def fit(
    run: Run,
    validate: Validate,
    *,
    checkpoint: Path | None = None,
    identity: str = "",
    log_folder: Path | None = None,
    progress: Progress | None = None,
    every: int = 200,
    is_over: Callable[[], bool] = lambda: False,
) -> list[dict[str, float]]:
    """Train to the end and leave the best epoch's weights in the model.

    ``checkpoint`` is a folder that holds the state every ``every`` steps, after each epoch and on
    Ctrl-C; a later call with the same ``identity`` (of data and settings) goes on from it. It stays until
    ``remove_checkpoint``, for the caller has yet to save what came of the run. Once ``is_over`` the run ends after
    the step at hand, measured as an epoch is. Returns the validation figures of each epoch.

    Raises KeyboardInterrupt again after having saved.
    """
    keeper = _Keeper(checkpoint, identity)
    history, best = keeper.resume(run)
    writer = None
    if log_folder is not None:
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(str(log_folder), purge_step=run.done)

    def end_epoch() -> None:
        nonlocal best
        figures = validate()
        history.append(figures)
        if writer:
            for name, value in figures.items():
                writer.add_scalar(f"validation/{name}", value, run.done)
        if _is_best(history):
            best = _weights(run)

    try:
        if len(history) < run.done // run.steps_an_epoch:  # it was interrupted between the last step and the figures
            end_epoch()
        for step in () if _has_stopped(history, run.patience) else run.train():
            if progress:
                progress(step)
            if writer:
                for name, value in step.losses.items():
                    writer.add_scalar(f"loss/{name}", value, step.number)
                writer.add_scalar("rate", step.rate, step.number)
            if step.ends_epoch:
                end_epoch()
            if step.ends_epoch or step.number % every == 0:
                keeper.save(run, history, best)
            if step.ends_epoch and _has_stopped(history, run.patience):
                break
            if is_over():
                if not step.ends_epoch:
                    end_epoch()
                break
    except KeyboardInterrupt:
        keeper.save(run, history, best)
        raise
    finally:
        if writer:
            writer.close()
    with torch.no_grad():
        for name, p in run.trainable.items():
            p.copy_(best[name])
    return history


def is_finished(run: Run, history: list[dict[str, float]]) -> bool:
    """Whether a run was not cut short: all epochs were done, or it had stopped for want of improvement."""
    return run.done == run.total or _has_stopped(history, run.patience)


def score(figures: dict[str, float]) -> float:
    """The one number by which epochs and candidates are compared: the mean of the validation figures."""
    return sum(figures.values()) / len(figures) if figures else 0.0


def best_epoch(history: list[dict[str, float]]) -> int:
    """Number of the best epoch, from 1; a later one wins a tie, having seen more data."""
    return max(range(len(history)), key=lambda i: (score(history[i]), i)) + 1


def remove_checkpoint(folder: Path) -> None:
    """Forget a run that has ended, or is not to be gone on with."""
    (folder / "checkpoint.json").unlink(missing_ok=True)
    for file in folder.glob("step-*.safetensors"):
        file.unlink()


def _is_best(history: list[dict[str, float]]) -> bool:
    return best_epoch(history) == len(history)


def _has_stopped(history: list[dict[str, float]], patience: int) -> bool:
    """Whether as many epochs as ``patience`` went by without a better figure."""
    return bool(history) and len(history) - best_epoch(history) >= patience


def _weights(run: Run) -> dict[str, Tensor]:
    return {name: p.detach().cpu().clone() for name, p in run.trainable.items()}


class _Keeper:
    """The checkpoint folder: state and best weights in one safetensors file, the rest in JSON.

    Both are written aside and put in place by one ``os.replace`` of a pointer, so that a kill leaves
    the last whole checkpoint.
    """

    def __init__(self, folder: Path | None, identity: str) -> None:
        self.folder, self.identity = folder, identity

    def save(self, run: Run, history: list[dict[str, float]], best: dict[str, Tensor]) -> None:
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"step-{run.done}.safetensors"
        tensors = run.state() | {f"best/{n}": t for n, t in best.items()}
        save_file({n: t.contiguous() for n, t in tensors.items()}, self.folder / name)
        aside = self.folder / "checkpoint.json.new"
        aside.write_text(json.dumps({"file": name, "identity": self.identity, "history": history}), encoding="utf-8")
        os.replace(aside, self.folder / "checkpoint.json")
        for old in self.folder.glob("step-*.safetensors"):
            if old.name != name:
                old.unlink()

    def resume(self, run: Run) -> tuple[list[dict[str, float]], dict[str, Tensor]]:
        if self.folder is None or not (self.folder / "checkpoint.json").is_file():
            return [], _weights(run)
        pointer = json.loads((self.folder / "checkpoint.json").read_text(encoding="utf-8"))
        if pointer["identity"] != self.identity:
            remove_checkpoint(self.folder)
            return [], _weights(run)
        try:
            tensors = load_file(self.folder / pointer["file"])
        except (OSError, SafetensorError) as error:
            raise TrainingError(
                f"The checkpoint {self.folder / pointer['file']} cannot be read ({error}). Train again with --fresh."
            ) from error
        run.load_state(tensors)
        best = {n.removeprefix("best/"): t for n, t in tensors.items() if n.startswith("best/")}
        return list(pointer["history"]), best
