"""Security headers of every response, and which of Gradio's many routes are open.

Gradio adds none of these headers itself, and opens routes that a text chat has no use for.
"""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Our own plain pages: no script at all, and styles that are inline in the page's head.
PLAIN_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
# Gradio's page carries its configuration in inline scripts and its theme in inline styles.
PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
# The console's pages: our own scripts and styles alone, none of them inline.
CONSOLE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PLAIN = re.compile(r"/(v1|knowledge)/.*|/(docs|openapi\.json|healthz|readyz)")
_CONSOLE = re.compile(r"/console(/.*)?", re.DOTALL)
# What Gradio's page needs for text: its queue, calls that do not queue, its heartbeat, its theme, our files.
_OPEN_GRADIO = re.compile(
    r"(queue/(join|data|status)|run/predict|heartbeat/[\w-]+|cancel|reset/?|startup-events|app_id/?|theme\.css|file=(?!.*//).+)"
)
_CLOSED = re.compile(
    r"(.*/)?(config/?|monitoring(/.*)?|login/?|logout|redoc|deep_link)|.+/(docs|openapi\.json)", re.DOTALL
)


def headers_for(path: str) -> dict[str, str]:
    """The headers of a response to a request for ``path``."""
    policy = PAGE_POLICY
    if _PLAIN.fullmatch(path):
        policy = PLAIN_POLICY
    elif _CONSOLE.fullmatch(path):
        policy = CONSOLE_POLICY
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    if path.startswith("/v1/") or _CONSOLE.fullmatch(path):
        headers["Cache-Control"] = "no-store"
    return headers


def is_closed(path: str) -> bool:
    """Whether ``path`` is one of Gradio's routes that this service does not open."""
    path = path.removeprefix("/")
    if path.startswith(("knowledge/", "v1/")):
        return False
    _, gradio, rest = path.partition("gradio_api/")
    if gradio:
        return _OPEN_GRADIO.fullmatch(rest) is None
    return _CLOSED.fullmatch(path) is not None


class SecureHeaders:
    """Middleware that sets the headers on every response below it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(headers_for(scope["path"]))
            await send(message)

        await self._app(scope, receive, send_with_headers)
