from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from agent.audit import AuditLog
from agent.database import DataFile
from agent.errors import SignInError
from agent.users import UserBook
from tests.agent.command_line import Run, runner

PASSWORD = "three words in a row"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``switchboard user ...`` with a text, or ``stdin``, to read; exit status, standard output, standard error."""
    monkeypatch.setenv("SWITCHBOARD_DATA", str(tmp_path))
    monkeypatch.setenv("LOGNAME", "carol")
    typing = runner(monkeypatch, capsys)

    def call(*arguments: str, typed: str = "", stdin: io.StringIO | None = None) -> tuple[int, str, str]:
        return typing("user", *arguments, stdin=stdin or io.StringIO(typed))

    return call


def test_a_user_is_added_listed_given_a_new_password_and_removed(run: Run, tmp_path: Path) -> None:
    assert "Nobody yet" in run("list")[1]
    status, out, _ = run("add", "ann", "--role", "admin", typed=f"{PASSWORD}\n")
    assert (status, out) == (0, "ann may sign in at /console, as admin.\n")
    [user] = json.loads(run("list", "--json")[1])
    assert (user["name"], user["role"]) == ("ann", "admin")
    assert "ann" in run("list")[1]
    file = DataFile.open(tmp_path)
    users = UserBook(file)
    session = users.sign_in("ann", PASSWORD, "1.1.1.1")
    assert run("password", "ann", typed="another four words here\r\n")[0] == 0
    assert users.session(session, used=True) is None
    assert users.sign_in("ann", "another four words here", "1.1.1.1")
    assert run("remove", "ann")[0] == 0
    with pytest.raises(SignInError):
        users.sign_in("ann", "another four words here", "1.1.1.1")
    entries = [(entry.who, entry.action) for entry in AuditLog(file).entries()]
    assert entries == [("carol", "user_remove"), ("carol", "user_password"), ("carol", "user_add")]
    file.close()


@pytest.mark.parametrize(
    ("arguments", "typed", "told"),
    [
        (("add", "ann"), "short\n", "A password has 12 to 256 characters"),
        (("add", "ann"), "", "A password has 12 to 256 characters"),
        (("add", "Ann Smith"), f"{PASSWORD}\n", "'Ann Smith' is no user name"),
        (("add", "ann", "--role", "boss"), f"{PASSWORD}\n", "no role 'boss'. Take one of: operator, admin"),
        (("remove", "eve"), "", "There is no user 'eve'. There are: none."),
        (("password", "eve"), f"{PASSWORD}\n", "There is no user 'eve'"),
    ],
)
def test_mistakes_are_told_in_one_line(run: Run, arguments: tuple[str, ...], typed: str, told: str) -> None:
    status, _, err = run(*arguments, typed=typed)
    assert status == 1
    assert told in err
    assert len(err.strip().splitlines()) == 1
    assert json.loads(run("list", "--json")[1]) == []


def test_a_terminal_is_asked_twice(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def prompt(text: str, *, hide_input: bool, confirmation_prompt: bool) -> str:
        asked.extend((hide_input, confirmation_prompt))
        return PASSWORD

    monkeypatch.setattr("typer.prompt", prompt)
    assert run("add", "ann", stdin=Terminal())[0] == 0
    assert asked == [True, True]
