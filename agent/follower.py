"""Follower: keeps a running service level with what people decide: which version is the champion, and their reviews.

One thread looks at both. A version that was promoted or rolled back, by whatever process, is swapped in; a new review
becomes a lesson beside the version in service (``agent.learning.quick``). It trains nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain import Domain
from agent.errors import BusyError, SwitchboardError
from agent.learning.data import Dataset
from agent.learning.decisions import decide
from agent.learning.quick import Known, QuickLearner, QuickReport, Read
from agent.learning.registry import ModelRegistry
from agent.model.engine import Model
from agent.model.lessons import Lessons
from agent.model.predictions import INTENT
from agent.model.storage import load_memory
from agent.reviews import ReviewBook
from agent.runtime import Agent
from agent.teach import dataset_of
from agent.text import text_key
from agent.types import Prediction
from index.types import KnowledgeError

log = logging.getLogger("switchboard")

LOOK_EVERY = 1.0
"""Seconds between two looks at the reviews and the champions."""
BREATH = 0.05
"""Seconds that are left to others between two readings of the guard."""


@dataclass(slots=True)
class _Followed:
    """How far the service has come with one app."""

    learner: QuickLearner | None = None
    """None while the app has no reviews, and so is ``report``."""
    report: QuickReport | None = None
    stamp: str = ""
    """Of the reviews that were learned."""
    domain: Domain | None = None
    """The app's files as they were then."""
    failed: str = ""
    """What could not be done and is not tried again."""


class Follower:
    """Follows the apps of an agent; ``close`` ends it."""

    def __init__(self, agent: Agent, *, look_every: float = LOOK_EVERY) -> None:
        """``look_every`` is in seconds."""
        self._agent = agent
        self._look_every = look_every
        self._book = ReviewBook(agent.store.file)
        self._apps = {name: _Followed() for name in agent.domains}
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower")

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._agent.reviewed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            self._agent.reviewed.clear()
            more = [self.look(name) for name in self._apps]
            self._agent.reviewed.wait(BREATH if any(more) else self._look_every)

    def look(self, name: str) -> bool:
        """One look at an app; whether there is more to do at once."""
        try:
            self.serve_champion(name)
            with self._lock:
                return self._learn(name)
        except BusyError:  # customers come first; the next look tries again
            return False
        except (SwitchboardError, KnowledgeError, OSError) as error:
            self._fail(name, str(error))
            return False

    def serve_champion(self, name: str) -> None:
        """Swap the champion in if another version serves.

        Raises ModelError if it is damaged; the other one then goes on.
        """
        with self._lock:
            champion = ModelRegistry(self._agent.settings.data, name).champion()
            if champion is not None and champion.name != self._agent.engine.version(name):
                self._agent.load_champion(name, lambda model: self._taught(name, model, model.predict))
                log.info("%s: version %s is in service", name, champion.name)
                self._tell(name)

    def _learn(self, name: str) -> bool:
        """Bring the lessons level with the reviews, or else read some of what they are held against."""
        followed, stamp = self._apps[name], self._book.stamp(name)
        model = self._agent.engine.model(name)

        def read(texts: Sequence[str]) -> list[Prediction]:
            return self._agent.engine.predict(name, texts, bare=True)

        learner = followed.learner
        of_now = learner is None or learner.version == model.version
        if stamp == followed.stamp and of_now and followed.domain is self._agent.domains[name]:
            if learner is None or learner.ready:
                return False
            learner.prepare(read)
            if not learner.ready:
                return True
        self._agent.engine.teach(name, model.version, self._taught(name, model, read))
        self._tell(name)
        return followed.learner is not None and not followed.learner.ready

    def _taught(self, name: str, model: Model, read: Read) -> Lessons | None:
        """The lessons for a version, from all reviews."""
        followed, domain = self._apps[name], self._agent.domains[name]
        stamp = self._book.stamp(name)
        decisions = decide(self._book.reviews(name))
        if not decisions:
            followed.learner, followed.report, lessons = None, None, None
        else:
            learner = followed.learner
            if learner is None or learner.version != model.version or followed.domain is not domain:
                learner = QuickLearner(
                    model.version, model.labels(INTENT), model.votes.get(INTENT), self._known(name, model.version)
                )
            lessons, followed.report = learner.learn(decisions, read)
            followed.learner = learner
        followed.stamp, followed.domain = stamp, domain
        return lessons

    def _tell(self, name: str) -> None:
        report = self._apps[name].report
        if report is None:
            self._agent.learned.pop(name, None)
            return
        self._agent.learned[name] = report
        log.info("%s: %d reviews learned beside version %s", name, report.reviews, report.version)

    def _known(self, name: str, version: str) -> Known:
        domain, index = self._agent.domains[name], self._agent.index(name)
        folder = ModelRegistry(self._agent.settings.data, name).version_folder(version)
        trained = {text_key(example.text): example.intent for example in load_memory(folder)}
        own = dataset_of(domain, index, domain.folder)
        held_out = [e for e in own.in_scope if text_key(e.text) not in trained]
        held_out += [e for e in own.split()[1].examples if e.intent is None]
        frozen = dataset_of(domain, index, domain.folder / "test")
        return Known(frozenset(domain.intents), trained, frozen, Dataset(tuple(held_out)))

    def _fail(self, name: str, reason: str) -> None:
        """Say it once."""
        followed = self._apps[name]
        if reason != followed.failed:
            log.error("%s: what people decided cannot be followed; the service goes on as it is. %s", name, reason)
        followed.failed = reason
