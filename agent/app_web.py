"""What apps put on the server: ``routes.py`` under ``/v1/<app>``, ``page.py`` at the root, ``assets/`` under
``/ui/app/<app>/``.

They stand behind the same guard as everything else. A path that the service has already is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from agent.app_code import load_part
from agent.config import Settings
from agent.errors import DomainError
from agent.identity import PAGE_HEADER, SESSION_COOKIE, client_of
from agent.problems import NotAllowedError, Problem
from agent.schema import problems
from agent.service import Service
from agent.types import Prediction

_TAKEN = ("", "v1", "ui", "console", "knowledge", "docs", "healthz", "readyz", "metrics", "openapi.json")
"""First parts of paths that an app's page cannot have."""
_NOT_SIGNED_IN = Problem(
    401,
    "not_signed_in",
    "This is for those who are signed in, or have an API key.",
    "Sign in at /console, or send a key.",
)
_FOREIGN = Problem(403, "foreign_request", "Only the service's own pages may send this.", "Use the page.")


@dataclass(frozen=True, slots=True)
class OneApp:
    """The service as one app's code sees it: an ``agent.service.AppService``."""

    service: Service
    name: str

    @property
    def folder(self) -> Path:
        return Path(self.service.domains[self.name].folder)

    @property
    def data(self) -> Path:
        """The app's own data folder, which exists."""
        data = self.service.settings.data / "apps" / self.name
        # An app's data may be personal: for our own account alone.
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        return data

    @property
    def settings(self) -> Settings:
        return self.service.settings

    @property
    def version(self) -> str | None:
        """The version that answers; None while there is none."""
        return self.service.version(self.name)

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """What the model reads in texts that the app has cleaned itself. Raises BusyError."""
        return self.service.read(self.name, texts)

    def may_change(self, request: Request) -> bool:
        """Whether whoever asks may change the app's data: with an API key, signed in to the console, or from this
        machine where nobody else reaches the service and there are no keys."""
        if client_of(request).by_key or (self.settings.is_loopback and not self.settings.api_keys):
            return True
        token = request.cookies.get(SESSION_COOKIE)
        return token is not None and self.service.users.session(token, used=False) is not None

    def require_change(self, request: Request) -> None:
        """A dependency of routes that change something. Raises NotAllowedError."""
        if not self.may_change(request):
            raise NotAllowedError(_NOT_SIGNED_IN)
        # What a session allows is for pages of ours alone: one of another site can send its cookie, but no such header.
        if not client_of(request).by_key and SESSION_COOKIE in request.cookies and PAGE_HEADER not in request.headers:
            raise NotAllowedError(_FOREIGN)


def put_on(app: FastAPI, service: Service, *, pages: bool) -> None:
    """Add what the service's apps bring; ``pages`` False leaves their pages out.

    Raises DomainError naming the app whose code cannot be loaded, or whose path is taken.
    """
    taken = dict.fromkeys(_TAKEN, "the service")
    for name, domain in service.domains.items():
        folder = Path(domain.folder)
        routes = load_part(folder, "routes")
        if routes is not None:
            app.include_router(
                routes.router(OneApp(service, name)),
                prefix=f"/v1/{name}",
                responses=problems(400, 401, 403, 413, 422, 429, 503),
            )
        page = load_part(folder, "page") if pages else None
        if page is not None:
            router: APIRouter = page.pages(OneApp(service, name))
            _take(name, router, taken)
            app.include_router(router, include_in_schema=False)
            app.mount(f"/ui/app/{name}", StaticFiles(directory=folder / "assets"), name=f"assets of {name}")


def _take(name: str, router: APIRouter, taken: dict[str, str]) -> None:
    """Note the first parts of the paths of an app's pages in ``taken``, where each has its owner."""
    for path in (route.path for route in router.routes if isinstance(route, Route)):
        first = path.strip("/").split("/")[0]
        owner = taken.setdefault(first, name)
        if owner != name:
            raise DomainError(name, [f"page.py: the path '{path}' is that of {owner}. Take another one."])
