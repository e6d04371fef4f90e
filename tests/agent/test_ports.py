from __future__ import annotations

import os
import socket

import pytest

from agent.errors import ConfigError
from agent.ports import check_port


def test_a_free_port_is_fine_and_stays_free() -> None:
    check_port("127.0.0.1", 0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


def test_a_port_in_use_is_named_with_the_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"Port {port} on 127.0.0.1 is in use.*--port.*SWITCHBOARD_PORT"):
            check_port("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_an_address_that_is_not_ours_is_named(host: str) -> None:
    with pytest.raises(ConfigError, match=f"{host}.*--host"):
        check_port(host, 0)


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may take any port")
def test_a_reserved_port_is_explained() -> None:
    with pytest.raises(ConfigError, match="above 1023"):
        check_port("127.0.0.1", 1)
