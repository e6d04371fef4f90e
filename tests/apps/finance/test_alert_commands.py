"""``switchboard finance alerts`` and ``alert add|remove``."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.errors import BadInputError
from apps.finance import commands
from apps.finance.setup import Desk

from .desks import rows, take

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments: str) -> str:
        result = CliRunner().invoke(commands.group, [*arguments, "--data", str(tmp_path)])
        if isinstance(result.exception, BadInputError):
            raise result.exception
        return result.output

    return invoke


def test_alerts_are_added_listed_and_removed(run: Run, tmp_path: Path) -> None:
    assert "Nothing is watched" in run("alerts")
    desk = Desk.open(tmp_path)
    with closing(desk.file):
        take(desk, rows(0, "loss", 9))
    added = run("alert", "add", "Harbor", "--below", "-0.3", "--cool-down", "0")
    assert added.strip() == "Alert 1: HRBR below -0.30, armed again at -0.20. On the items so far it fired 1 time."
    run("alert", "add", "technology", "--above", "2", "--z-score")
    shown = run("alerts")
    assert "Technology unusual: z-score above +2.0, armed again at +1.0" in shown
    assert "2026-05-04  HRBR was at -0." in shown
    held = json.loads(run("alerts", "--json"))
    assert [rule["subject"] for rule in held["rules"]] == ["HRBR", "Technology"]
    assert [fired["day"] for fired in held["fired"]] == ["2026-05-04"]
    assert "Removed: HRBR below" in run("alert", "remove", "1")
    assert [rule["id"] for rule in json.loads(run("alerts", "--json"))["rules"]] == [2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "An alert has one line"),
        (["--below", "0", "--above", "0"], "An alert has one line"),
        (["--below", "-2"], "An index never gets beyond -2"),
        (["--above", "0.2", "--rearm", "0.3"], "armed again below it, not at 0.3"),
    ],
)
def test_an_alert_that_could_never_work_is_refused(run: Run, options: list[str], said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        run("alert", "add", "HRBR", *options)
