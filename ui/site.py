"""Puts the pages on the server: the chat at ``/``, its style and script under ``/ui``."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

# Read when gradio is imported: it calls home otherwise.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr
from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.identity import client_of
from ui.chat import ChatAgent, build
from ui.theme import DARK_PAGE, LIGHT_PAGE, app_styles, theme
from ui.words import DEFAULT_LANGUAGE, WORDS

ASSETS = Path(__file__).parent / "assets"
_META = re.compile(rb'\s*<meta\s+(?:property="og:|name="twitter:)[^>]*>')
_MANIFEST = re.compile(rb'\s*<link rel="manifest"[^>]*>')


def mount(app: FastAPI, agent: ChatAgent) -> None:
    """Serve the chat over ``agent`` from ``app``, which must name each request's client (see ``agent.identity``)."""
    apps = agent.apps()
    styles = app_styles(apps)

    @app.get("/ui/apps.css", include_in_schema=False)
    def app_css() -> Response:
        return Response(styles, media_type="text/css")

    app.mount("/ui", StaticFiles(directory=ASSETS), name="ui")
    gr.mount_gradio_app(
        app,
        build(agent),
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        max_file_size=1,
        auth_dependency=_client,
        theme=theme(),
    )
    mounted = app.router.routes[-1]
    assert isinstance(mounted, Mount)
    mounted.app = OwnHead(mounted.app, _head(apps[0], styles), _splash(apps[0]))


def _client(request: Request) -> str:
    """Gradio's name for who asks; every request that the server's guard let through has one."""
    return client_of(request).id


def _head(app: Mapping[str, Any], styles: str) -> bytes:
    """What our page has in its head in place of the toolkit's cards for social networks."""
    version = hashlib.sha256(
        styles.encode() + b"".join(file.read_bytes() for file in sorted(ASSETS.iterdir()))
    ).hexdigest()[:12]
    return (
        f"<title>{escape(app['title'])}</title>"
        f'<meta name="description" content="{escape(app.get("description", ""))}">'
        f'<meta name="theme-color" content="{LIGHT_PAGE}" media="(prefers-color-scheme: light)">'
        f'<meta name="theme-color" content="{DARK_PAGE}" media="(prefers-color-scheme: dark)">'
        '<link rel="icon" href="/ui/icon.svg" type="image/svg+xml">'
        f'<link rel="stylesheet" href="/ui/apps.css?v={version}">'
        f'<link rel="stylesheet" href="/ui/chat.css?v={version}">'
        f'<script src="/ui/chat.js?v={version}" defer></script>'
    ).encode()


def _splash(app: Mapping[str, Any]) -> bytes:
    """What is seen until the page's script has drawn it."""
    words = WORDS[DEFAULT_LANGUAGE]
    return (
        f'<div id="splash" role="status"><i></i><span class="sr-only">{escape(words["loading"])}</span></div>'
        f'<noscript><p id="no-script">{escape(words["no_script"])}</p></noscript>'
    ).encode()


class OwnHead:
    """Wraps Gradio's application and gives its page our head; everything else passes as it is.

    Gradio adds its own ``head`` only when its script has run, which is too late for styles.
    """

    def __init__(self, app: ASGIApp, head: bytes, splash: bytes) -> None:
        self._app = app
        self._head = head
        self._splash = splash

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        # Uncompressed, so that it can be edited.
        headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                page = Headers(scope=start).get("content-type", "").startswith("text/html")
                content = self._edited(bytes(body)) if page else bytes(body)
                MutableHeaders(scope=start)["content-length"] = str(len(content))
                await send(start)
                await send({"type": "http.response.body", "body": content})

        await self._app({**scope, "headers": headers}, receive, collect)

    def _edited(self, page: bytes) -> bytes:
        page = _MANIFEST.sub(b"", _META.sub(b"", page))
        # Last in the head, so that our styles come after the toolkit's.
        page = page.replace(b"</head>", self._head + b"</head>", 1)
        return page.replace(b"<gradio-app", self._splash + b"<gradio-app", 1)
