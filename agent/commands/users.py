"""``switchboard user ...``: who may sign in to the console."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from agent.commands.options import AsJson, Config, Data, out, settings_of

if TYPE_CHECKING:
    from agent.users import UserBook

group = typer.Typer(no_args_is_help=True, help="Who may sign in to the console.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits, dots, dashes and underscores.")]


@contextmanager
def _users(data: Path | None, config: Path | None) -> Iterator[UserBook]:
    """The users of a data folder, also while a service runs on it."""
    from agent.database import DataFile
    from agent.users import UserBook

    file = DataFile.open(settings_of(config, data=data).data)
    try:
        yield UserBook(file)
    finally:
        file.close()


def _password() -> str:
    """Asked for twice in a terminal, else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


@group.command()
def add(
    name: Name,
    role: Annotated[str, typer.Option(help="operator, or admin, who also decides on models.")] = "operator",
    data: Data = None,
    config: Config = None,
) -> None:
    """Let somebody sign in to the console; the password is asked for, or read from standard input."""
    from agent.errors import BadInputError
    from agent.users import ROLES

    known = next((one for one in ROLES if one == role), None)
    if known is None:
        raise BadInputError("role", f"There is no role '{role}'. Take one of: {', '.join(ROLES)}.")
    with _users(data, config) as users:
        users.add(name, _password(), known, getpass.getuser())
    out.print(f"{name} may sign in at /console, as {known}.", highlight=False)


@group.command("list")
def list_users(as_json: AsJson = False, data: Data = None, config: Config = None) -> None:
    """Who may sign in."""
    with _users(data, config) as users:
        found = users.users()
    if as_json:
        print(json.dumps([{"name": user.name, "role": user.role, "created_at": user.created_at} for user in found]))
        return
    if not found:
        out.print("Nobody yet. Run: switchboard user add NAME --role admin", highlight=False)
        return
    table = Table("name", "role", "since")
    for user in found:
        table.add_row(user.name, user.role, user.created_at[:16].replace("T", " "))
    out.print(table)


@group.command()
def password(name: Name, data: Data = None, config: Config = None) -> None:
    """Give somebody a new password, which signs them out everywhere."""
    with _users(data, config) as users:
        users.change_password(name, _password(), getpass.getuser())
    out.print(f"{name} has a new password and is signed out everywhere.", highlight=False)


@group.command()
def remove(name: Name, data: Data = None, config: Config = None) -> None:
    """Let somebody sign in no more, and sign them out everywhere."""
    with _users(data, config) as users:
        users.remove(name, getpass.getuser())
    out.print(f"{name} may sign in no more.", highlight=False)
