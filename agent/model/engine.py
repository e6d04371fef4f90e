"""InferenceEngine: the sole owner of the loaded models; runs one micro-batch at a time.

Requests wait in a bounded queue, tokenised by whoever brought them. The engine's thread takes what waits for one app,
up to the token budget; the model reads it sorted by length. A caller who waits for the answer in any case, and finds
the engine idle, runs its own request as a batch instead of waking the thread. It knows nothing of conversations, of
files, or of what runs a model.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from agent.errors import BusyError, UnknownAppError
from agent.model import heap
from agent.model.backbone import Backbone
from agent.model.lessons import Lessons
from agent.model.tokens import Tokens
from agent.model.vote import NeighbourVote
from agent.types import Gone, Prediction


class Model(Protocol):
    """What the engine runs: a ``MultiTaskModel`` or an ``ExportedModel``."""

    version: str
    votes: dict[str, NeighbourVote]
    """By intent head."""

    @property
    def backbone(self) -> Backbone: ...

    def labels(self, head: str) -> tuple[str, ...]: ...

    def tokens(self, texts: Sequence[str]) -> list[Tokens]: ...

    def predict(self, texts: Sequence[str], *, tokens: Sequence[Tokens] | None = None) -> list[Prediction]: ...


@dataclass(slots=True)
class _Request:
    app: str
    texts: Sequence[str]
    tokens: list[Tokens]
    gone: Gone | None
    bare: bool
    count: int
    """Tokens in all."""
    future: Future[list[Prediction]] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _Served:
    """What serves an app: never changed, so that a batch has one or another."""

    model: Model
    lessons: Lessons | None


@dataclass(frozen=True, slots=True)
class EngineState:
    """For monitoring: texts that wait, texts read, batches run, since the start."""

    waiting: int
    read: int
    batches: int
    versions: dict[str, str]


class InferenceEngine:
    """Runs the models of all apps of a process.

    A request's texts are always read by one version with the same lessons: a model is bound to a batch, a request
    lies within one batch, and a swap takes effect from the next batch on.
    """

    def __init__(self, *, queue_limit: int = 256, token_budget: int = 2048) -> None:
        self._limit = queue_limit
        self._budget = token_budget
        self._served: dict[str, _Served] = {}
        self._queue: deque[_Request] = deque()
        self._waiting = 0
        self._read = 0
        self._batches = 0
        self._running = False
        """Whether somebody runs a batch: the engine's thread or a caller, never both."""
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._thread.start()

    def swap(self, app: str, model: Model, lessons: Lessons | None = None) -> None:
        """Serve ``app`` with ``model``, merged by now, from the next batch on. Batches of every length are tried first.

        ``lessons`` are those of the same version. Texts that wait keep the ids they have: all models of a process
        share the backbone's tokenizer.
        """
        for length in model.backbone.buckets:
            model.predict(["a " * (length - 2)])
        heap.give_back()
        with self._changed:
            self._served[app] = _Served(model, lessons)

    def drop(self, app: str) -> None:
        """Let go of a model under whose name nobody asks any more: nothing may wait for it."""
        with self._changed:
            self._served.pop(app, None)

    def teach(self, app: str, version: str, lessons: Lessons | None) -> bool:
        """Correct what ``version`` reads by ``lessons`` from the next batch on; False if another version serves."""
        with self._changed:
            model = self._of(app).model
            if model.version != version:
                return False
            self._served[app] = _Served(model, lessons)
        return True

    def submit(
        self, app: str, texts: Sequence[str], gone: Gone | None = None, *, bare: bool = False
    ) -> Future[list[Prediction]]:
        """Queue texts; the future gives their Predictions in order, without the lessons if they are to be ``bare``.

        Cancelling it drops the request, and so does ``gone`` if it is true when the request's turn comes.

        Raises UnknownAppError, or BusyError if the queue is full. A single request larger than the
        whole queue is taken when nothing else waits.
        """
        request = self._request(app, texts, gone, bare)
        with self._changed:
            self._admit(request)
            self._enqueue(request)
        return request.future

    def predict(
        self, app: str, texts: Sequence[str], gone: Gone | None = None, *, bare: bool = False
    ) -> list[Prediction]:
        """Wait for the Predictions of texts, in order. Raises as ``submit`` does, and CancelledError if ``gone`` came
        true before the texts' turn."""
        request = self._request(app, texts, gone, bare)
        with self._changed:
            self._admit(request)
            idle = not (self._running or self._queue)
            if idle:
                self._running = True
                served = self._served[app]
            else:
                self._enqueue(request)
        if idle:
            self._run(served, [request])
        return request.future.result()

    def _request(self, app: str, texts: Sequence[str], gone: Gone | None, bare: bool) -> _Request:
        with self._changed:
            model = self._of(app).model
        # Outside of the lock and of the engine's thread: this is the one time that a text is tokenised.
        tokens = model.tokens(texts)
        return _Request(app, texts, tokens, gone, bare, sum(len(t) for t in tokens))

    def _admit(self, request: _Request) -> None:
        if self._stopped or (self._waiting and self._waiting + len(request.texts) > self._limit):
            raise BusyError(self._waiting)
        self._waiting += len(request.texts)

    def _enqueue(self, request: _Request) -> None:
        self._queue.append(request)
        self._changed.notify()

    def version(self, app: str) -> str:
        """Version of the model that serves ``app`` now. Raises UnknownAppError."""
        return self.model(app).version

    def model(self, app: str) -> Model:
        """What serves ``app`` now, for what it says of itself: the engine's thread alone lets it read.

        Raises UnknownAppError.
        """
        with self._changed:
            return self._of(app).model

    def lessons(self, app: str) -> Lessons | None:
        """What corrects the version that serves ``app`` now. Raises UnknownAppError."""
        with self._changed:
            return self._of(app).lessons

    def _of(self, app: str) -> _Served:
        if app not in self._served:
            raise UnknownAppError(app, list(self._served))
        return self._served[app]

    def state(self) -> EngineState:
        with self._changed:
            versions = {app: served.model.version for app, served in self._served.items()}
            return EngineState(self._waiting, self._read, self._batches, versions)

    def close(self) -> None:
        """Finish what waits, then stop."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            with self._changed:
                while self._running or not (self._queue or self._stopped):
                    self._changed.wait()
                if not self._queue:
                    return
                requests = self._next_batch()
                self._running = True
                served = self._served[requests[0].app]
            self._run(served, requests)

    def _next_batch(self) -> list[_Request]:
        """The oldest request and, within the token budget, others of its app in order of arrival."""
        first = self._queue.popleft()
        batch, tokens = [first], first.count
        for request in list(self._queue):
            if request.app == first.app and tokens + request.count <= self._budget:
                self._queue.remove(request)
                batch.append(request)
                tokens += request.count
        return batch

    def _run(self, served: _Served, requests: list[_Request]) -> None:
        """Run a batch, ``_running`` being claimed for it; whatever happens goes to the requests' futures."""
        for r in requests:
            if r.gone is not None and r.gone():
                r.future.cancel()
        live = [r for r in requests if r.future.set_running_or_notify_cancel()]
        texts = [text for r in live for text in r.texts]
        predictions: list[Prediction] = []
        failure: BaseException | None = None
        try:
            predictions = served.model.predict(texts, tokens=[t for r in live for t in r.tokens])
            if served.lessons is not None:
                corrected = served.lessons.corrected(predictions)
                bare = [r.bare for r in live for _ in r.texts]
                predictions = [p if plain else c for p, c, plain in zip(predictions, corrected, bare, strict=True)]
        except BaseException as error:  # the waiting callers must hear of it, whatever it is
            failure = error
        # Before anybody hears of a result: whoever has an answer may ask again at once.
        with self._changed:
            self._waiting -= sum(len(r.texts) for r in requests)
            self._read += len(texts)
            self._batches += 1
            self._running = False
            if self._queue or self._stopped:  # else the thread sleeps on: waking it costs as much as a caller saves
                self._changed.notify()
        start = 0
        for r in live:
            if failure is not None:
                r.future.set_exception(failure)
            else:
                r.future.set_result(predictions[start : start + len(r.texts)])
                start += len(r.texts)
