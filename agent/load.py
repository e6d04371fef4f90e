"""Load: many clients that hold conversations with a running service over HTTP, each with time to think.

Before the load one client holds every conversation alone. Under load each reply is compared with that: one that bears
another conversation's id, or reads its message otherwise than when nobody else was there, was crossed.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from agent.errors import ConfigError

Conversation = tuple[str, ...]
"""What the person says, turn by turn."""

PERCENTILES = (50, 90, 95, 99)
TIMEOUT = 30.0
"""Seconds after which a reply counts as failed."""
SAME = 0.02
"""Most that a confidence may differ between two readings of one message."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    clients: int
    seconds: float
    """From the first message to the last reply."""
    messages: int
    """Replies that came, crossed ones counted in."""
    conversations: int
    """Conversations that were begun."""
    per_second: float
    latency_ms: dict[str, float]
    """p50, p90, p95, p99 and max of the replies that came; empty if none did."""
    failed: dict[str, int]
    """Requests without a reply: by the error's code, or by what broke."""
    crossed: int

    @property
    def ok(self) -> bool:
        return self.messages > 0 and not self.failed and not self.crossed

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self) | {"ok": self.ok}


@dataclass(slots=True)
class _Tally:
    latencies: list[float] = field(default_factory=list)
    """Seconds."""
    failed: Counter[str] = field(default_factory=Counter)
    crossed: int = 0
    begun: set[str] = field(default_factory=set)
    """Conversation ids."""


def read_conversations(path: Path) -> list[Conversation]:
    """Conversations of a text file: a message a line, an empty line between two conversations.

    Raises ConfigError if the file cannot be read or holds none.
    """
    try:
        blocks = path.read_text(encoding="utf-8").split("\n\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read the conversations in {path}: {error}.") from error
    found = [tuple(line.strip() for line in block.splitlines() if line.strip()) for block in blocks]
    if not any(found):
        raise ConfigError(f"{path} holds no conversation. Write a message a line, an empty line between conversations.")
    return [conversation for conversation in found if conversation]


def example_conversations(url: str, app: str, seed: int = 0) -> list[Conversation]:
    """Conversations made of the app's own example messages, in several orders.

    Raises ConfigError if the service does not answer, or has no such app or no examples for it.
    """
    try:
        apps = {row["name"]: row for row in httpx.get(f"{url}/v1/apps", timeout=TIMEOUT).raise_for_status().json()}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise ConfigError(f"No Switchboard answers at {url}: {error}. Start it: switchboard serve") from error
    if app not in apps:
        raise ConfigError(f"No app '{app}' at {url}. Available: {', '.join(apps)}.")
    examples = list(apps[app]["examples"])
    if not examples:
        raise ConfigError(f"App '{app}' has no example messages. Give a file with --conversations.")
    order = random.Random(seed)
    return [tuple(order.sample(examples, len(examples))) for _ in range(8)]


def run_load(
    url: str,
    app: str,
    conversations: Sequence[Conversation],
    *,
    clients: int,
    seconds: float,
    think: float,
    seed: int = 0,
    transport: httpx.AsyncBaseTransport | None = None,
) -> LoadReport:
    """Let ``clients`` hold conversations for ``seconds``; ``seed`` draws which, and how long they think.

    Before each message a client thinks for half to one and a half times ``think`` seconds. Raises ConfigError if the
    first client, alone, gets no answer. ``transport`` takes the network's place.
    """
    return asyncio.run(_Load(url, app, conversations, think, transport).run(clients, seconds, seed))


class _Load:
    def __init__(
        self,
        url: str,
        app: str,
        conversations: Sequence[Conversation],
        think: float,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self._url, self._app, self._think = url, app, think
        self._conversations = conversations
        self._transport = transport
        self._alone: dict[tuple[Conversation, int], dict[str, Any]] = {}
        self._tally = _Tally()
        # Shared: making one takes longer than a reply.
        self._certificates = ssl.create_default_context()

    async def run(self, clients: int, seconds: float, seed: int) -> LoadReport:
        await self._first()
        began = time.perf_counter()
        await asyncio.gather(*(self._client(random.Random(f"{seed} {n}"), began + seconds) for n in range(clients)))
        took = time.perf_counter() - began
        latencies = np.array(self._tally.latencies) * 1000
        shown = {f"p{p}": float(np.percentile(latencies, p)) for p in PERCENTILES} if len(latencies) else {}
        return LoadReport(
            clients=clients,
            seconds=took,
            messages=len(latencies),
            conversations=len(self._tally.begun),
            per_second=len(latencies) / took,
            latency_ms=shown | ({"max": float(latencies.max())} if len(latencies) else {}),
            failed=dict(self._tally.failed),
            crossed=self._tally.crossed,
        )

    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._url, timeout=TIMEOUT, verify=self._certificates, transport=self._transport
        )

    async def _first(self) -> None:
        """Hold every conversation alone and keep what the service read in each message."""
        async with self._http() as http:
            for conversation in dict.fromkeys(self._conversations):
                held: str | None = None
                for turn, text in enumerate(conversation):
                    try:
                        reply = await self._say(http, text, held)
                    except (httpx.HTTPError, httpx.InvalidURL, _RefusedError) as error:
                        raise ConfigError(
                            f"{self._url} does not answer one client alone: {error!r}. Is it up, does it have the app "
                            f"'{self._app}', and does it run with rate_limit = 0?"
                        ) from error
                    held = reply["conversation_id"]
                    self._alone[conversation, turn] = reply

    async def _client(self, chance: random.Random, end: float) -> None:
        async with self._http() as http:
            while time.perf_counter() < end:
                await self._converse(http, chance, end)

    async def _converse(self, http: httpx.AsyncClient, chance: random.Random, end: float) -> None:
        conversation = chance.choice(self._conversations)
        held: str | None = None
        for turn, text in enumerate(conversation):
            await asyncio.sleep(self._think * chance.uniform(0.5, 1.5))
            if time.perf_counter() >= end:
                return
            began = time.perf_counter()
            try:
                reply = await self._say(http, text, held)
            except _RefusedError as error:
                self._tally.failed[error.code] += 1
                return
            except httpx.HTTPError as error:
                self._tally.failed[type(error).__name__] += 1
                return
            self._tally.latencies.append(time.perf_counter() - began)
            given = reply["conversation_id"]
            foreign = given in self._tally.begun if held is None else given != held
            if foreign or not _alike(reply, self._alone[conversation, turn]):
                self._tally.crossed += 1
            self._tally.begun.add(given)
            held = given

    async def _say(self, http: httpx.AsyncClient, text: str, held: str | None) -> dict[str, Any]:
        response = await http.post("/v1/messages", json={"app": self._app, "text": text, "conversation_id": held})
        if response.status_code != 200:
            raise _RefusedError(response)
        reply: dict[str, Any] = response.json()
        return reply


class _RefusedError(Exception):
    """The service answered with an error."""

    def __init__(self, response: httpx.Response) -> None:
        is_ours = response.headers.get("content-type", "").startswith("application/json")
        self.code = str(response.json()["error"]["code"]) if is_ours else f"status {response.status_code}"
        super().__init__(self.code)


def _alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two replies read their message alike; a newer model may read it otherwise."""
    if one["model_version"] != other["model_version"]:
        return True
    ranked = [{r["name"]: r["confidence"] for r in reply["why"]["intents"]} for reply in (one, other)]
    shared = ranked[0].keys() & ranked[1].keys()
    near = all(abs(ranked[0][name] - ranked[1][name]) <= SAME for name in shared)
    return near and (bool(shared) or not any(ranked)) and one["route"]["kind"] == other["route"]["kind"]
