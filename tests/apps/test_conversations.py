"""The apps' scripted conversations with their trained models; ``switchboard test APP`` shows each miss."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import Settings
from agent.rehearsal import rehearse_app

FLOOR = 0.85
"""A guard against regressions, with room for what another training changes; the bench ``conversations`` holds the share
against its target."""


@pytest.mark.real
@pytest.mark.parametrize(("app", "folder"), [("support", "trained_data"), ("finance", "finance_data")])
def test_nearly_all_conversations_go_as_expected(app: str, folder: str, request: pytest.FixtureRequest) -> None:
    trained: Path = request.getfixturevalue(folder)
    done = rehearse_app(Settings.load(env={}, data=trained), app)
    shown = [f"{m.script.name}, turn {m.turn.number}: {m.what} {m.expected}, got {m.got}" for m in done.misses]
    assert done.passed >= FLOOR * len(done.scripts), "\n".join(shown)
