"""What ``switchboard doctor`` looks at: machine, libraries, weights, data folder, apps, models."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from importlib import metadata

import psutil

from agent.config import Settings
from agent.errors import SwitchboardError

LEAST_DISK = 2 * 1024**3
LEAST_MEMORY = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    ok: bool
    found: str
    remedy: str = ""
    """Empty where ``ok``."""


def examine(settings: Settings) -> list[Finding]:
    """All findings, good and bad; nothing is changed."""
    findings = [_machine(), _libraries(), _sqlite(), _disk(settings), _weights(settings)]
    return findings + _apps(settings)


def _machine() -> Finding:
    import torch

    memory = psutil.virtual_memory()
    devices = ["cuda" if torch.cuda.is_available() else "", "mps" if torch.backends.mps.is_available() else "", "cpu"]
    free = f"{memory.available / 1024**3:.1f} of {memory.total / 1024**3:.1f} GiB memory free"
    found = ", ".join([f"Python {platform.python_version()}", f"{os.cpu_count()} cores", free, *filter(None, devices)])
    return Finding(
        "machine",
        memory.available > LEAST_MEMORY,
        found,
        "" if memory.available > LEAST_MEMORY else "Free some memory: 2 GiB are needed.",
    )


def _libraries() -> Finding:
    names = ("torch", "transformers", "peft", "gradio", "faiss-cpu", "sentence-transformers", "sqlite-utils")
    return Finding("libraries", True, ", ".join(f"{name} {metadata.version(name)}" for name in names))


def _sqlite() -> Finding:
    import pysqlite3 as sqlite3

    from agent.database import SAFE_SQLITE

    safe = sqlite3.sqlite_version_info >= SAFE_SQLITE
    return Finding("SQLite", safe, sqlite3.sqlite_version, "" if safe else "Install pysqlite3 0.6.1 or later.")


def _disk(settings: Settings) -> Finding:
    folder = settings.data
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    writable = os.access(folder, os.W_OK)
    remedy = "" if writable else f"{folder} cannot be written to. Give another folder with --data."
    if free < LEAST_DISK:
        remedy = "Less than 2 GiB are free. Make room, or give another folder with --data."
    return Finding("data folder", not remedy, f"{settings.data.absolute()}, {free / 1024**3:.1f} GiB free", remedy)


def _weights(settings: Settings) -> Finding:
    from agent.model.backbone import Backbone

    try:
        backbone = Backbone.load(settings.backbone, settings.device)
    except SwitchboardError as error:
        return Finding("backbone", False, settings.backbone or "bundled", str(error))
    return Finding(
        "backbone",
        True,
        f"{backbone.name}, {backbone.dimension} wide, on {backbone.device}, sha256 {backbone.weights_sha256[:12]}",
    )


def _apps(settings: Settings) -> list[Finding]:
    from agent.domain import Domain, discover
    from agent.learning.registry import ModelRegistry
    from agent.model.storage import verify

    findings = []
    for name, folder in discover(settings.apps).items():
        mistakes = Domain.check(folder)
        findings.append(
            Finding(
                f"app {name}",
                not mistakes,
                f"{len(mistakes)} mistakes",
                f"Run: switchboard check {name}" if mistakes else "",
            )
        )
        try:
            champion = ModelRegistry(settings.data, name).champion()
            if champion is not None:
                verify(champion)
            said = f"version {champion.name}" if champion else "none yet"
            findings.append(
                Finding(
                    f"model {name}", champion is not None, said, "" if champion else f"Run: switchboard train {name}"
                )
            )
        except SwitchboardError as error:
            findings.append(Finding(f"model {name}", False, "damaged", str(error)))
    return findings
