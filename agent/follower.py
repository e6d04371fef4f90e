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
from agent.errors import BusyError, ModelError, SwitchboardError
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
from agent.teach import dataset_of, frozen_test
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
    """None while the app has no reviews, or they cannot be learned; so is ``report``."""
    report: QuickReport | None = None
    stamp: str = ""
    """Of the reviews that were learned, or could not be; so are ``version`` and ``domain``."""
    version: str = ""
    domain: Domain | None = None
    said: str = ""
    """The failure that is in the log."""


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
        """One look at an app; whether there is more to do at once. What fails is in the log, once."""
        with self._lock:
            try:
                self.serve_champion(name)
            except SwitchboardError as error:
                self._say(name, error)
            try:
                return self._learn(name)
            except BusyError:  # customers come first; the next look tries again
                self._apps[name].stamp = ""
            except (SwitchboardError, KnowledgeError, OSError) as error:
                self._give_up(name, error)
        return False

    def serve_champion(self, name: str) -> None:
        """Swap the champion in if another version serves.

        Raises ModelError if it cannot be served; the other one then goes on. It is not tried twice.
        """
        with self._lock:
            champion = ModelRegistry(self._agent.settings.data, name).champion()
            if champion is None or champion.name == self._agent.engine.version(name):
                return
            refused = self._agent.refused.get(name)
            if refused is not None and refused.version == champion.name:
                raise ModelError(refused.reason)
            self._agent.load_champion(name, lambda model: self._taught_before(name, model))
            log.info("%s: version %s is in service", name, champion.name)
            self._tell(name)

    def _taught_before(self, name: str, model: Model) -> Lessons | None:
        """The lessons for a version that does not serve yet, and will with or without them."""
        try:
            return self._taught(name, model, model.predict)
        except (SwitchboardError, KnowledgeError, OSError) as error:
            self._give_up(name, error)
            return None

    def _learn(self, name: str) -> bool:
        """Bring the lessons level with the reviews, or else read some of what they are held against."""
        followed, model, domain = self._apps[name], self._agent.engine.model(name), self._agent.domains[name]

        def read(texts: Sequence[str]) -> list[Prediction]:
            return self._agent.engine.predict(name, texts, bare=True)

        level = (followed.stamp, followed.version) == (self._book.stamp(name), model.version)
        if level and followed.domain is domain:
            learner = followed.learner
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
        learner = followed.learner
        if followed.version != model.version or followed.domain is not domain:
            learner = None
        followed.stamp, followed.version, followed.domain = self._book.stamp(name), model.version, domain
        decisions = decide(self._book.reviews(name))
        if not decisions:
            followed.learner = followed.report = None
            return None
        if learner is None:
            known = self._known(name, model.version)
            learner = QuickLearner(model.version, model.labels(INTENT), model.votes.get(INTENT), known)
        followed.learner = learner
        lessons, followed.report = learner.learn(decisions, read)
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
        frozen = frozen_test(domain, index)
        return Known(frozenset(domain.intents), trained, frozen, Dataset(tuple(held_out)))

    def _give_up(self, name: str, error: Exception) -> None:
        """Learn no reviews until they, the version or the app's files change; lessons of before stay."""
        self._apps[name].learner = self._apps[name].report = None
        self._say(name, error)

    def _say(self, name: str, error: Exception) -> None:
        followed = self._apps[name]
        if followed.said != str(error):
            log.error("%s: what people decided cannot be followed; the service goes on as it is. %s", name, error)
        followed.said = str(error)
