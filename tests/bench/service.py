"""A running service over the support app's model, for the benches that measure over HTTP.

``SWITCHBOARD_BENCH_PORT`` names the port; without it any free one is taken.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from agent.config import Settings
from agent.learning.registry import ModelRegistry
from agent.learning.retrain import recipe
from agent.teach import teach_app
from tests.bench.data import QUICK
from tests.bench.support import APP, settings

START_SECONDS = 180


def free_port() -> int:
    """The port to serve on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", int(os.environ.get("SWITCHBOARD_BENCH_PORT", "0"))))
        return int(probe.getsockname()[1])


@contextmanager
def trained_data() -> Iterator[Path]:
    """A data folder without conversations that holds the support app's model and index; it is deleted afterwards.

    Trains the model if the bench ``support`` has not done so.
    """
    where = settings()
    if ModelRegistry(where.data, APP).champion() is None:
        teach_app(where, APP, recipe(epochs=1) if QUICK else recipe(), fresh=False, promote=True)
    with TemporaryDirectory() as aside:
        for part in ("models", "index", "exports"):
            if (where.data / part).is_dir():
                shutil.copytree(where.data / part, Path(aside) / part)
        yield Path(aside)


def settings_for(data: Path) -> Settings:
    """No limit on requests: all clients of a bench have one address."""
    return Settings.load(env={}, data=data, port=free_port(), rate_limit=0, log_level="error")


@contextmanager
def served() -> Iterator[str]:
    """The address of a service in a process of its own, which ends with the bench."""
    with trained_data() as data:
        chosen = settings_for(data)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SWITCHBOARD_")}
        environment |= {
            "SWITCHBOARD_DATA": str(data),
            "SWITCHBOARD_PORT": str(chosen.port),
            "SWITCHBOARD_RATE_LIMIT": "0",
            "SWITCHBOARD_LOG_LEVEL": "error",
        }
        process = subprocess.Popen([sys.executable, "-m", "agent.cli", "serve", "--app", APP], env=environment)
        try:
            _wait_until_ready(chosen.address, process)
            yield chosen.address
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"{address}/readyz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    sys.exit(f"The service did not start at {address}.")
