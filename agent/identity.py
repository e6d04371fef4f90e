"""Who is asking: an API key, a signed cookie, or somebody new.

A client's id names it in the store; it is not a secret, because a cookie counts only with its signature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import StoreError

COOKIE = "switchboard_client"
COOKIE_SECONDS = 180 * 24 * 3600
SESSION_COOKIE = "switchboard_session"
"""Of whoever is signed in to the console (see ``agent.users``)."""
PAGE_HEADER = "x-switchboard"
"""Carried by what a page of ours sends on behalf of a session; a page of another site cannot send it."""
KEY_FILE = "cookie.key"
KEY_BYTES = 32
ID_BYTES = 16
SIGNATURE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Client:
    """One who asks. ``claimed``: the identity was proved, not issued for this very request."""

    id: str
    claimed: bool
    by_key: bool = False
    cookie: str | None = None
    """For a new client, the cookie that it is given."""


class UnknownKeyError(Exception):
    """The request carries an API key that is not one of ours."""


def client_of(request: Any) -> Client:
    """The client of a request (Starlette's or Gradio's) that came through the server's guard."""
    client: Client = request.state.client
    return client


class Identities:
    """Tells clients apart and issues cookies."""

    def __init__(self, secret: bytes, api_keys: Iterable[str]) -> None:
        """``secret`` signs cookies; see ``cookie_secret``."""
        self._secret = secret
        self._keys = [_digest(key) for key in api_keys]

    def identify(self, authorization: str | None, cookie: str | None) -> Client:
        """The client behind an Authorization header and a cookie's value, either of which may be missing.

        Raises UnknownKeyError for a bearer key that is not ours: falling back to a cookie would hide the mistake.
        """
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() == "bearer":
            digest = _digest(key.strip())
            # Every key is compared, so that the time taken says nothing of which one came near.
            if not any([hmac.compare_digest(digest, ours) for ours in self._keys]):  # noqa: C419
                raise UnknownKeyError
            return Client(f"key:{digest[:24]}", claimed=True, by_key=True)
        name = self._verified(cookie) if cookie else None
        if name is not None:
            return Client(f"web:{name}", claimed=True)
        name = _encode(secrets.token_bytes(ID_BYTES))
        return Client(f"web:{name}", claimed=False, cookie=f"{name}.{self._sign(name)}")

    def _sign(self, name: str) -> str:
        return _encode(hmac.digest(self._secret, name.encode(), "sha256")[:SIGNATURE_BYTES])

    def _verified(self, cookie: str) -> str | None:
        name, _, signature = cookie.partition(".")
        try:
            known = len(base64.urlsafe_b64decode(name + "==")) == ID_BYTES
        except (ValueError, binascii.Error):
            return None
        return name if known and hmac.compare_digest(signature.encode(), self._sign(name).encode()) else None


def cookie_secret(folder: Path) -> bytes:
    """The data folder's signing key, made on first use, readable by our account alone.

    Raises StoreError if it cannot be read or written, or has the wrong length.
    """
    path = folder / KEY_FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            secret = path.read_bytes()
        else:
            secret = secrets.token_bytes(KEY_BYTES)
            with os.fdopen(file, "wb") as out:
                out.write(secret)
                out.flush()
                os.fsync(out.fileno())
    except OSError as error:
        raise StoreError(f"Cannot use the cookie key {path}: {error.strerror}.") from error
    if len(secret) != KEY_BYTES:
        raise StoreError(f"The cookie key {path} is damaged. Remove it: browsers then get new identities.")
    return secret


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
