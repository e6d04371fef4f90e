"""Background: keeps the models of a running service level with the apps' files, without holding up a reply.

One thread looks at the apps' files and runs one learning process at a time (``agent.study``); what that process
makes is swapped in by the follower, which also keeps the service level with reviews and with the champion that people
chose (``agent.follower``). It knows nothing of how a model is made, and takes nothing but files: what was reviewed goes
into an adapter when somebody retrains.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agent.catalogue import imported_file
from agent.errors import SwitchboardError
from agent.follower import Follower
from agent.learning.provisional import Stage, next_stage
from agent.learning.registry import ModelRegistry
from agent.runtime import Agent
from agent.standing import Training
from agent.study import GRACE, Order
from agent.teach import dataset_of, intents_of
from index.types import KnowledgeError

log = logging.getLogger("switchboard")

COMMAND = (sys.executable, "-m", "agent.study")
LOOK_EVERY = 3.0
"""Seconds between two looks at the apps' files."""
SAY_EVERY = 15.0
"""Seconds between two lines of progress in the log."""

Signature = tuple[tuple[str, int, int], ...]
"""Of each file its name, the time of its last change in nanoseconds since 1970, and its size in bytes."""


class Background:
    """Learns what the apps' files say; ``close`` ends it, and the next start goes on from there."""

    def __init__(
        self,
        agent: Agent,
        *,
        adapters: bool = True,
        look_every: float = LOOK_EVERY,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """``adapters`` False takes in changes by provisional versions alone; ``look_every`` is in seconds;
        ``command`` is what learns, given an order."""
        self._agent = agent
        self._adapters = adapters
        self._look_every = look_every
        self._command = command
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._last_look = {name: self._files(name) for name in agent.domains}
        # Files that were changed while the agent read them count as not taken up.
        self._taken_up = {
            name: found if all(changed < agent.opened for _, changed, _ in found) else ()
            for name, found in self._last_look.items()
        }
        # What each app's files looked like when there was nothing left to learn, or learning it failed.
        self._settled: dict[str, Signature] = {}
        self._follower = Follower(agent)
        self._thread = threading.Thread(target=self._run, name="background")

    def start(self) -> None:
        self._follower.start()
        self._thread.start()

    def close(self) -> None:
        """End what is under way; a training keeps its state."""
        self._over.set()
        self._follower.close()
        self._end_process()
        if self._thread.is_alive():
            self._thread.join(2 * GRACE)
        if self._thread.is_alive():
            with self._lock:
                if self._process is not None:
                    self._process.kill()
            self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            for name in self._agent.domains:
                self._look(name)
            stages = {name: self._stage(name) for name in self._agent.domains}
            # What takes seconds goes before what takes minutes.
            wanted = [n for n, s in stages.items() if s == "probe"] + [n for n, s in stages.items() if s == "adapter"]
            if wanted:
                self._learn(wanted[0], adapter=stages[wanted[0]] == "adapter")
            else:
                self._over.wait(self._look_every)

    def _look(self, name: str) -> bool:
        """Take up an app's files if they have changed and rest again; whether that was done."""
        now = self._files(name)
        rests = now == self._last_look[name]
        self._last_look[name] = now
        if not rests or now == self._taken_up[name]:
            return False
        self._taken_up[name] = now
        try:
            self._agent.reload(name)
        except (SwitchboardError, KnowledgeError, OSError) as error:
            self._fail(name, f"its files have changed and cannot be taken up; what was read before goes on. {error}")
            return False
        log.info("%s: its files have changed and were taken up", name)
        return True

    def _files(self, name: str) -> Signature:
        """All that the app is made of: its folder, and the catalogue that was imported for it."""
        found = signature(self._agent.domains[name].folder)
        imported = _seen(imported_file(self._agent.settings.data, name), "imported items")
        return found if imported is None else (*found, imported)

    def _stage(self, name: str) -> Stage | None:
        """What is to be learned of an app now; None if nothing is, or if trying again would fail again."""
        if self._settled.get(name) == self._taken_up[name]:
            return None
        domain = self._agent.domains[name]
        registry = ModelRegistry(self._agent.settings.data, name)
        try:
            dataset = dataset_of(domain, self._agent.index(name), domain.folder)
            stage = next_stage(registry, registry.champion(), dataset, intents_of(domain, dataset))
        except (SwitchboardError, OSError) as error:
            self._fail(name, str(error))
            return None
        if stage is None or (stage == "adapter" and not self._adapters):
            self._settled[name] = self._taken_up[name]
            return None
        return stage

    def _learn(self, name: str, adapter: bool) -> None:
        """Run one learning process to its end, or until an app's files have changed."""
        order = Order.of(self._agent.settings, name, adapter)
        log.info("%s: %s in the background", name, "training" if adapter else "taking in its examples")
        self._agent.training[name] = Training("running")
        failure, interrupted = "", False
        next_look = time.monotonic() + self._look_every
        progress = _Progress(name)
        try:
            with self._begin(order) as process:
                for message in _messages(process):
                    if "step" in message:
                        self._agent.training[name] = Training("running", message["step"], message["total"])
                        progress.say(message["step"], message["total"])
                    failure = message.get("failed", failure)
                    if "version" in message:
                        failure = self._serve_champion(name) or failure
                    if time.monotonic() >= next_look and not interrupted:
                        next_look = time.monotonic() + self._look_every
                        looked = [self._look(each) for each in self._agent.domains]
                        if any(looked):
                            interrupted = True
                            self._end_process()
            status = process.returncode
        except OSError as error:
            failure, status = f"the process cannot be run: {error}", 1
        with self._lock:
            self._process = None
        del self._agent.training[name]
        if interrupted or self._over.is_set():
            return
        if status == 0:  # another process may have trained the app while this one waited for its turn
            failure = failure or self._serve_champion(name)
        if failure or status != 0:
            self._fail(name, f"learning failed, the service goes on as it is: {failure or _ending(status)}")

    def _begin(self, order: Order) -> subprocess.Popen[str]:
        with self._lock:
            self._process = process = subprocess.Popen(  # noqa: S603 (our own module; no text of a person's)
                [*self._command, order.json()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                # Ctrl-C reaches the server alone, which then ends this process in its own way.
                start_new_session=True,
                env=os.environ | {"OMP_NUM_THREADS": str(order.threads), "TOKENIZERS_PARALLELISM": "false"},
            )
        if self._over.is_set():
            self._end_process()
        return process

    def _end_process(self) -> None:
        """Let the learning process keep its state and end, which it does within GRACE seconds."""
        with self._lock:
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()

    def _serve_champion(self, name: str) -> str:
        """Swap the champion in if another version serves; why not, or an empty text."""
        try:
            self._follower.serve_champion(name)
        except SwitchboardError as error:
            return str(error)
        return ""

    def _fail(self, name: str, reason: str) -> None:
        """Say it once; the next change of the app's files, or the next start, tries again."""
        log.error("%s: %s", name, reason)
        self._settled[name] = self._taken_up[name]
        self._agent.training[name] = Training("failed")


class _Progress:
    """Lines in the log: how far, how fast, how long still."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._first: tuple[float, int] | None = None
        self._said = 0.0

    def say(self, step: int, total: int) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = (now, step)
        seconds, done = now - self._first[0], step - self._first[1]
        if done and (now - self._said >= SAY_EVERY or step == total):
            self._said = now
            rate = done / seconds
            left = (total - step) / rate
            log.info("%s: training, step %d of %d, %.1f a second, %.0f s left", self._name, step, total, rate, left)


def signature(folder: Path) -> Signature:
    """The files below an app's folder that its service depends on."""
    found = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if inside.parts[0] == "test" or any(part.startswith((".", "__pycache__")) for part in inside.parts):
            continue
        seen = _seen(path, str(inside))
        if seen is not None:
            found.append(seen)
    return tuple(found)


def _seen(path: Path, name: str) -> tuple[str, int, int] | None:
    """A file as a signature has it; None for what is no file, or is there no more."""
    try:
        status = path.stat()
    except FileNotFoundError:  # it went between two looks; the next one sees that
        return None
    return (name, status.st_mtime_ns, status.st_size) if stat.S_ISREG(status.st_mode) else None


def _messages(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def _ending(status: int) -> str:
    """How a process ended that has said nothing of it."""
    if status < 0:
        return f"it was ended by {signal.Signals(-status).name}"
    return f"it ended with status {status}"
