"""``switchboard finance demo`` and ``rescore``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from apps.finance import commands, demo_stream
from apps.finance.rescore import waiting
from apps.finance.setup import Desk


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Runs a command with a model that likes everything, of the version that ``versions[-1]`` names."""
    rows = [{"text": f"Halcyon {word} up", "published": "2026-07-01T12:00:00Z"} for word in ("copper", "storm", "rate")]
    stream = tmp_path / "demo.jsonl"
    stream.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    monkeypatch.setattr(demo_stream, "ITEMS", stream)

    def load(settings: Any, name: str) -> Any:
        def predict(texts: Sequence[str]) -> list[Any]:
            liked = SimpleNamespace(scores={"negative": 0.1, "neutral": 0.1, "positive": 0.8})
            return [SimpleNamespace(sentiment=liked, model_version=versions[-1]) for _ in texts]

        return SimpleNamespace(predict=predict, version=versions[-1])

    versions = ["1"]
    monkeypatch.setattr(commands, "serve_champion", load)

    def invoke(*arguments: str, version: str = "1") -> str:
        versions.append(version)
        result = CliRunner().invoke(commands.group, [*arguments, "--data", str(tmp_path / "data")])
        assert result.exit_code == 0, result.output
        return result.output

    return invoke


def test_the_demo_stream_comes_goes_and_comes_again(run: Callable[..., str]) -> None:
    assert "3 new items" in run("demo")
    run("demo")
    assert "3 items of the demo stream were removed." in run("demo", "--remove")
    assert "0 items of the demo stream were removed." in run("demo", "--remove")
    assert "3 new items" in run("demo")


def test_rescore_says_what_it_did(run: Callable[..., str], tmp_path: Path) -> None:
    run("demo")
    assert "0 passages were scored anew by version 1." in run("rescore")
    assert "3 passages were scored anew by version 2." in run("rescore", version="2")
    desk = Desk.open(tmp_path / "data")
    with closing(desk.file):
        assert waiting(desk.file, "2") == 0
