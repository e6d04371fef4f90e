"""load: 200 clients hold conversations with one service, thinking 5 s before each message."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.bench.data import QUICK
from tests.bench.result import Result
from tests.bench.service import served
from tests.bench.support import APP

CONVERSATIONS = Path(__file__).parent / "conversations.txt"
TARGET = 6.0
CLIENTS = 20 if QUICK else 200
SECONDS = 15 if QUICK else 180
THINK = 1 if QUICK else 5


def measure() -> Result:
    """The figure is the 95th percentile over the median of the latencies; no reply may fail or be crossed."""
    with served() as address:
        command = [sys.executable, "-m", "agent.cli", "bench-load", address, APP, "--json"]
        command += ["--clients", str(CLIENTS), "--seconds", str(SECONDS), "--think", str(THINK)]
        command += ["--conversations", str(CONVERSATIONS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        sys.exit(done.stderr)
    report = json.loads(done.stdout)
    latency = report["latency_ms"]
    spread = latency["p95"] / latency["p50"] if latency else 0.0
    detail = {
        "clients": report["clients"],
        "replies": report["messages"],
        "replies a second": report["per_second"],
        **{f"latency, {name}, ms": value for name, value in latency.items()},
        "failed": sum(report["failed"].values()),
        "crossed": report["crossed"],
    }
    return Result("load", spread, TARGET, report["ok"] and spread <= TARGET, detail)
