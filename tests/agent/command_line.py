"""The command ``switchboard`` as a person runs it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent import cli
from agent.config import Settings

Run = Callable[..., tuple[int, str, str]]


def use(monkeypatch: pytest.MonkeyPatch, settings: Settings, backbone: Path) -> None:
    """Let commands find the app, the data folder and the backbone of a test."""
    monkeypatch.setenv("SWITCHBOARD_APPS", str(settings.apps[0]))
    monkeypatch.setenv("SWITCHBOARD_DATA", str(settings.data))
    monkeypatch.setenv("SWITCHBOARD_BACKBONE", str(backbone))
    monkeypatch.setenv("SWITCHBOARD_DEVICE", "cpu")


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """What runs a command with ``stdin`` to read: exit status, standard output, standard error."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, stdin: io.StringIO | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["switchboard", *arguments])
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", stdin)
        capsys.readouterr()
        try:
            cli.main()
            status = 0
        except SystemExit as stop:
            status = int(stop.code or 0)
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run
