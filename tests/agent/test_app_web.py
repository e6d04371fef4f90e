"""What an app puts on the server, and who may change what it keeps."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from agent import problems
from agent.app_web import OneApp, put_on
from agent.config import Settings
from agent.database import DataFile
from agent.errors import DomainError
from agent.identity import SESSION_COOKIE, Identities
from agent.security import Guard
from agent.users import UserBook
from tests.agent.serving import BEARER, KEY, code_of

PASSWORD = "three words in a row"
ROUTES = """
from fastapi import APIRouter, Depends

def router(service):
    router = APIRouter()

    @router.get("/shelves")
    def shelves() -> str:
        return f"{service.name} {service.version}"

    @router.post("/shelves", dependencies=[Depends(service.require_change)])
    def add() -> str:
        return "added"

    return router
"""
PAGE = """
from fastapi import APIRouter

def pages(service):
    router = APIRouter()

    @router.get("%s")
    def stacks() -> str:
        return "stacks"

    return router
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    (folder / "assets").mkdir(parents=True)
    (folder / "assets" / "stacks.css").write_text("p {}")
    (folder / "routes.py").write_text(ROUTES)
    (folder / "page.py").write_text(PAGE % "/stacks")
    return folder


@pytest.fixture
def users(tmp_path: Path) -> Iterator[UserBook]:
    file = DataFile.open(tmp_path / "data")
    with closing(file):
        yield UserBook(file)


def service_over(folder: Path, users: Any = None, **settings: Any) -> Any:
    return SimpleNamespace(
        domains={"library": SimpleNamespace(folder=folder)},
        settings=Settings(data=folder.parent / "data", **settings),
        users=users,
        version=lambda app: "3",
    )


def client_over(service: Any, *, pages: bool = True) -> TestClient:
    app = FastAPI()
    problems.install(app)
    put_on(app, service, pages=pages)
    settings = service.settings
    app.add_middleware(Guard, settings=settings, identities=Identities(bytes(32), settings.api_keys))
    return TestClient(app, base_url="http://localhost")


def test_routes_pages_and_assets_have_their_places(folder: Path) -> None:
    client = client_over(service_over(folder))
    assert client.get("/v1/library/shelves").json() == "library 3"
    assert client.get("/stacks").json() == "stacks"
    assert client.get("/ui/app/library/stacks.css").text == "p {}"
    assert client.get("/ui/app/library/../routes.py").status_code == 404
    assert "/v1/library/shelves" in client.get("/openapi.json").json()["paths"]
    assert "/stacks" not in client.get("/openapi.json").json()["paths"]


def test_without_pages_there_are_routes_alone(folder: Path) -> None:
    client = client_over(service_over(folder), pages=False)
    assert client.get("/v1/library/shelves").status_code == 200
    assert client.get("/stacks").status_code == 404


@pytest.mark.parametrize("path", ["/v1/stacks", "/console", "/ui/stacks", "/", "/healthz", "/openapi.json"])
def test_a_page_in_the_services_place_is_refused_by_name(folder: Path, path: str) -> None:
    (folder / "page.py").write_text(PAGE % path)
    with pytest.raises(DomainError, match=f"the path '{path}' is that of the service"):
        client_over(service_over(folder))


def test_two_apps_cannot_have_one_page(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "assets").mkdir(parents=True)
    (other / "page.py").write_text(PAGE % "/stacks")
    service = service_over(folder)
    service.domains["other"] = SimpleNamespace(folder=other)
    with pytest.raises(DomainError, match="the path '/stacks' is that of library"):
        client_over(service)


def test_the_apps_data_folder_is_for_our_account_alone(folder: Path) -> None:
    data = OneApp(service_over(folder), "library").data
    assert data.parts[-2:] == ("apps", "library")
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


def test_on_this_machine_without_keys_anybody_may_change(folder: Path) -> None:
    assert client_over(service_over(folder)).post("/v1/library/shelves").json() == "added"


def test_with_keys_a_change_takes_one(folder: Path, users: UserBook) -> None:
    client = client_over(service_over(folder, users, api_keys=(KEY,)))
    refused = client.post("/v1/library/shelves")
    assert (refused.status_code, code_of(refused)) == (401, "not_signed_in")
    assert client.post("/v1/library/shelves", headers=BEARER).json() == "added"
    # Reading is for all.
    assert client.get("/v1/library/shelves").status_code == 200


def test_who_is_signed_in_may_change_from_our_pages_alone(folder: Path, users: UserBook) -> None:
    users.add("ann", PASSWORD, "operator", "test")
    client = client_over(service_over(folder, users, api_keys=(KEY,)))
    client.cookies.set(SESSION_COOKIE, users.sign_in("ann", PASSWORD, "here"))
    refused = client.post("/v1/library/shelves")
    assert (refused.status_code, code_of(refused)) == (403, "foreign_request")
    assert client.post("/v1/library/shelves", headers={"X-Switchboard": "console"}).json() == "added"
    client.cookies.set(SESSION_COOKIE, "made up")
    assert client.post("/v1/library/shelves", headers={"X-Switchboard": "console"}).status_code == 401
