"""Whether an address can be listened on, asked before anything heavy is loaded."""

from __future__ import annotations

import errno
import os
import socket

from agent.errors import ConfigError


def check_port(host: str, port: int) -> None:
    """Return if ``host``:``port`` can be listened on now; port 0 always can if the host can.

    Raises ConfigError that names the address and the remedy.
    """
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror as error:
        raise ConfigError(f"'{host}' is no address of this machine: {error.strerror}. Set --host.") from error
    with socket.socket(family, kind, protocol) as probe:
        # As the server does it: a port whose last connections are still winding down is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise ConfigError(_explained(host, port, error)) from error


def _explained(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is in use by another program. Stop it, or choose another port with --port "
            f"(or SWITCHBOARD_PORT); --port 0 takes any that is free."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for the administrator. Choose one above 1023 with --port."
    return f"Cannot listen on {host}, port {port}: {os.strerror(error.errno or 0)}. Set --host and --port."
