"""The page over an agent without a model but with a real store, in this process: quick to start, and to start again."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import uvicorn

from agent.config import Settings
from agent.customers import Subject
from agent.privacy import Privacy
from agent.redaction import BuiltinRedactor
from agent.server import create_app
from agent.types import Feedback, Gone, Message, Reply
from tests.agent.samples import prediction
from tests.ui.fake import PASSAGE, FakeAgent

PROMISE = "Our promise is simple, and it has been the same since the shop began in a shed by the lake.\n\n"
DOCUMENT = f"# Returning worn gear\n\n{PROMISE * 30}## How long\n\n{PASSAGE}\n\n## Costs\n\n{PROMISE * 30}"


class StoredAgent(FakeAgent):
    """Answers as the fake does, and keeps conversations as the real one does. ``wait ...`` waits for ``go``."""

    def __init__(self, data: Path, apps: int = 2) -> None:
        super().__init__(data, apps=apps)
        self.settings = Settings(data=data, rate_limit=0)
        self.domains = dict.fromkeys(self.domains, SimpleNamespace(locale="en-GB", folder=data))
        self.go = threading.Event()

    def reply(self, message: Message, gone: Gone | None = None) -> Reply:
        word = message.text.split()[0].lower()
        if word == "wait":
            assert self.go.wait(60)
        if word == "busy":
            return super().reply(message)
        conversation_id = message.conversation_id
        if conversation_id is None:
            conversation_id = self.store.new_conversation(message.app, message.client_id, message.claimed)
        self.store.resume(conversation_id, message.client_id, message.claimed)
        reply = self._answer(word, conversation_id, secrets.token_urlsafe(12))
        self.store.save_turn(
            conversation_id,
            message.app,
            reply.message_id,
            message.text,
            prediction(message.text),
            reply.route,
            reply,
            {},
            1.0,
        )
        return reply

    def feedback(self, feedback: Feedback) -> bool:
        return self.store.add_feedback(feedback)

    def history(self, conversation_id: str, client_id: str, after: int = 0) -> list[dict[str, Any]]:
        self.store.resume(conversation_id, client_id, claimed=True)
        return self.store.messages(conversation_id, after)

    def conversations(self, client_id: str, app: str | None, most: int) -> list[dict[str, Any]]:
        return self.store.conversations(client_id, app, most)

    def delete_conversation(self, conversation_id: str, client_id: str) -> None:
        self.store.require_owner(conversation_id, client_id)
        subject = Subject("conversation", conversation_id)
        Privacy(self.store.file, BuiltinRedactor()).erase(subject, client_id, compact=False)

    def passage(self, app: str, passage_id: str) -> Any:
        start = DOCUMENT.index(PASSAGE)
        return SimpleNamespace(
            id=passage_id,
            document_id="returns",
            source="returns.md",
            title="Returning worn gear",
            heading_path=("Returning worn gear", "How long"),
            page=None,
            start=start,
            end=start + len(PASSAGE),
            text=PASSAGE,
        )

    def document_text(self, app: str, document_id: str) -> str:
        return DOCUMENT


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Server(threading.Thread):
    """Serves an agent in a thread with an event loop of its own, as Playwright has one in the main thread."""

    def __init__(self, agent: Any, port: int) -> None:
        super().__init__()
        self.listens = threading.Event()
        self._agent = agent
        self._port = port
        self._server: uvicorn.Server | None = None

    def run(self) -> None:
        asyncio.run(self._serve())

    def stop(self) -> None:
        assert self._server is not None
        self._server.should_exit = True
        self.join()

    async def _serve(self) -> None:
        said = self.listens

        class Saying(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                said.set()

        options: dict[str, Any] = {"log_level": "error", "ws": "none", "timeout_graceful_shutdown": 1}
        app = create_app(self._agent)
        self._server = Saying(uvicorn.Config(app, host="127.0.0.1", port=self._port, **options))
        await self._server.serve()


@contextmanager
def serving(agent: Any, port: int) -> Iterator[str]:
    """The whole application over ``agent`` (a Service with pages) at the address that this gives."""
    server = _Server(agent, port)
    server.start()
    try:
        assert server.listens.wait(300)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


@contextmanager
def served(agent: StoredAgent, port: int) -> Iterator[str]:
    """The same over an agent whose store is closed at the end."""
    try:
        with serving(agent, port) as address:
            try:
                yield address
            finally:
                agent.go.set()
    finally:
        agent.store.close()
