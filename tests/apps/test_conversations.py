"""The support app's scripted conversations with its trained model; ``switchboard test support`` shows each miss."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import Settings
from agent.rehearsal import rehearse_app


@pytest.mark.real
def test_nearly_all_conversations_go_as_expected(trained_data: Path) -> None:
    done = rehearse_app(Settings.load(env={}, data=trained_data), "support")
    shown = [f"{m.script.name}, turn {m.turn.number}: {m.what} {m.expected}, got {m.got}" for m in done.misses]
    assert done.passed >= 0.95 * len(done.scripts), "\n".join(shown)
