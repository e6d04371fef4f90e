"""Feeds over a real socket: limits, redirects, what is refused, and what is read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agent.errors import BadInputError
from apps.finance.feeds import MOST_BYTES, fetch, read_feed

RSS = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>Wire &amp; Co</title>
<item><title>Halcyon &lt;b&gt;up&lt;/b&gt;</title><link>https://wire.example/1</link><guid>g1</guid>
<pubDate>Wed, 01 Jul 2026 14:00:00 +0200</pubDate></item><item><title>No date</title></item></channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>Desk</title><entry><title>Quartzline</title>
<id>tag:1</id><link href="https://desk.example/1"/><updated>2026-07-01T12:00:00Z</updated></entry></feed>"""
BOMB = (
    b"""<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">"""
    + b"".join(f'<!ENTITY {chr(98 + i)} "{("&" + chr(97 + i) + ";") * 10}">'.encode() for i in range(9))
    + b"""]><rss version="2.0"><channel><item><title>&j;</title></item></channel></rss>"""
)


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/hang":
            self.server.over.wait(30)  # type: ignore[attr-defined]
            return
        if self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", self.path[4:])
            self.end_headers()
            return
        self.send_response(404 if self.path == "/none" else 200)
        self.end_headers()
        try:
            for _ in range(60 if self.path == "/large" else 0):
                self.wfile.write(b"x" * 1_000_000)
            self.wfile.write(RSS)
        except OSError:
            return  # whoever asked has hung up

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    server.over = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.over.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_feed_is_fetched(site: str) -> None:
    assert fetch(f"{site}/feed", local=True) == RSS


def test_the_own_network_is_refused_unless_the_operator_typed_it(site: str) -> None:
    with pytest.raises(BadInputError, match="own network"):
        fetch(f"{site}/feed")


@pytest.mark.parametrize(
    "target",
    [
        "{site}/feed",
        "/feed",
        "http://[::1]/",
        "http://169.254.169.254/latest",
        "http://[::ffff:10.0.0.1]/",
        "//localhost/x",
    ],
)
def test_a_redirect_to_the_own_network_is_refused(site: str, target: str) -> None:
    with pytest.raises(BadInputError, match="own network"):
        fetch(f"{site}/to?{target.format(site=site)}", local=True)


def test_a_name_that_leads_to_the_own_network_is_refused() -> None:
    with pytest.raises(BadInputError, match="own network"):
        fetch("http://news.example/feed", resolve=lambda host: ["93.184.216.34", "10.0.0.7"])


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://news.example/x", "gopher://x"])
def test_other_schemes_are_refused_also_by_redirect(site: str, target: str) -> None:
    with pytest.raises(BadInputError, match="no http or https address"):
        fetch(target)
    with pytest.raises(BadInputError, match="no http or https address"):
        fetch(f"{site}/to?{target}", local=True)


def test_a_feed_that_hangs_is_given_up(site: str) -> None:
    with pytest.raises(BadInputError, match="too slow"):
        fetch(f"{site}/hang", local=True, seconds=0.3)


def test_a_feed_of_fifty_megabytes_is_refused(site: str) -> None:
    with pytest.raises(BadInputError, match=f"more than {MOST_BYTES // 1_000_000} MB"):
        fetch(f"{site}/large", local=True)


def test_a_status_and_a_host_that_there_is_not(site: str) -> None:
    with pytest.raises(BadInputError, match="status 404"):
        fetch(f"{site}/none", local=True)
    with pytest.raises(BadInputError, match="no host"):
        fetch("http://nowhere.invalid/", resolve=_none)


def _none(host: str) -> list[str]:
    raise OSError("not known")


def test_rss_and_atom_as_rows() -> None:
    first, second = read_feed(RSS, "https://wire.example/feed")
    assert first == {
        "text": "Halcyon <b>up</b>",
        "published": "2026-07-01T12:00:00+00:00",
        "source": "Wire & Co",
        "url": "https://wire.example/1",
        "id": "g1",
    }
    assert second["published"] == ""
    [atom] = read_feed(ATOM, "https://desk.example/feed")
    assert (atom["text"], atom["published"], atom["source"]) == ("Quartzline", "2026-07-01T12:00:00+00:00", "Desk")


def test_what_is_no_feed_is_said_to_be_none() -> None:
    with pytest.raises(BadInputError, match="no RSS or Atom"):
        read_feed(b"<html><body>hello</body></html>", "https://x.example/")


def test_a_feed_cannot_blow_up_in_memory() -> None:
    rows = read_feed(BOMB, "https://x.example/") if _parses() else []
    assert all(len(row["text"]) < 10_000 for row in rows)


def _parses() -> bool:
    try:
        read_feed(BOMB, "https://x.example/")
    except BadInputError:
        return False
    return True
