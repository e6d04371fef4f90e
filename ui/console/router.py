"""The console under ``/console``: its pages, signing in and out, and the routes of all tabs."""

from __future__ import annotations

from typing import Any, Protocol

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, RedirectResponse, Response

from agent.config import Settings
from agent.identity import SESSION_COOKIE
from agent.limits import network
from agent.problems import of_status
from agent.users import LONGEST_PASSWORD, UserBook
from ui.console import inbox, models, monitor, review
from ui.console.session import recognise, user_of
from ui.console.shell import Tab, may_see, page, sign_in_page
from ui.theme import theme_of
from ui.words import language_of

TABS: tuple[Tab, ...] = (inbox.TAB, review.TAB, models.TAB, monitor.TAB)
"""In the order of the page; the first is where one lands."""


class ConsoleAgent(inbox.InboxAgent, review.ReviewAgent, models.ModelsAgent, monitor.MonitorAgent, Protocol):
    """What the frame and all tabs ask of an Agent. All methods block."""

    @property
    def settings(self) -> Settings: ...

    def apps(self) -> list[dict[str, Any]]: ...


class SignIn(BaseModel):
    name: str = Field(max_length=100)
    password: str = Field(max_length=LONGEST_PASSWORD)


def console_router(agent: ConsoleAgent, users: UserBook, version: str) -> APIRouter:
    """The console over ``agent`` for ``users``; ``version`` changes with our styles and scripts, so that no browser
    shows an old one.
    """
    router = APIRouter(prefix="/console", dependencies=[Depends(recognise(users))], include_in_schema=False)

    @router.post("/api/sign-in", status_code=204)
    def sign_in(body: SignIn, request: Request) -> Response:
        address = network(request.client.host if request.client else "")
        token = users.sign_in(body.name.strip().lower(), body.password, address)
        response = Response(status_code=204)
        secure = agent.settings.secure_cookies
        # For the whole site: pages of apps ask who is signed in as well.
        response.set_cookie(SESSION_COOKIE, token, path="/", httponly=True, samesite="lax", secure=secure)
        return response

    @router.post("/api/sign-out", status_code=204)
    def sign_out(request: Request) -> Response:
        users.sign_out(request.cookies.get(SESSION_COOKIE, ""))
        response = Response(status_code=204)
        response.delete_cookie(SESSION_COOKIE, path="/")
        return response

    for tab in TABS:
        router.include_router(tab.routes(agent), prefix="/api")

    @router.get("/api/{rest:path}")
    def nothing(rest: str) -> Response:
        return of_status(404).response()

    @router.get("")
    @router.get("/")
    def first() -> Response:
        return RedirectResponse(f"/console/{TABS[0].name}", 303)

    @router.get("/{name}")
    def show(name: str, request: Request) -> Response:
        language, theme = language_of(request.cookies, request.headers), theme_of(request.cookies)
        user = user_of(request)
        if user is None:
            return HTMLResponse(sign_in_page(bool(users.users()), language, theme, version), 401)
        tab = next((tab for tab in TABS if tab.name == name and may_see(user, tab)), None)
        if tab is None:
            return RedirectResponse(f"/console/{TABS[0].name}", 303)
        return HTMLResponse(page(tab, TABS, user, agent.apps(), language, theme, version))

    return router
