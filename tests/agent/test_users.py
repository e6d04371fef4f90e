from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.audit import AuditLog
from agent.database import DataFile
from agent.errors import BadInputError, SignInError
from agent.users import FREE_FAILURES, SHORTEST_PASSWORD, UserBook

PASSWORD = "three words in a row"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[DataFile]:
    file = DataFile.open(tmp_path)
    yield file
    file.close()


@pytest.fixture
def users(file: DataFile, clock: Clock) -> UserBook:
    users = UserBook(file, idle=timedelta(minutes=60), longest=timedelta(hours=12), clock=clock)
    users.add("ann", PASSWORD, "operator", "root")
    return users


def fail(users: UserBook, times: int, name: str = "ann", address: str = "1.1.1.1") -> None:
    for _ in range(times):
        with pytest.raises(SignInError) as refused:
            users.sign_in(name, "not the password", address)
        assert refused.value.retry_after == 0


def test_a_user_signs_in_with_the_password_alone(users: UserBook) -> None:
    token = users.sign_in("ann", PASSWORD, "1.1.1.1")
    found = users.session(token, used=True)
    assert found is not None
    assert (found.name, found.role) == ("ann", "operator")
    assert users.session(token + "x", used=True) is None
    fail(users, 1)
    fail(users, 1, name="nobody")


def test_passwords_and_tokens_stand_nowhere_in_the_file(users: UserBook, file: DataFile, tmp_path: Path) -> None:
    token = users.sign_in("ann", PASSWORD, "1.1.1.1")
    with pytest.raises(SignInError):
        users.sign_in("my secret in the wrong box", PASSWORD, "1.1.1.1")
    file.close()
    for part in tmp_path.iterdir():
        content = part.read_bytes()
        assert PASSWORD.encode() not in content
        assert token.encode() not in content
        assert b"my secret in the wrong box" not in content
    assert b"$argon2id$" in (tmp_path / "switchboard.db").read_bytes()


@pytest.mark.parametrize("name", ["", "Ann", "a b", "-ann", "a" * 41, "ann\n", "安"])
def test_names_that_are_none(users: UserBook, name: str) -> None:
    with pytest.raises(BadInputError, match="is no user name"):
        users.add(name, PASSWORD, "operator", "root")


@pytest.mark.parametrize("password", ["", "a" * (SHORTEST_PASSWORD - 1), "a" * 257])
def test_passwords_that_are_too_short_or_too_long(users: UserBook, password: str) -> None:
    with pytest.raises(BadInputError, match="12 to 256 characters"):
        users.add("eve", password, "operator", "root")
    with pytest.raises(BadInputError, match="12 to 256 characters"):
        users.change_password("ann", password, "root")
    assert [user.name for user in users.users()] == ["ann"]


def test_a_name_is_taken_once_and_the_unknown_are_named(users: UserBook) -> None:
    with pytest.raises(BadInputError, match="switchboard user password ann"):
        users.add("ann", PASSWORD, "admin", "root")
    with pytest.raises(BadInputError, match="no user 'eve'. There are: ann"):
        users.remove("eve", "root")


def test_a_password_may_be_typed_in_any_form_of_its_letters(users: UserBook) -> None:
    users.add("zoe", "cafe\u0301 au lait noir", "operator", "root")
    assert users.sign_in("zoe", "caf\u00e9 au lait noir", "1.1.1.1")


def test_a_session_ends_when_nothing_is_done(users: UserBook, clock: Clock) -> None:
    token = users.sign_in("ann", PASSWORD, "1.1.1.1")
    clock.forward(minutes=59)
    assert users.session(token, used=True)
    clock.forward(minutes=59)
    assert users.session(token, used=False)
    clock.forward(minutes=2)
    assert users.session(token, used=True) is None


def test_a_session_ends_however_much_is_done(users: UserBook, clock: Clock) -> None:
    token = users.sign_in("ann", PASSWORD, "1.1.1.1")
    for _ in range(23):
        clock.forward(minutes=30)
        assert users.session(token, used=True)
    clock.forward(minutes=30)
    assert users.session(token, used=True) is None


def test_sessions_end_on_signing_out_on_a_new_password_and_with_the_user(users: UserBook) -> None:
    first, second = (users.sign_in("ann", PASSWORD, "1.1.1.1") for _ in range(2))
    users.sign_out(first)
    assert users.session(first, used=True) is None
    assert users.session(second, used=True)
    users.change_password("ann", "another four words here", "root")
    assert users.session(second, used=True) is None
    fail(users, 1)
    with pytest.raises(SignInError):
        users.sign_in("ann", PASSWORD, "1.1.1.1")
    third = users.sign_in("ann", "another four words here", "1.1.1.1")
    users.remove("ann", "root")
    assert users.session(third, used=True) is None


@pytest.mark.parametrize("name", ["ann", "nobody"])
def test_the_sixth_try_waits_whether_or_not_there_is_such_a_user(users: UserBook, clock: Clock, name: str) -> None:
    fail(users, FREE_FAILURES, name)
    waits = []
    for _ in range(3):
        with pytest.raises(SignInError) as slowed:
            users.sign_in(name, PASSWORD, "2.2.2.2")
        waits.append(slowed.value.retry_after)
        clock.forward(seconds=slowed.value.retry_after)
        fail(users, 1, name, "3.3.3.3")
    assert waits == [5, 10, 20]


def test_an_address_waits_too_and_waiting_never_grows_past_five_minutes(users: UserBook, clock: Clock) -> None:
    for number in range(12):
        with pytest.raises(SignInError):
            users.sign_in(f"name{number}", "not the password", "1.1.1.1")
        clock.forward(minutes=5)
    fail(users, 1, "name12")
    with pytest.raises(SignInError) as slowed:
        users.sign_in("ann", PASSWORD, "1.1.1.1")
    assert slowed.value.retry_after == 300
    assert users.sign_in("ann", PASSWORD, "2.2.2.2")


def test_failures_are_forgotten_after_an_hour_and_by_signing_in(users: UserBook, clock: Clock) -> None:
    fail(users, FREE_FAILURES - 1)
    assert users.sign_in("ann", PASSWORD, "1.1.1.1")
    fail(users, FREE_FAILURES)
    clock.forward(minutes=61)
    fail(users, FREE_FAILURES)
    with pytest.raises(SignInError, match="Try again in 5 s"):
        users.sign_in("ann", PASSWORD, "1.1.1.1")


def test_tries_at_the_same_moment_are_counted_one_by_one(users: UserBook) -> None:
    def attempt(number: int) -> float:
        with pytest.raises(SignInError) as refused:
            users.sign_in("ann", "not the password", f"9.9.9.{number}")
        return refused.value.retry_after

    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(attempt, range(8)))
    assert sorted(wait > 0 for wait in waits) == [False] * 5 + [True] * 3


def test_what_was_done_to_users_stands_in_the_audit_log(users: UserBook, file: DataFile) -> None:
    users.change_password("ann", "another four words here", "root")
    users.remove("ann", "root")
    entries = AuditLog(file).entries()
    assert [(entry.who, entry.action, entry.detail["user"]) for entry in reversed(entries)] == [
        ("root", "user_add", "ann"),
        ("root", "user_password", "ann"),
        ("root", "user_remove", "ann"),
    ]
