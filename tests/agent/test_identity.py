from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import StoreError
from agent.identity import Identities, UnknownKeyError, cookie_secret

SECRET = bytes(range(32))
KEYS = ("first-key-of-programs", "second-key-of-programs")


@pytest.fixture
def identities() -> Identities:
    return Identities(SECRET, KEYS)


def test_a_new_client_gets_a_cookie_that_proves_it_later(identities: Identities) -> None:
    new = identities.identify(None, None)
    assert new.cookie is not None
    assert not new.claimed
    back = identities.identify(None, new.cookie)
    assert (back.id, back.claimed, back.cookie) == (new.id, True, None)
    assert identities.identify(None, None).id != new.id


@pytest.mark.parametrize("cookie", ["", ".", "abc", "a.b", "\u00e9.\u00e9", "=" * 40, "A" * 22 + "." + "A" * 22])
def test_a_cookie_that_is_not_ours_is_a_new_client(identities: Identities, cookie: str) -> None:
    client = identities.identify(None, cookie)
    assert not client.claimed
    assert client.cookie is not None


def test_another_secret_signs_otherwise(identities: Identities) -> None:
    cookie = identities.identify(None, None).cookie
    assert not Identities(bytes(32), KEYS).identify(None, cookie).claimed


def test_keys_are_told_apart_and_beat_cookies(identities: Identities) -> None:
    cookie = identities.identify(None, None).cookie
    clients = [identities.identify(f"Bearer {key}", cookie) for key in KEYS]
    assert [client.by_key for client in clients] == [True, True]
    assert clients[0].id != clients[1].id
    assert identities.identify(f"bearer  {KEYS[0]} ", None).id == clients[0].id


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer nope", "bearer \udcff"])
def test_a_wrong_key_is_refused_even_with_a_good_cookie(identities: Identities, header: str) -> None:
    with pytest.raises(UnknownKeyError):
        identities.identify(header, identities.identify(None, None).cookie)


def test_another_scheme_is_not_ours_to_judge(identities: Identities) -> None:
    assert not identities.identify("Basic abc", None).by_key


def test_the_secret_is_made_once_and_for_our_account_alone(tmp_path: Path) -> None:
    first = cookie_secret(tmp_path / "data")
    assert len(first) == 32
    assert cookie_secret(tmp_path / "data") == first
    assert cookie_secret(tmp_path / "other") != first
    assert (tmp_path / "data" / "cookie.key").stat().st_mode & 0o777 == 0o600


def test_a_damaged_secret_is_named(tmp_path: Path) -> None:
    (tmp_path / "cookie.key").write_bytes(b"short")
    with pytest.raises(StoreError, match=r"cookie\.key is damaged"):
        cookie_secret(tmp_path)


def test_a_folder_that_cannot_hold_the_secret_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Cannot use the cookie key"):
        cookie_secret(tmp_path / "file")
