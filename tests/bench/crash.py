"""crash: kill -9 at random moments; what was acknowledged stands, every version loads, and the service starts again.

A small app over a backbone of random weights, in one data folder for all rounds. Beside the service, whose clients
send messages and feedback over HTTP, one process retrains without an end and promotes what it made; another one
reviews, promotes and rolls back. At a random moment, every fifth time while the service still starts, all three are
killed. Then the folder is looked at, and the next round begins with what is there.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import threading
import time
from collections import Counter
from contextlib import closing
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from agent.config import Settings
from agent.database import DataFile
from agent.errors import SwitchboardError
from agent.learning.registry import ModelRegistry
from agent.model.backbone import Backbone
from agent.model.storage import load_model
from tests.agent.library import TEXTS, make_library, train_library
from tests.bench import crash_work
from tests.bench.crash_work import APP
from tests.bench.data import QUICK
from tests.bench.result import Result
from tests.bench.service import free_port
from tests.conftest import make_backbone_folder

KILLS = 6 if QUICK else 100
EARLY = 5
"""Every so many kills one comes while the service starts."""
SPAN = 2.0
"""Longest time until the kill, as a multiple of what a retraining takes on this machine."""
START_SECONDS = 180.0
CLIENTS = 4
MOST_WAIT = 0.05
"""Seconds between a reply and its feedback, at most."""
TURNS = 4
"""Messages of one conversation."""
PROCESSES = multiprocessing.get_context("forkserver")
LAZY = ("onnx", "peft", "sklearn.linear_model", "torch._dynamo", "transformers.models.bert.modeling_bert")
"""What is imported late; loaded once for all processes, so that a start takes no longer than it must."""


def measure() -> Result:
    """The figure counts the kills after which nothing was amiss."""
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
    PROCESSES.set_forkserver_preload([crash_work.__name__, *LAZY])
    with TemporaryDirectory() as aside:
        trial = Trial(Path(aside))
        for number in range(KILLS):
            trial.kill_once(number)
        trial.start()
        trial.kill()
    problems = trial.problems
    survived = KILLS - len({number for number, _ in problems})
    # Kills of a service that acknowledged nothing would prove nothing.
    ok = not problems and trial.tally["feedback acknowledged"] >= KILLS
    return Result("crash", float(survived), float(KILLS), ok, dict(trial.tally) | {"problems": len(problems)})


class Trial:
    """One data folder with its processes, and all that was acknowledged by them."""

    def __init__(self, folder: Path) -> None:
        """Make the app and train its first version."""
        tiny = make_backbone_folder(folder / "tiny")
        self._backbone = Backbone.load(str(tiny), "cpu")
        self._settings = _settings(folder, tiny)
        train_library(self._settings, self._backbone)
        self._registry = ModelRegistry(self._settings.data, APP)
        self._journal = folder / "journal"
        self._rng = random.Random(0)
        self._numbers = itertools.count()
        self._running: dict[str, BaseProcess] = {}
        self._round = 0
        self._replies: set[str] = set()
        self._feedback: set[str] = set()
        """Comments, each of which was sent once."""
        self._left: set[tuple[str, int]] = set()
        """What a killed process had not written to the end: its name and the time of its last change."""
        self.tally: Counter[str] = Counter()
        self.problems: list[tuple[int, str]] = []
        """Each with the number of the kill that it came after."""
        self._seconds = self._time_retraining()

    def _time_retraining(self) -> float:
        """Seconds between the first two versions that the retraining makes."""
        self.start(wait=False)
        made = []
        for name in ("2", "3"):
            while not (self._registry.folder / "versions" / name).is_dir() and self._running["retraining"].is_alive():
                time.sleep(0.02)
            made.append(time.monotonic())
        self.kill()
        return made[1] - made[0]

    def kill_once(self, number: int) -> None:
        early = number % EARLY == EARLY - 1
        self.start(wait=not early)
        clients = [] if early else [threading.Thread(target=self._converse, args=(seed,)) for seed in range(CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(self._rng.uniform(0, SPAN * self._seconds))
        self._round = number
        self.kill()
        for client in clients:
            client.join()
        self._look()

    def start(self, wait: bool = True) -> None:
        """Start all processes; with ``wait`` the service must be ready and answer."""
        seed = next(self._numbers)
        settings = self._settings
        for name, work, arguments in (
            ("service", crash_work.serve, (settings,)),
            ("retraining", crash_work.learn, (settings, seed)),
            ("decisions", crash_work.decide, (settings, seed, self._journal)),
        ):
            self._running[name] = PROCESSES.Process(target=work, args=arguments, daemon=True)
            self._running[name].start()
        if wait and not self._is_ready():
            self._say("the service did not start again")
        self.tally["starts"] += 1

    def _is_ready(self) -> bool:
        end = time.monotonic() + START_SECONDS
        address = self._settings.address
        while time.monotonic() < end and self._running["service"].is_alive():
            try:
                if httpx.get(f"{address}/readyz", timeout=5).status_code == 200:
                    said = {"app": APP, "text": "when do you open"}
                    return httpx.post(f"{address}/v1/messages", json=said, timeout=START_SECONDS).status_code == 200
            except httpx.TransportError:
                time.sleep(0.05)
        return False

    def kill(self) -> None:
        """All at once, in any order."""
        for name, process in self._running.items():
            if not process.is_alive():
                self._say(f"the process of the {name} ended by itself, with status {process.exitcode}")
        for process in self._rng.sample(list(self._running.values()), len(self._running)):
            process.kill()
        for process in self._running.values():
            process.join()

    def _converse(self, seed: int) -> None:
        """Send messages and feedback until the service is gone; note what it acknowledged."""
        rng = random.Random(f"{self.tally['starts']} {seed}")
        texts = list(itertools.chain.from_iterable(TEXTS.values()))
        with httpx.Client(base_url=self._settings.address, timeout=START_SECONDS) as client:
            conversation = None
            try:
                for turn in itertools.count():
                    body = {"app": APP, "text": rng.choice(texts)}
                    if turn % TURNS and conversation:
                        body["conversation_id"] = conversation
                    reply = client.post("/v1/messages", json=body).raise_for_status().json()
                    conversation = reply["conversation_id"]
                    self._replies.add(reply["message_id"])
                    time.sleep(rng.uniform(0, MOST_WAIT))
                    kind, value = rng.choice(
                        (("up", ""), ("down", ""), ("comment", ""), ("csat", "2"), ("intent", rng.choice(list(TEXTS))))
                    )
                    comment = f"number {next(self._numbers)}"
                    said = {"message_id": reply["message_id"], "kind": kind, "value": value, "comment": comment}
                    client.post("/v1/feedback", json=said).raise_for_status()
                    self._feedback.add(comment)
            except httpx.TransportError:  # it was killed
                return
            except httpx.HTTPStatusError as error:
                self._say(f"a request failed: {error.response.text}")

    def _look(self) -> None:
        """Hold the folder against all that was acknowledged so far."""
        noted = list(crash_work.noted(self._journal))
        reviews = {what for kind, what in noted if kind == "review"}
        moves = {what for kind, what in noted if kind == "move"}
        for left in (*self._registry.folder.glob("versions/.*.new"), *self._registry.folder.glob("aliases.json.new")):
            self._left.add((left.name, left.stat().st_mtime_ns))
        self.tally["kills amid the saving of a version"] = sum(name.startswith(".") for name, _ in self._left)
        self.tally["kills amid the move of an alias"] = (
            len(self._left) - self.tally["kills amid the saving of a version"]
        )
        try:
            with closing(DataFile.open(self._settings.data)) as file:
                [row] = file.read("PRAGMA integrity_check", [])
                if row["integrity_check"] != "ok":
                    self._say(f"the database is damaged: {row['integrity_check']}")
                self._lost("feedback", self._feedback - _column(file, "SELECT comment FROM feedback"))
                self._lost("replies", self._replies - _column(file, "SELECT id FROM messages"))
                self._lost("reviews", reviews - _column(file, "SELECT id FROM reviews"))
                process = self._running["retraining"].pid
                running = file.read("SELECT id FROM jobs WHERE state = 'running' AND process = ?", [process])
                self.tally["kills amid a retraining"] += len(running)
        except SwitchboardError as error:
            self._say(f"the database cannot be read: {error}")
        try:
            if self._registry.champion() is None:
                self._say("the registry has no champion")
            self._lost("moves of the champion", moves - {move.why for move in self._registry.history()})
            for version in self._registry.versions():
                load_model(version.folder, self._backbone)
                self.tally["newest version"] = int(version.name)
        except SwitchboardError as error:
            self._say(f"the registry cannot be read: {error}")
        for name, those in (
            ("feedback", self._feedback),
            ("replies", self._replies),
            ("reviews", reviews),
            ("moves", moves),
        ):
            self.tally[f"{name} acknowledged"] = len(those)

    def _lost(self, what: str, names: set[str]) -> None:
        if names:
            self._say(f"{len(names)} acknowledged {what} lost")

    def _say(self, problem: str) -> None:
        print(f"kill {self._round + 1}: {problem}", flush=True)
        self.problems.append((self._round, problem))


def _settings(folder: Path, tiny: Path) -> Settings:
    """The library app with a frozen test set, which the gate wants."""
    settings = make_library(folder, backbone=str(tiny), device="cpu", port=free_port(), rate_limit=0)
    test = settings.apps[0] / "test"
    test.mkdir()
    rows = [f'{{"text": "{text} please", "intent": "{name}"}}\n' for name, texts in TEXTS.items() for text in texts]
    (test / "examples.jsonl").write_text("".join(rows))
    return settings


def _column(file: DataFile, sql: str) -> set[str]:
    return {str(next(iter(row.values()))) for row in file.read(sql, [])}
