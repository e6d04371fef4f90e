"""The guard in front of every route, Gradio's included: who asks, how often, how much, and from where.

Pure ASGI, so that streamed replies pass through unbuffered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.config import Settings, is_loopback
from agent.errors import BusyError, RateLimitError
from agent.headers import is_closed
from agent.identity import COOKIE, COOKIE_SECONDS, Client, Identities, UnknownKeyError
from agent.limits import RateLimit, network
from agent.problems import Problem, explain, of_status

# One address may house several people behind a router, but not hundreds.
CLIENTS_AN_ADDRESS = 4
BODY_SECONDS = 30.0
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LIMITED_PATHS = ("/v1/", "/knowledge/")
_UNLIMITED_PATHS = ("/healthz", "/readyz")


class Guard:
    """Middleware; a request that it lets through has ``request.state.client`` (see ``agent.identity``)."""

    def __init__(self, app: ASGIApp, settings: Settings, identities: Identities) -> None:
        self._app = app
        self._settings = settings
        self._identities = identities
        self._clients = RateLimit(settings.rate_limit)
        self._addresses = RateLimit(settings.rate_limit * CLIENTS_AN_ADDRESS)
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        problem = self._refused(scope)
        if problem is None and scope["method"] not in _SAFE_METHODS:
            problem, receive = await self._with_body(scope, receive)
        if problem is not None:
            await problem.response()(scope, receive, send)
            return
        counted = scope["method"] == "POST" and scope["path"].startswith("/v1/")
        if counted and self._running >= self._settings.queue_limit:
            await explain(BusyError(self._running)).response()(scope, receive, send)
            return
        self._running += counted
        try:
            await self._app(scope, receive, _with_cookie(scope, send, self._settings.secure_cookies))
        finally:
            self._running -= counted

    def _refused(self, scope: Scope) -> Problem | None:
        """Why the request is refused before its body is read; None lets it through and names its client."""
        headers = Headers(scope=scope)
        path, method = scope["path"], scope["method"]
        host = headers.get("host", "")
        if not self._is_our_host(host):
            return Problem(
                400,
                "unknown_host",
                "This service does not answer to that host name.",
                "Use localhost, or list the site's origin in SWITCHBOARD_ALLOWED_ORIGINS.",
            )
        origin = headers.get("origin")
        if method not in _SAFE_METHODS and origin is not None and not self._is_our_origin(origin, host):
            return Problem(
                403,
                "foreign_origin",
                "Pages of another site may not send this.",
                "List the site's origin in SWITCHBOARD_ALLOWED_ORIGINS if it is meant to.",
            )
        if is_closed(path):
            return of_status(404)
        try:
            client = self._identities.identify(headers.get("authorization"), _cookie(headers))
        except UnknownKeyError:
            return Problem(
                401,
                "unknown_key",
                "That API key is not known.",
                "Check it against SWITCHBOARD_API_KEYS.",
                {"WWW-Authenticate": "Bearer"},
            )
        scope.setdefault("state", {})["client"] = client
        limited = method not in _SAFE_METHODS or path.startswith(_LIMITED_PATHS)
        if limited and path not in _UNLIMITED_PATHS:
            return self._over_limit(client, network(scope["client"][0] if scope.get("client") else ""))
        return None

    def _over_limit(self, client: Client, address: str) -> Problem | None:
        try:
            self._addresses.take(address)
            # Whoever sends no cookie is new with every request, so the address stands for them.
            self._clients.take(client.id if client.claimed else address)
        except RateLimitError as error:
            return explain(error)
        return None

    def _is_our_host(self, host: str) -> bool:
        """On loopback a foreign name in Host means a page that had its own name point here (DNS rebinding)."""
        if not self._settings.is_loopback or is_loopback(_without_port(host)):
            return True
        return any(_same_host(_netloc(origin), host) for origin in self._settings.allowed_origins)

    def _is_our_origin(self, origin: str, host: str) -> bool:
        # The scheme is not compared: behind a proxy that speaks HTTPS we see HTTP.
        return origin in self._settings.allowed_origins or _same_host(_netloc(origin), host)

    async def _with_body(self, scope: Scope, receive: Receive) -> tuple[Problem | None, Receive]:
        """Read the whole body, up to the limit, and a ``receive`` that gives it out again."""
        limit = self._settings.max_body_bytes
        too_large = Problem(
            413, "body_too_large", f"The request's body has more than {limit} bytes.", "Send less at a time."
        )
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isascii() or not declared.isdigit():
            return of_status(400), receive
        if len(declared) > 18 or int(declared) > limit:
            return too_large, receive
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                more = True
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        return of_status(400), receive
                    body += message.get("body", b"")
                    if len(body) > limit:
                        return too_large, receive
                    more = message.get("more_body", False)
        except TimeoutError:
            return Problem(408, "timeout", "The request's body did not arrive in time.", "Send it again."), receive
        return None, _replay(bytes(body), receive)


def _replay(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _with_cookie(scope: Scope, send: Send, secure: bool) -> Send:
    """A ``send`` that gives a new client its cookie with the first page or API reply, not with static files."""
    client: Client = scope["state"]["client"]
    if client.cookie is None:
        return send
    value = f"{COOKIE}={client.cookie}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax"

    async def send_with_cookie(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            page = headers.get("content-type", "").startswith("text/html")
            if scope["path"].startswith("/v1/") or page:
                headers.append("set-cookie", value + ("; Secure" if secure else ""))
                if page:
                    # A shared cache must not hand one client's cookie to the next.
                    headers["cache-control"] = "no-store"
        await send(message)

    return send_with_cookie


def _cookie(headers: Headers) -> str | None:
    return cookie_parser(headers.get("cookie", "")).get(COOKIE)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _same_host(one: str, other: str) -> bool:
    """Whether two ``host:port`` are the same; a port that a scheme implies may be written or not."""
    names = [part.lower().removesuffix(":80").removesuffix(":443") for part in (one, other)]
    return bool(one) and names[0] == names[1]
