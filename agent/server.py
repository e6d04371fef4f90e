"""The web server: the API, the knowledge pages and the chat page behind one guard.

``create_app`` takes an agent and builds none; whoever starts the server closes the agent.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import anyio.to_thread
from fastapi import Depends, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from starlette.responses import HTMLResponse, JSONResponse, Response

from agent import problems
from agent.api import create_router, key_check, nothing_else
from agent.app_web import put_on
from agent.errors import UnknownAppError
from agent.headers import SecureHeaders
from agent.identity import Identities, cookie_secret
from agent.metrics import CONTENT_TYPE
from agent.pages import docs_page, knowledge_page, parse_span
from agent.security import Guard
from agent.service import Service

# Threads beyond those that may wait for the engine, so that pages and health checks never queue behind them.
SPARE_THREADS = 16


def create_app(agent: Service, with_ui: bool = True) -> FastAPI:
    """The whole application over ``agent``; ``with_ui`` False leaves the chat page out.

    Raises StoreError if the cookie key in the data folder cannot be used.
    """
    settings = agent.settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.queue_limit + SPARE_THREADS
        yield

    app = FastAPI(
        title="Switchboard",
        summary="Chat agents for domain apps: every reply is grounded, explained and can be judged.",
        version=_version(),
        lifespan=lifespan,
        # FastAPI's own pages load scripts from another site; ours (below) has none.
        docs_url=None,
        redoc_url=None,
    )
    problems.install(app)

    app.include_router(create_router(agent))
    _add_pages(app, agent)
    if with_ui:
        # Read when gradio is imported, which pages of apps do as well: it calls home otherwise.
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    put_on(app, agent, pages=with_ui)
    app.include_router(nothing_else())
    # The last one added is the outermost. Gradio leaves CORS to its parent when it sees this very class.
    app.add_middleware(Guard, settings=settings, identities=Identities(cookie_secret(settings.data), settings.api_keys))
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.allowed_origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
    )
    app.add_middleware(SecureHeaders)
    if with_ui:
        from ui.site import mount

        mount(app, agent)
    return app


def _add_pages(app: FastAPI, agent: Service) -> None:
    @app.get("/healthz", tags=["health"], summary="Is the process alive?")
    async def healthz() -> dict[str, str]:
        """Answers whatever else is going on."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"], summary="Can it answer messages?")
    def readyz() -> Response:
        """200 when every app has a model and an index, else 503; the body says what is missing."""
        ready, detail = agent.ready()
        body: dict[str, Any] = {"status": "ready" if ready else "not ready", "detail": detail}
        return JSONResponse(body, 200 if ready else 503)

    @app.get("/metrics", tags=["health"], summary="For Prometheus", dependencies=[Depends(key_check(agent.settings))])
    def metrics() -> Response:
        """Counters since the start and how things stand, in Prometheus' text format; with an API key, or from this
        machine alone."""
        return Response(agent.metrics(), media_type=CONTENT_TYPE)

    @app.get("/docs", include_in_schema=False)
    def docs(request: Request) -> Response:
        return HTMLResponse(docs_page(app.openapi(), str(request.base_url).rstrip("/")))

    @app.get("/knowledge/{name}/{passage_id:path}", include_in_schema=False)
    def knowledge(name: str, passage_id: str, s: str | None = None) -> Response:
        if name not in agent.domains:
            raise UnknownAppError(name, list(agent.domains))
        try:
            passage = agent.passage(name, passage_id)
        except KeyError:
            return problems.of_status(404).response()
        document = agent.document_text(name, passage.document_id)
        span = parse_span(s, len(passage.text))
        return HTMLResponse(knowledge_page(passage, document, span, agent.domains[name].locale))


def _version() -> str:
    try:
        return version("switchboard-agent")
    except PackageNotFoundError:
        return "0"
