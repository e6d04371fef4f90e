"""The support app's scripted conversations with its trained model; ``switchboard test support`` shows each miss."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import Settings
from agent.rehearsal import rehearse_app

FLOOR = 0.85
"""A guard against regressions, with room for what another training changes; the bench ``conversations`` holds the share
against its target."""


@pytest.mark.real
def test_nearly_all_conversations_go_as_expected(trained_data: Path) -> None:
    done = rehearse_app(Settings.load(env={}, data=trained_data), "support")
    shown = [f"{m.script.name}, turn {m.turn.number}: {m.what} {m.expected}, got {m.got}" for m in done.misses]
    assert done.passed >= FLOOR * len(done.scripts), "\n".join(shown)
