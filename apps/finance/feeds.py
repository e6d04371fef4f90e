"""RSS and Atom: fetched with limits, from the open network alone, and read as rows.

Every address is resolved once and that very machine is asked, so that a name cannot lead elsewhere between the check
and the request. The network is reached for nothing but the feed.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

import feedparser
import httpx

from agent.errors import BadInputError

MOST_BYTES = 5_000_000
SECONDS = 20.0
"""For the whole of a fetch; no single wait is longer."""
REDIRECTS = 5
Resolve = Callable[[str], Sequence[str]]
"""Addresses of a host."""


def addresses_of(host: str) -> list[str]:
    """Raises OSError if there is no such host."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


def fetch(url: str, *, local: bool = False, seconds: float = SECONDS, resolve: Resolve = addresses_of) -> bytes:
    """The bytes at an address. ``local`` allows that the address itself, as the operator typed it, lies in the own
    network; a redirect may never lead there.

    Raises BadInputError if it is refused, too slow, too large or not there.
    """
    end = time.monotonic() + seconds
    with httpx.Client(timeout=seconds, trust_env=False) as client:
        for hop in range(REDIRECTS + 1):
            target = _pinned(url, local and hop == 0, resolve)
            try:
                with client.stream(
                    "GET",
                    target.url,
                    headers={"Host": target.host, "User-Agent": "Switchboard", "Accept-Encoding": "identity"},
                    extensions={"sni_hostname": target.name},
                ) as response:
                    if response.is_redirect:
                        url = urljoin(url, response.headers["location"])
                        continue
                    response.raise_for_status()
                    return _body(response, url, end)
            except httpx.TimeoutException as error:
                raise _too_slow(url) from error
            except httpx.HTTPStatusError as error:
                raise BadInputError("feed", f"{url} answers with status {error.response.status_code}.") from error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise BadInputError("feed", f"{url} cannot be reached: {error}.") from error
    raise BadInputError("feed", f"{url}: more than {REDIRECTS} redirects, one after the other.")


class _Target:
    """Where to ask, by number, and under which name."""

    def __init__(self, url: httpx.URL, address: str) -> None:
        self.url = url.copy_with(host=address)
        self.name = url.host
        self.host = url.netloc.decode()


def _pinned(url: str, local: bool, resolve: Resolve) -> _Target:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise BadInputError("feed", f"{url[:200]} is no address: {error}.") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise BadInputError("feed", f"{url[:200]} is no http or https address.")
    try:
        addresses = list(resolve(parsed.host))
    except OSError as error:
        raise BadInputError("feed", f"There is no host {parsed.host}: {error}.") from error
    if not local and not all(_is_open(address) for address in addresses):
        raise BadInputError("feed", f"{url[:200]} lies in the own network, where no feed is fetched from.")
    return _Target(parsed, addresses[0])


def _is_open(address: str) -> bool:
    ip = ipaddress.ip_address(address.split("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    ip = mapped or ip
    return ip.is_global and not ip.is_multicast


def _body(response: httpx.Response, url: str, end: float) -> bytes:
    found = bytearray()
    for block in response.iter_bytes():
        found += block
        if len(found) > MOST_BYTES:
            raise BadInputError("feed", f"{url} sends more than {MOST_BYTES // 1_000_000} MB; nothing of it was taken.")
        if time.monotonic() > end:
            raise _too_slow(url)
    return bytes(found)


def _too_slow(url: str) -> BadInputError:
    return BadInputError("feed", f"{url} is too slow; nothing of it was taken.")


def read_feed(content: bytes, url: str) -> list[Mapping[str, Any]]:
    """The entries of a feed as rows: text, published, source, url and id. What has no date keeps an empty one.

    Raises BadInputError if it is no feed.
    """
    feed = feedparser.parse(content, sanitize_html=False, resolve_relative_uris=False)
    if not feed.get("version") and not feed.entries:
        raise BadInputError("feed", f"{url} is no RSS or Atom feed.")
    source = feed.feed.get("title") or httpx.URL(url).host
    return [
        {
            "text": entry.get("title", ""),
            "published": _moment(entry.get("published_parsed") or entry.get("updated_parsed")),
            "source": source,
            "url": entry.get("link", ""),
            "id": entry.get("id", ""),
        }
        for entry in feed.entries
    ]


def _moment(parsed: Sequence[int] | None) -> str:
    """What feedparser made of a date, which is UTC."""
    if parsed is None:
        return ""
    year, month, day, hour, minute, second = parsed[:6]
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00"
