"""What an app may bring besides its actions: commands, and modules that they share."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.app_code import load_part
from agent.cli import app as cli
from agent.dialogue.actions import load_actions
from agent.errors import DomainError
from tests.agent.dialogue.small_app import make_app

SHELVES = "SEEN: list[str] = []\n"
ROUTES = """
from fastapi import APIRouter
from .shelves import SEEN

def create_router(service):
    router = APIRouter()

    @router.get("/shelves", summary="Shelves")
    def shelves() -> list[str]:
        SEEN.append(",".join(service.domains))
        return SEEN

    return router
"""
COMMANDS = """
import typer
from .shelves import SEEN

group = typer.Typer(no_args_is_help=True, help="The library's shelves.")

@group.callback()
def main() -> None: ...

@group.command()
def count(more: int = 0) -> None:
    print(f"{len(SEEN) + more} shelves")
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = make_app(tmp_path)
    for name, code in (("shelves", SHELVES), ("routes", ROUTES), ("commands", COMMANDS)):
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
    return folder


def test_parts_share_the_modules_beside_them(library: Path) -> None:
    routes, commands = load_part(library, "routes"), load_part(library, "commands")
    assert routes is not None
    assert commands is not None
    assert routes.SEEN is commands.SEEN
    assert load_part(library, "page") is None


def test_actions_are_read_anew_with_what_they_import(library: Path) -> None:
    code = "from agent.dialogue.actions import action\nfrom .shelves import NAME\n@action(NAME)\ndef f(c): ...\n"
    (library / "actions.py").write_text(code, encoding="utf-8")
    (library / "shelves.py").write_text("NAME = 'old'\n", encoding="utf-8")
    assert set(load_actions(library)) == {"old"}
    (library / "shelves.py").write_text("NAME = 'newer'\n", encoding="utf-8")
    assert set(load_actions(library)) == {"newer"}


@pytest.mark.parametrize("code", ["import nothing_of_that_name", "def f(:\n", "from .gone import x", "1 + ''"])
def test_a_part_that_cannot_be_used_is_named(library: Path, code: str) -> None:
    (library / "routes.py").write_text(code, encoding="utf-8")
    with pytest.raises(DomainError, match=r"routes\.py: cannot be imported"):
        load_part(library, "routes")


def test_an_apps_commands_are_reached_by_its_name(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHBOARD_APPS", str(library))
    done = CliRunner().invoke(cli, [library.name, "count", "--more", "3"])
    assert (done.exit_code, done.output) == (0, "3 shelves\n")
    assert CliRunner().invoke(cli, ["nobody", "count"]).exit_code == 2
