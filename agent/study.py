"""What learns beside a server, as a process of its own: ``python -m agent.study ORDER``.

The order is the JSON of an ``Order``. Nothing comes by standard input but its end: whoever gave the order closes the
pipe to end the process, and a server that is gone has closed it, however it ended. A training then keeps its state
and goes on from there next time. Standard output holds one JSON object a line:

    {"step": 12, "total": 408}    so far
    {"version": "3"}              a version was made and is the champion now
    {"failed": "..."}             why it ends without having done its work
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from agent.apps import open_index
from agent.config import Settings
from agent.database import DataFile
from agent.errors import LockedError, SwitchboardError
from agent.learning.provisional import next_stage, probe_version
from agent.learning.registry import ModelRegistry
from agent.learning.retrain import Recipe, train_version
from agent.learning.run import Step
from agent.lock import FolderLock
from agent.model.backbone import Backbone
from agent.model.memory import Memory
from agent.model.storage import load_model, read_taste
from agent.teach import dataset_of, documents_of, domain_of, first_version, intents_of, tastes_of, training_lock
from index.types import KnowledgeError

GRACE = 5.0
"""Seconds in which a run that is to end may keep its state. What is lost after that goes back to the last
checkpoint; all files are written aside, so that none is left half-written."""
NICENESS = 10
"""Replies come first."""

Say = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What to learn, ready for JSON."""

    app: str
    data: str
    apps: tuple[str, ...]
    backbone: str
    device: str
    threads: int
    adapter: bool
    """Whether to train an adapter, or to make provisional versions alone."""

    @classmethod
    def of(cls, settings: Settings, app: str, adapter: bool) -> Order:
        folders = tuple(map(str, settings.apps))
        return cls(app, str(settings.data), folders, settings.backbone, settings.device, settings.threads, adapter)

    @classmethod
    def parse(cls, text: str) -> Order:
        return cls(**json.loads(text))

    def json(self) -> str:
        return json.dumps(asdict(self))

    @property
    def settings(self) -> Settings:
        return Settings(
            data=Path(self.data),
            apps=tuple(map(Path, self.apps)),
            backbone=self.backbone,
            device=self.device,
            threads=self.threads,
        )


def study(order: Order, say: Say, is_over: Callable[[], bool]) -> None:
    """Make and promote version after version until the app's model is level with its examples. A version that
    somebody chose meanwhile stays.

    Raises KeyboardInterrupt, with the state kept, once ``is_over``; and what reading the app and training raise.
    """
    settings = order.settings
    torch.set_num_threads(settings.threads)
    domain = domain_of(settings, order.app)
    registry = ModelRegistry(settings.data, order.app)
    with closing(_turn(registry, is_over)):
        backbone = Backbone.load(settings.backbone, settings.device)
        index = open_index(domain, settings.data, backbone)
        dataset = dataset_of(domain, index, domain.folder)
        intents = intents_of(domain, dataset)

        def progress(step: Step) -> None:
            say({"step": step.number, "total": step.total})
            if is_over():
                raise KeyboardInterrupt

        while (stage := next_stage(registry, champion := registry.champion(), dataset, intents)) is not None:
            if champion is None:
                folder = first_version(domain, index, backbone, settings)
            elif stage == "probe":
                base = load_model(champion, backbone).eval()
                folder = probe_version(registry, base, Memory.load(champion), dataset, intents, read_taste(champion))
            elif order.adapter:
                with closing(DataFile.open(settings.data)) as file:
                    tastes = tastes_of(domain, backbone, file, settings)
                documents = documents_of(index)
                folder = train_version(registry, backbone, dataset, intents, documents, Recipe(), progress, tastes)
            else:
                return
            if registry.follow(champion, folder.name):
                say({"version": folder.name})


def _turn(registry: ModelRegistry, is_over: Callable[[], bool]) -> FolderLock:
    """The app's training lock, once nobody else trains it (a command in a terminal may)."""
    while True:
        try:
            return training_lock(registry)
        except LockedError:
            if is_over():
                raise KeyboardInterrupt from None
            time.sleep(1)


def main() -> None:
    """Carry out the order; exit status 1 if that failed, 130 if it was ended."""
    os.nice(NICENESS)
    order = Order.parse(sys.argv[1])
    # What a library may print must not come between our lines.
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    over = threading.Event()

    def wait_for_the_end() -> None:
        os.read(0, 1)  # not through sys.stdin, whose lock would then be held when the interpreter ends
        over.set()
        time.sleep(GRACE)
        os._exit(130)

    def say(message: dict[str, Any]) -> None:
        try:
            print(json.dumps(message), file=lines, flush=True)
        except BrokenPipeError:
            raise KeyboardInterrupt from None

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    transformers.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
    status = 0
    try:
        study(order, say, over.is_set)
    except (SwitchboardError, KnowledgeError, OSError) as error:
        say({"failed": str(error)})
        status = 1
    except KeyboardInterrupt:
        status = 130
    # All files are closed by now; the interpreter's own end, with PyTorch's threads, may hang for seconds.
    os._exit(status)


if __name__ == "__main__":
    main()
