"""Shadow: a challenger reads live messages beside the champion, and answers none.

One thread reads what was answered already, when the engine has nothing else to do; what comes faster is dropped, so
that no reply waits. What the challenger read is kept beside what the champion did, to be looked at before a promotion.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.database import DataFile
from agent.errors import BusyError, ModelError, StoreError
from agent.learning.registry import ModelRegistry
from agent.model.backbone import Backbone
from agent.model.engine import InferenceEngine
from agent.model.serving import open_version
from agent.types import Prediction

log = logging.getLogger("switchboard")

MOST_WAITING = 256
"""Messages that wait for the challenger; more are dropped."""
LOOK_EVERY = 5.0
"""Seconds between two looks at which version is on trial."""
PAUSE = 0.02
"""Seconds between two looks whether the engine is free."""


def key(app: str) -> str:
    """Name under which the engine holds an app's challenger."""
    return f"{app}@challenger"


@dataclass(frozen=True, slots=True)
class Summary:
    """How a challenger read what the champion answered."""

    version: str
    messages: int
    agreed: int
    """Same intent, and alike in or out of scope."""
    intents: tuple[dict[str, Any], ...]
    """By the champion's intent: ``intent``, ``messages``, ``agreed``; those with most differences first."""
    differences: tuple[dict[str, Any], ...]
    """The newest: ``message_id``, ``text``, and of both ``champion`` and ``challenger`` (the intent, or None where the
    message was taken for out of scope) with ``champion_confidence`` and ``challenger_confidence``."""


class ShadowBook:
    """What challengers read, in a data file. Safe to call from many threads; raises what ``DataFile`` raises."""

    def __init__(self, file: DataFile) -> None:
        self._file = file

    def add(self, message_id: str, prediction: Prediction) -> None:
        """Keep a challenger's reading of the message that the reply ``message_id`` answers, if that is still there."""
        with self._file.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO shadow_predictions SELECT m.id, ?, ?, ?, ?, ?, ? FROM messages m WHERE m.id = ?",
                [
                    prediction.model_version,
                    prediction.intent,
                    prediction.confidence,
                    prediction.out_of_scope,
                    prediction.out_of_scope_threshold,
                    prediction.sentiment.label if prediction.sentiment else None,
                    message_id,
                ],
            )

    def summary(self, app: str, version: str, most: int = 50) -> Summary:
        """Agreement with the champion over all messages that the version read, and at most ``most`` differences."""
        both = (
            "SELECT s.message_id, u.text, m.created_at, p.intent AS answered, "
            "CASE WHEN p.out_of_scope >= p.out_of_scope_threshold THEN NULL ELSE p.intent END AS champion, "
            "CASE WHEN s.out_of_scope >= s.out_of_scope_threshold THEN NULL ELSE s.intent END AS challenger, "
            "p.confidence AS champion_confidence, s.confidence AS challenger_confidence "
            "FROM shadow_predictions s JOIN predictions p ON p.message_id = s.message_id "
            "JOIN messages m ON m.id = s.message_id JOIN conversations c ON c.id = m.conversation_id "
            "JOIN messages u ON u.turn = s.message_id AND u.role = 'user' "
            "WHERE c.app = :app AND s.model_version = :version"
        )
        values = {"app": app, "version": version, "most": most}
        # The statements are made of the one above alone; what was asked for goes in as parameters.
        intents = self._file.read(
            f"SELECT answered AS intent, count(*) AS messages, sum(champion IS challenger) AS agreed FROM ({both}) "  # noqa: S608
            "GROUP BY answered ORDER BY count(*) - sum(champion IS challenger) DESC, answered",
            values,
        )
        differences = self._file.read(
            "SELECT message_id, text, champion, challenger, champion_confidence, challenger_confidence "  # noqa: S608
            f"FROM ({both}) WHERE champion IS NOT challenger ORDER BY created_at DESC LIMIT :most",
            values,
        )
        messages, agreed = (sum(row[name] for row in intents) for name in ("messages", "agreed"))
        return Summary(version, messages, agreed, tuple(intents), tuple(differences))


class Shadow:
    """Lets the challengers of the apps read along; ``close`` ends it, what still waits is dropped."""

    def __init__(self, engine: InferenceEngine, file: DataFile, backbone: Backbone, apps: Sequence[str]) -> None:
        self.dropped = 0
        """Messages that the challenger did not read, as too many came."""
        self._engine = engine
        self._file = file
        self._book = ShadowBook(file)
        self._backbone = backbone
        self._loaded: dict[str, str | None] = dict.fromkeys(apps)
        """By app the version on trial as it was last seen, also if it could not be loaded."""
        self._waiting: queue.Queue[tuple[str, str, str]] = queue.Queue(MOST_WAITING)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def offer(self, app: str, message_id: str, text: str) -> None:
        """Let the challenger read a message that was answered; returns at once."""
        try:
            self._waiting.put_nowait((app, message_id, text))
        except queue.Full:
            self.dropped += 1

    def _run(self) -> None:
        next_look = 0.0
        while not self._over.is_set():
            if time.monotonic() >= next_look:
                self.look()
                next_look = time.monotonic() + LOOK_EVERY
            try:
                app, message_id, text = self._waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            self.read(app, message_id, text)

    def look(self) -> None:
        """Load the versions that are on trial now, and let go of those that are not any more."""
        for app, seen in self._loaded.items():
            try:
                folder = ModelRegistry(self._file.folder, app).challenger()
                name = None if folder is None else folder.name
                if name == seen:
                    continue
                self._loaded[app] = name
                self._engine.drop(key(app))
                if folder is not None:
                    self._engine.swap(key(app), open_version(folder, self._backbone))
                    log.info("%s: version %s reads along", app, name)
            except ModelError as error:
                log.error("%s: the challenger cannot read along: %s", app, error)

    def read(self, app: str, message_id: str, text: str) -> None:
        """Let the app's challenger, if there is one, read the message once the engine is free, and keep that."""
        if key(app) not in self._engine.state().versions:
            return
        while self._engine.state().waiting and not self._over.is_set():
            self._over.wait(PAUSE)
        if self._over.is_set():
            return
        try:
            [prediction] = self._engine.predict(key(app), [text])
            self._book.add(message_id, prediction)
        except (BusyError, StoreError) as error:
            self.dropped += 1
            log.warning("%s: a message was not read by the challenger: %s", app, error)
