"""Who may sign in to the console: users with hashed passwords, their sessions, and failures that slow the next try.

Knows nothing of HTTP: a session is a token, and who fails is a name and an address.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from agent.audit import AuditLog
from agent.database import DataFile, insert
from agent.errors import BadInputError, SignInError

Role = Literal["operator", "admin"]
"""An operator answers customers and reviews; an admin also decides which model is in service."""
ROLES: tuple[Role, ...] = get_args(Role)

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256
"""Characters; a longer one would only keep the hash busy."""
FREE_FAILURES = 5
"""Failures of one name, or from one address, that cost no waiting."""
FIRST_WAIT = timedelta(seconds=5)
"""After that many failures; it doubles with every further one, up to ``LONGEST_WAIT``."""
LONGEST_WAIT = timedelta(minutes=5)
FORGOTTEN_AFTER = timedelta(hours=1)
"""Failures count no more when there was none for so long."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
# A session's last use is written at most this often.
_USE_STEP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class User:
    name: str
    role: Role
    created_at: str
    """UTC, ISO 8601."""


def _utc() -> datetime:
    return datetime.now(UTC)


class UserBook:
    """The users in a data file. Safe to call from many threads; raises what ``DataFile`` raises."""

    def __init__(
        self,
        file: DataFile,
        *,
        idle: timedelta = timedelta(hours=1),
        longest: timedelta = timedelta(hours=12),
        clock: Callable[[], datetime] = _utc,
    ) -> None:
        """A session ends ``idle`` after its last use, and ``longest`` after it began; ``clock`` returns UTC."""
        self._file = file
        self._idle = idle
        self._longest = longest
        self._clock = clock
        self._hasher = PasswordHasher()
        # A hash needs 64 MiB: one at a time, however many try to sign in.
        self._hashing = threading.Lock()
        # Checked when there is no such user, so that the time taken does not tell.
        self._nobody = self._hasher.hash(secrets.token_hex())

    # Users

    def add(self, name: str, password: str, role: Role, who: str) -> None:
        """Make a user. Raises BadInputError if the name is taken or either is not fit; ``who`` did it."""
        if not _NAME.fullmatch(name):
            raise BadInputError(
                "user_name",
                f"'{name[:60]}' is no user name. Take up to 40 small letters, digits, dots, dashes and underscores, a "
                "letter or digit first.",
            )
        hashed = self._hashed(password)
        with self._file.transaction() as db:
            if self._user(name) is not None:
                raise BadInputError(
                    "user_exists", f"There is a user '{name}' already. Run: switchboard user password {name}"
                )
            insert(db, "users", {"name": name, "password": hashed, "role": role, "created_at": self._at()})
            AuditLog(self._file).write(who, "user_add", user=name, role=role)

    def change_password(self, name: str, password: str, who: str) -> None:
        """Give a user a new password, which ends all sessions of theirs. Raises BadInputError."""
        hashed = self._hashed(password)
        with self._file.transaction() as db:
            changed = db.execute("UPDATE users SET password = ? WHERE name = ? RETURNING name", [hashed, name])
            self._require(name, changed.fetchone() is not None)
            db.execute("DELETE FROM sessions WHERE user = ?", [name])
            AuditLog(self._file).write(who, "user_password", user=name)

    def remove(self, name: str, who: str) -> None:
        """Remove a user with all sessions of theirs; what they reviewed stays. Raises BadInputError."""
        with self._file.transaction() as db:
            gone = db.execute("DELETE FROM users WHERE name = ? RETURNING name", [name]).fetchone()
            self._require(name, gone is not None)
            AuditLog(self._file).write(who, "user_remove", user=name)

    def users(self) -> list[User]:
        """All users by name."""
        return [User(**row) for row in self._file.read("SELECT name, role, created_at FROM users ORDER BY name", [])]

    def _require(self, name: str, found: bool) -> None:
        if not found:
            known = ", ".join(user.name for user in self.users()) or "none"
            raise BadInputError("unknown_user", f"There is no user '{name[:60]}'. There are: {known}.")

    def _user(self, name: str) -> dict[str, str] | None:
        rows = self._file.read("SELECT * FROM users WHERE name = ?", [name])
        return rows[0] if rows else None

    def _hashed(self, password: str) -> str:
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise BadInputError(
                "password",
                f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; a few words in a row are easy "
                "to remember.",
            )
        with self._hashing:
            return self._hasher.hash(_normal(password))

    # Signing in

    def sign_in(self, name: str, password: str, address: str) -> str:
        """Begin a session and give its token, a secret. ``address`` is where the request came from.

        Raises SignInError, which does not tell whether there is such a user.
        """
        keys = [_digest(f"user {name}"), _digest(f"address {address}")]
        # Counted before the password is looked at: of many tries at the same moment five get through.
        self._count_failure(keys)
        user = self._user(name)
        if not self._fits(user["password"] if user else self._nobody, password) or user is None:
            raise SignInError
        token = secrets.token_urlsafe(32)
        with self._file.transaction() as db:
            db.executemany("DELETE FROM sign_in_failures WHERE key_hash = ?", [[key] for key in keys])
            row = {"token_hash": _digest(token), "user": name, "created_at": self._at(), "used_at": self._at()}
            insert(db, "sessions", row)
            ends = [self._at(-self._longest), self._at(-self._idle)]
            db.execute("DELETE FROM sessions WHERE created_at <= ? OR used_at <= ?", ends)
        return token

    def session(self, token: str, *, used: bool) -> User | None:
        """Whose session the token is, or None if it has ended. ``used``: the person did something just now."""
        rows = self._file.read(
            "SELECT u.name, u.role, u.created_at, s.used_at FROM sessions s JOIN users u ON u.name = s.user "
            "WHERE s.token_hash = ? AND s.created_at > ? AND s.used_at > ?",
            [_digest(token), self._at(-self._longest), self._at(-self._idle)],
        )
        if not rows:
            return None
        used_at = rows[0].pop("used_at")
        if used and used_at < self._at(-_USE_STEP):
            with self._file.transaction() as db:
                db.execute("UPDATE sessions SET used_at = ? WHERE token_hash = ?", [self._at(), _digest(token)])
        return User(**rows[0])

    def sign_out(self, token: str) -> None:
        """End the session, if there is one."""
        with self._file.transaction() as db:
            db.execute("DELETE FROM sessions WHERE token_hash = ?", [_digest(token)])

    def _fits(self, hashed: str, password: str) -> bool:
        try:
            with self._hashing:
                return self._hasher.verify(hashed, _normal(password))
        except VerifyMismatchError:
            return False

    def _count_failure(self, keys: list[str]) -> None:
        """Count a failure of each key, or raise SignInError if one has to wait still."""
        with self._file.transaction() as db:
            db.execute("DELETE FROM sign_in_failures WHERE failed_at < ?", [self._at(-FORGOTTEN_AFTER)])
            marks = ", ".join("?" * len(keys))
            rows = self._file.read(f"SELECT * FROM sign_in_failures WHERE key_hash IN ({marks})", keys)  # noqa: S608
            wait = max((self._wait(row["failures"], row["failed_at"]) for row in rows), default=timedelta())
            if wait > timedelta():
                raise SignInError(wait.total_seconds())
            db.executemany(
                "INSERT INTO sign_in_failures VALUES (?, 1, ?) "
                "ON CONFLICT DO UPDATE SET failures = failures + 1, failed_at = excluded.failed_at",
                [[key, self._at()] for key in keys],
            )

    def _wait(self, failures: int, failed_at: str) -> timedelta:
        """How long until the next try."""
        if failures < FREE_FAILURES:
            return timedelta()
        doublings = min(failures - FREE_FAILURES, 20)
        wait = min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
        return datetime.fromisoformat(failed_at) + wait - self._clock()

    def _at(self, later: timedelta = timedelta()) -> str:
        """The time as it stands in the tables, which sorts as text."""
        return (self._clock() + later).isoformat(timespec="microseconds")


def _normal(password: str) -> bytes:
    """One form for what keyboards write in several."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
