"""Puts the pages on the server: the chat at ``/``, the console at ``/console``, styles and scripts under ``/ui``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from html import escape
from typing import Annotated, Any, Protocol

# Read when gradio is imported: it calls home otherwise.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr
from fastapi import FastAPI, Query
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.identity import client_of
from agent.users import UserBook
from ui.chat import ChatAgent, app_of, build
from ui.console.router import ConsoleAgent, console_router
from ui.document import ASSETS, version_of
from ui.theme import DARK_PAGE, LIGHT_PAGE, app_styles, theme, theme_of
from ui.thread import of_person
from ui.words import WORDS, Words, language_of

_SCRIPTS = ("chat", "choice", "figures", "frame", "live", "survey", "why")
_META = re.compile(rb'\s*<meta\s+(?:property="og:|name="twitter:)[^>]*>')
_MANIFEST = re.compile(rb'\s*<link rel="manifest"[^>]*>')
_ROOT = re.compile(rb'<html\s+lang="en"')


class SiteAgent(ChatAgent, ConsoleAgent, Protocol):
    """What all pages ask of an Agent."""

    @property
    def users(self) -> UserBook: ...


def mount(app: FastAPI, agent: SiteAgent) -> None:
    """Serve the pages over ``agent`` from ``app``, which must name each request's client (see ``agent.identity``)."""
    styles = app_styles(agent.apps())
    version = version_of(styles)

    @app.get("/ui/apps.css", include_in_schema=False)
    def app_css() -> Response:
        return Response(styles, media_type="text/css")

    @app.get("/ui/live", include_in_schema=False)
    def live(request: Request, conversation: str, after: Annotated[int, Query(ge=0, le=2**53)] = 0) -> dict[str, Any]:
        """Who answers the client's conversation, and what operators wrote after the message number ``after``."""
        client_id = client_of(request).id
        words = WORDS[language_of(request.cookies, request.headers)]
        holder, operator = agent.holder(conversation, client_id)
        said = [row for row in agent.history(conversation, client_id, after) if row["author"]]
        html = "".join(of_person(row, words) for row in said)
        return {"holder": holder, "operator": operator, "html": html}

    app.include_router(console_router(agent, agent.users, version))
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
    mounted.app = OwnPage(mounted.app, agent, version)


def _client(request: Request) -> str:
    """Gradio's name for who asks; every request that the server's guard let through has one."""
    return client_of(request).id


def _root(app: Mapping[str, Any], chosen: str, words: Words) -> bytes:
    """The page's root element: its language, the app whose colours it has, and light or dark if that was chosen."""
    shade = "" if chosen == "auto" else f' data-theme="{chosen}"'
    return f'<html lang="{words["tag"]}" data-app="{escape(app["name"])}"{shade}'.encode()


def _head(app: Mapping[str, Any], chosen: str, version: str) -> bytes:
    """What our page has in its head in place of the toolkit's cards for social networks."""
    pages = {"light": LIGHT_PAGE, "dark": DARK_PAGE}
    shades = [(name, f' media="(prefers-color-scheme: {name})"') for name in pages]
    if chosen != "auto":
        shades = [(chosen, "")]
    return (
        f"<title>{escape(app['title'])}</title>"
        f'<meta name="description" content="{escape(app.get("description", ""))}">'
        + "".join(f'<meta name="theme-color" content="{pages[name]}"{media}>' for name, media in shades)
        + '<link rel="icon" href="/ui/icon.svg" type="image/svg+xml">'
        + "".join(
            f'<link rel="stylesheet" href="/ui/{name}.css?v={version}">'
            for name in ("apps", "frame", "thread", "figures")
        )
        + "".join(f'<script src="/ui/{name}.js?v={version}" defer></script>' for name in _SCRIPTS)
    ).encode()


def _splash(words: Words) -> bytes:
    """What is seen until the page's script has drawn it."""
    return (
        f'<div id="splash" role="status"><i></i><span class="sr-only">{escape(words["loading"])}</span></div>'
        f'<noscript><p id="no-script">{escape(words["no_script"])}</p></noscript>'
    ).encode()


class OwnPage:
    """Wraps Gradio's application and gives its page our root element and head; everything else passes as it is.

    Gradio adds its own ``head`` only when its script has run, which is too late for styles.
    """

    def __init__(self, app: ASGIApp, agent: ChatAgent, version: str) -> None:
        self._app = app
        self._agent = agent
        self._version = version

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
                content = self._edited(bytes(body), Request(scope)) if page else bytes(body)
                sent = MutableHeaders(scope=start)
                sent["content-length"] = str(len(content))
                sent.add_vary_header("Accept-Language, Cookie")
                await send(start)
                await send({"type": "http.response.body", "body": content})

        await self._app({**scope, "headers": headers}, receive, collect)

    def _edited(self, page: bytes, request: Request) -> bytes:
        app = app_of(self._agent.apps(), request.query_params)
        words = WORDS[language_of(request.cookies, request.headers)]
        chosen = theme_of(request.cookies)
        root = _root(app, chosen, words)
        page = _ROOT.sub(lambda _: root, _MANIFEST.sub(b"", _META.sub(b"", page)), count=1)
        # Last in the head, so that our styles come after the toolkit's.
        page = page.replace(b"</head>", _head(app, chosen, self._version) + b"</head>", 1)
        return page.replace(b"<gradio-app", _splash(words) + b"<gradio-app", 1)
