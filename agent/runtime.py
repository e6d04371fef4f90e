"""Agent: wires backbone, models, knowledge, dialogue and store of all apps; ``reply(Message) -> Reply``.

All methods block and may be called from many threads; the engine runs one model at a time.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agent.alerts import AlertBook
from agent.apps import PASSAGES, App, build_app, load_domains, open_index, open_recommender, reranked
from agent.config import Settings
from agent.customers import Subject
from agent.desk import ReviewDesk
from agent.dialogue.router import HELD
from agent.dialogue.tracker import Tracker
from agent.domain import Domain
from agent.errors import BadInputError, ModelError, UnknownAppError
from agent.generator import Generator, Show
from agent.inbox import Inbox, tracker_of
from agent.learning.quick import QuickReport
from agent.learning.registry import ModelRegistry
from agent.metrics import Meter
from agent.model.backbone import Backbone
from agent.model.engine import InferenceEngine, Model
from agent.model.lessons import Lessons
from agent.model.serving import open_version
from agent.model.storage import load_taste
from agent.model.taste import TasteModel
from agent.monitor import Monitor
from agent.names import check_feedback
from agent.privacy import Privacy
from agent.progress import Bar
from agent.recommend import Recommender
from agent.redaction import make_redactor
from agent.retrainer import Retrainer
from agent.shadow import Shadow
from agent.standing import Refusal, Training, readiness, shown
from agent.store import Store
from agent.stream import streamed
from agent.text import clean
from agent.types import Feedback, Gone, Holder, Message, Prediction, Reply, Route
from agent.users import UserBook
from agent.versions import Versions
from agent.why import explain, why
from index.documents import Passage
from index.knowledge import Hit, KnowledgeIndex

log = logging.getLogger("switchboard")

Teach = Callable[[Domain, KnowledgeIndex, Backbone, Settings], Path]
"""Trains an app's next version and gives its folder."""


class Agent:
    """The running service without its HTTP side; build it with ``Agent.open``."""

    def __init__(self, settings: Settings, backbone: Backbone, store: Store, apps: Mapping[str, App]) -> None:
        self.settings = settings
        self.backbone = backbone
        self.store = store
        self.users = UserBook(
            store.file,
            idle=timedelta(minutes=settings.session_idle),
            longest=timedelta(hours=settings.session_hours),
        )
        self.engine = InferenceEngine(queue_limit=settings.queue_limit, token_budget=settings.token_budget)
        self.training: dict[str, Training] = {}
        """By app; kept by whoever trains beside the service."""
        self.refused: dict[str, Refusal] = {}
        """By app, the champion that could not be served; the version before it goes on."""
        self.learned: dict[str, QuickReport] = {}
        """By app with reviews; kept by whoever follows them."""
        self.reviewed = threading.Event()
        """Set by whoever adds or undoes a review in this process, which is then learned at once."""
        self.opened = time.time_ns()
        """Nanoseconds since 1970; no file of an app was read before."""
        self.redactor = make_redactor(settings.redactor)
        self.privacy = Privacy(store.file, self.redactor)
        self.monitor = Monitor(store.file)
        self.alerts = AlertBook(store.file)
        self.meter = Meter(self.engine.state, self.alerts)
        self.generator = Generator(settings, self.redactor) if settings.generator_url else None
        self.shadow = Shadow(self.engine, store.file, backbone, tuple(apps)) if settings.shadow else None
        self.recommenders: dict[str, Recommender] = {}
        """By app with items."""
        self._apps = dict(apps)
        # One conversation answers one message at a time. Conversations share these locks by hash; a turn holds its
        # lock while the model reads, so there are many, that two conversations seldom wait for each other.
        self._turns = [threading.Lock() for _ in range(4096)]
        self.inbox = Inbox(store, self._app, self._lock_of, settings.max_message_chars)
        self.desk = ReviewDesk(
            store, self.engine, backbone, settings, self._app, self.reload, changed=self.reviewed.set
        )
        self.retrainer = Retrainer(settings)
        self.versions = Versions(settings, store.file, backbone, self._apps, self.engine.version, self._serve)

    @classmethod
    def open(
        cls,
        settings: Settings,
        *,
        backbone: Backbone | None = None,
        holder: str = "",
        only: str | None = None,
        untrained: Teach | None = None,
    ) -> Agent:
        """Open the data folder and load every app's champion, or that of the app ``only``.

        With ``holder`` (the address that will be served) other servers are kept off the folder. ``untrained`` is
        called for an app that has no model, and gives the folder of a new version, which is promoted.

        Raises ConfigError, UnknownAppError, DomainError, BackboneError, StoreError, LockedError, and ModelError if
        an app has no model or its champion is damaged.
        """
        torch.set_num_threads(settings.threads)
        opened = time.time_ns()
        store = Store.open(settings.data)
        try:
            if holder:
                store.lock(holder)
            domains = load_domains(settings, only)
            backbone = backbone or Backbone.load(settings.backbone, settings.device)
            apps = {}
            for name, domain in domains.items():
                with Bar(f"index {name}", "texts") as bar:
                    index = open_index(domain, settings.data, backbone, bar.update)
                apps[name] = build_app(domain, settings, index, backbone)
                registry = ModelRegistry(settings.data, name)
                if untrained and registry.champion() is None:
                    registry.promote(untrained(domain, index, backbone, settings).name)
            agent = cls(settings, backbone, store, apps)
            agent.opened = opened
            for name in apps:
                agent.open_catalogue(name)
                agent.load_champion(name)
            if agent.shadow is not None:
                agent.shadow.start()
        except BaseException:
            store.close()
            raise
        return agent

    def load_champion(self, app: str, teach: Callable[[Model], Lessons | None] = lambda model: None) -> None:
        """Serve the version that the alias ``champion`` names, with the lessons that ``teach`` gives for it.

        Raises ModelError if there is none, or if it is damaged or does not read as when it was saved; the one in
        service then goes on.
        """
        folder = ModelRegistry(self.settings.data, app).champion()
        if folder is None:
            raise ModelError(f"App '{app}' has no trained model in {self.settings.data}. Run: switchboard train {app}")
        recommender = self.recommenders.get(app)
        try:
            model = open_version(folder, self.backbone)
            taste = load_taste(folder, recommender.model.space) if recommender else None
            self.engine.swap(app, model, teach(model))
        except ModelError as error:
            self.refused[app] = Refusal(folder.name, str(error))
            raise
        self.refused.pop(app, None)
        if recommender is not None:
            recommender.model = taste or TasteModel.untrained(recommender.model.space)

    def open_catalogue(self, app: str) -> None:
        """Take up the app's items as they are in its files now, embedding what is new; users' events stay.

        Raises DomainError if its catalogue has mistakes; the one before then goes on.
        """
        before = self.recommenders.get(app)
        with Bar(f"items {app}", "items") as bar:
            now = open_recommender(
                self._app(app).domain, self.settings, self.backbone, self.store.file, self.predict, before, bar.update
            )
        if now is None:
            self.recommenders.pop(app, None)
        else:
            self.recommenders[app] = now

    def _serve(self, app: str) -> None:
        """Serve the champion at once; lessons follow as soon as whoever follows the reviews has looked."""
        self.load_champion(app)
        self.reviewed.set()

    def reload(self, app: str) -> None:
        """Take up an app's files as they are now; turns that are under way end with what they began with.

        Raises DomainError, KnowledgeError or StoreError; the app is then as it was.
        """
        domain = Domain.load(self._app(app).domain.folder)
        index = open_index(domain, self.settings.data, self.backbone)
        changed = build_app(domain, self.settings, index, self.backbone)
        self.open_catalogue(app)
        self._apps[app] = changed

    def close(self) -> None:
        """Finish what waits and close the database."""
        self.retrainer.close()
        if self.shadow is not None:
            self.shadow.close()
        self.desk.close()
        self.engine.close()
        if self.generator is not None:
            self.generator.close()
        self.store.close()

    @property
    def domains(self) -> Mapping[str, Domain]:
        return {name: app.domain for name, app in self._apps.items()}

    def index(self, app: str) -> KnowledgeIndex:
        """The app's knowledge. Raises UnknownAppError."""
        return self._app(app).index

    def reply(self, message: Message, gone: Gone | None = None, show: Show = lambda piece: None) -> Reply:
        """Answer one message and keep the turn. ``show`` gets the pieces of a generated text as they come.

        Where ``gone`` comes true before the model has read the message, it is dropped: CancelledError.
        Raises BadInputError, UnknownAppError, ConversationError, BusyError or StoreError; the
        conversation is then as it was before.
        """
        began = time.perf_counter()
        app = self._app(message.app)
        text = clean(message.text, self.settings.max_message_chars)
        if message.conversation_id is None:
            tracker = Tracker(self.store.new_id(), message.app)
            predictions = self.engine.predict(message.app, app.dialogue.texts(text, tracker), gone)
            return self._turn(app, tracker, text, predictions, began, show, beginning=message)
        with self._lock_of(message.conversation_id):
            row = self.store.resume(message.conversation_id, message.client_id, message.claimed)
            if row.app != message.app:
                raise BadInputError(
                    "other_app", f"This conversation belongs to the app '{row.app}', not to '{message.app}'."
                )
            tracker = tracker_of(row)
            if tracker.holder == "person":
                _, operator = self.inbox.holder(row.id)
                if operator is not None:
                    return self._left_to(operator, tracker, text)
            predictions = self.engine.predict(message.app, app.dialogue.texts(text, tracker), gone)
            return self._turn(app, tracker, text, predictions, began, show)

    def reply_stream(self, message: Message) -> Iterator[str | Reply]:
        """Pieces of the reply's text, each checked, then the reply itself, which is what counts: where the generator
        failed late its text differs from the pieces. Without a generator there is the reply alone.

        The turn is finished and kept even if nobody reads on. Raises what ``reply`` raises.
        """
        if self.generator is None:
            yield self.reply(message)
            return
        # In a thread of its own: the conversation's lock must not wait for whoever reads the pieces.
        yield from streamed(partial(self.reply, message, None), "reply")

    def _turn(
        self,
        app: App,
        tracker: Tracker,
        text: str,
        predictions: Sequence[Prediction],
        began: float,
        show: Show,
        beginning: Message | None = None,
    ) -> Reply:
        """``beginning`` is the message that opens the conversation, None if it is kept already."""
        held = tracker.holder == "person"
        moved = False

        def search(query: str, vector: NDArray[np.float32]) -> list[Hit]:
            nonlocal moved
            found, taught = self._search(app, query, vector, PASSAGES)
            moved = moved or [hit.passage.id for hit in found[:1]] != [hit.passage.id for hit in taught[:1]]
            return taught

        draft = app.dialogue.reply(text, predictions, tracker, search)
        prediction = draft.prediction
        reply = Reply(
            conversation_id=tracker.conversation_id,
            message_id=secrets.token_urlsafe(12),
            text=draft.text,
            route=draft.route,
            model_version=prediction.model_version,
            citations=draft.citations,
            quick_replies=draft.quick_replies,
            figures=draft.figures,
            why=explain(prediction, draft.route, tracker, draft.hits, moved),
        )
        if self.generator is not None and reply.route.kind == "answer" and reply.citations:
            rewritten = self.generator.rewrite(text, reply.text, reply.citations, show)
            reply = replace(reply, text=rewritten.text, why={**reply.why, "generator": rewritten.why})
        latency = (time.perf_counter() - began) * 1000
        with self.store.file.transaction():
            if beginning is not None:
                claimed = beginning.claimed
                self.store.new_conversation(beginning.app, beginning.client_id, claimed, tracker.conversation_id)
            self.store.save_turn(
                tracker.conversation_id,
                app.domain.name,
                reply.message_id,
                text,
                prediction,
                reply.route,
                reply,
                tracker.to_dict(),
                latency,
            )
            self.inbox.settle(tracker, held)
        if self.shadow is not None:
            self.shadow.offer(app.domain.name, reply.message_id, prediction.text)
        self.meter.reply(app.domain.name, reply.route.kind, latency)
        log.info("%s %s %.0f ms: %s", app.domain.name, reply.route.kind, latency, self.redactor.redact(text))
        return reply

    def _left_to(self, operator: str, tracker: Tracker, text: str) -> Reply:
        """Keep what was said to the operator who holds the conversation; the bot says nothing."""
        message_id = self.store.add_message(tracker.conversation_id, text)
        route = Route("handoff", f"{HELD}: {operator} holds this conversation")
        version = self.engine.version(tracker.app)
        log.info("%s left to a person: %s", tracker.app, self.redactor.redact(text))
        return Reply(tracker.conversation_id, message_id, "", route, version)

    def predict(self, app: str, texts: Sequence[str]) -> list[Prediction]:
        """What the model reads in each text. Raises BadInputError, UnknownAppError, BusyError."""
        self._app(app)
        cleaned = [clean(text, self.settings.max_message_chars) for text in texts]
        return self.engine.predict(app, cleaned)

    def read(self, app: str, texts: Sequence[str]) -> list[Prediction]:
        """As ``predict``, of texts that are no messages and that the app has cleaned itself: of any length, of which
        the model reads the beginning. Raises UnknownAppError, BusyError."""
        self._app(app)
        return self.engine.predict(app, texts)

    def version(self, app: str) -> str | None:
        """The version of the app's model that answers now."""
        return self.engine.version(app)

    def search(self, app: str, text: str, k: int = PASSAGES) -> list[Hit]:
        """The ``k`` passages that answer ``text`` best, best first."""
        prediction = self.predict(app, [text])[0]
        return self._search(self._app(app), prediction.text, prediction.query_vector, k)[1]

    def _search(self, app: App, text: str, vector: NDArray[np.float32], k: int) -> tuple[list[Hit], list[Hit]]:
        """What the index finds, best first, and that in the order of what reviews say of near texts."""
        found = app.index.search(text, vector, k)
        lessons = self.engine.lessons(app.domain.name)
        shifts = lessons.documents(vector) if lessons is not None else {}
        return found, reranked(app.index, shifts, text, vector, k) if shifts else found

    def feedback(self, feedback: Feedback) -> bool:
        """Keep what a person said of a reply; False if it was said before.

        Raises ConversationError, and BadInputError if it names what the app has not.
        """
        app = self._app(self.store.app_of_reply(feedback.message_id, feedback.client_id))
        check_feedback(feedback, app.domain, app.index)
        new = self.store.add_feedback(feedback)
        if new:
            self.meter.feedback(feedback.kind)
        return new

    def why(self, message_id: str, client_id: str) -> dict[str, Any]:
        """Why a reply was given (``agent.schema.WhyOut``), for the client that got it.

        Raises ConversationError, UnknownAppError, BusyError, ModelError.
        """
        turn = self.store.turn(message_id, client_id)
        self._app(turn.app)
        registry = ModelRegistry(self.settings.data, turn.app)
        return why(turn, self.engine, registry, self.backbone, self.settings.token_budget)

    def quick(self, app: str) -> dict[str, Any] | None:
        """What was learned of the app's reviews beside the version in service (``QuickReport``), ready for JSON; None
        before the first review. Raises UnknownAppError."""
        self._app(app)
        report = self.learned.get(app)
        return None if report is None else asdict(report)

    def passage(self, app: str, passage_id: str) -> Passage:
        """A passage by its id. Raises KeyError if there is none."""
        return self._app(app).index.passage(passage_id)

    def document_text(self, app: str, document_id: str) -> str:
        """The whole text of a knowledge document. Raises KeyError if there is none."""
        return self._app(app).index.document_text(document_id)

    def apps(self) -> list[dict[str, Any]]:
        """What a page or a client may know of each app; ready for JSON."""
        return [shown(app, self.engine.version(name), self.training.get(name)) for name, app in self._apps.items()]

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """Whether messages can be answered now, and the figures behind it."""
        return readiness(self._apps, self.engine.state(), self.training, self.refused, self.settings.queue_limit)

    def history(self, conversation_id: str, client_id: str, after: int = 0) -> list[dict[str, Any]]:
        """A conversation's messages from the one after number ``after`` on, for its own client.

        Raises ConversationError.
        """
        self.store.resume(conversation_id, client_id, claimed=True)
        return self.store.messages(conversation_id, after)

    def holder(self, conversation_id: str, client_id: str) -> tuple[Holder, str | None]:
        """Who answers the client's conversation next, and the operator's name if it is a person.

        Raises ConversationError.
        """
        self.store.resume(conversation_id, client_id, claimed=True)
        return self.inbox.holder(conversation_id)

    def conversations(self, client_id: str, app: str | None, most: int) -> list[dict[str, Any]]:
        """The client's own conversations, the last used first: id, app, title, turns, begun_at, updated_at."""
        return self.store.conversations(client_id, app, most)

    def delete_conversation(self, conversation_id: str, client_id: str) -> None:
        """Remove a conversation and its text for good, for its own client. Raises ConversationError, HeldError, and
        LockedError while an app that learned from it is trained."""
        self.store.require_owner(conversation_id, client_id)
        self.privacy.erase(Subject("conversation", conversation_id), client_id, compact=False)

    def export_client(self, client_id: str) -> Iterator[str]:
        """All that is kept of a client, as JSON in pieces."""
        return self.privacy.export(Subject("client", client_id))

    def erase_client(self, client_id: str) -> None:
        """Remove all that is kept of a client for good. Raises HeldError, LockedError as above."""
        self.privacy.erase(Subject("client", client_id), client_id)

    def erase_profile(self, app: str, user: str, who: str) -> None:
        """Remove all that a user did with the app's items, and their wishes, for good. Raises HeldError."""
        self.privacy.erase(Subject("profile", user, app=app), who, compact=False)

    def metrics(self) -> bytes:
        """Counters since the start, and how things stand, as Prometheus reads them."""
        return self.meter.text()

    def _lock_of(self, conversation_id: str) -> threading.Lock:
        return self._turns[hash(conversation_id) % len(self._turns)]

    def _app(self, name: str) -> App:
        try:
            return self._apps[name]
        except KeyError:
            raise UnknownAppError(name, list(self._apps)) from None
