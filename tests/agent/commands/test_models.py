from __future__ import annotations

import json
import os
import shutil
import signal
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agent import retraining
from agent.audit import AuditLog
from agent.commands.models import seconds
from agent.config import Settings
from agent.database import DataFile
from agent.errors import BadInputError, TrainingError
from agent.learning.registry import ModelRegistry
from agent.model.backbone import Backbone
from agent.model.storage import load_memory, load_model, save_model
from agent.retraining import Outcome
from tests.agent.command_line import Run, runner, use
from tests.agent.library import TEXTS, make_library, train_library

APP = "library"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Backbone) -> Settings:
    """The library app with the champion 1, a version 2 that is hotter by its temperature, and a test split."""
    settings = make_library(tmp_path_factory.mktemp("models"))
    test = settings.apps[0] / "test"
    test.mkdir()
    rows = [{"text": f"{text} please", "intent": name} for name, texts in TEXTS.items() for text in texts]
    (test / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder = train_library(settings, tiny)
    model = load_model(folder, tiny)
    model.temperatures["intent"] *= 20
    registry = ModelRegistry(settings.data, APP)
    save_model(model, registry.next_folder(), memory=load_memory(folder))
    return settings


@pytest.fixture
def data(trained: Settings, tmp_path: Path) -> Path:
    return shutil.copytree(trained.data, tmp_path / "data")


@pytest.fixture
def run(
    trained: Settings,
    data: Path,
    tiny_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run the command as a person does; exit status, standard output, standard error."""
    use(monkeypatch, replace(trained, data=data), tiny_folder)
    return runner(monkeypatch, capsys)


def test_promote_and_roll_back_with_a_reason(run: Run, data: Path) -> None:
    status, out, _ = run("promote", APP, "2", "--why", "surer on fines")
    assert (status, out) == (0, "library: version 2 is in service.\n")
    listed = run("versions", APP)[1]
    assert "Last move: promote of 2" in listed
    assert "surer on fines" in listed
    assert run("rollback", APP, "--why", "it was not") == (0, "library: version 1 is in service again.\n", "")
    rows = json.loads(run("versions", APP, "--json")[1])
    assert [(row["version"], row["champion"], row["challenger"]) for row in rows] == [
        ("1", True, False),
        ("2", False, False),
    ]
    with closing(DataFile.open(data)) as file:
        entries = AuditLog(file).entries(APP)
    assert [(e.action, e.detail["version"], e.detail["why"]) for e in entries] == [
        ("rollback", "1", "it was not"),
        ("promote", "2", "surer on fines"),
    ]
    assert all(e.who for e in entries)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("promote", APP, "9", "--why", "x"), 1, "no version '9'. Available: 1, 2"),
        (("promote", "nope", "1", "--why", "x"), 1, "No app 'nope'"),
        (("promote", APP, "2"), 2, "--why"),
        (("rollback", APP, "--why", "x"), 1, "no version that served before"),
        (("retrain", APP, "--every", "soon"), 1, "--every is 'soon'; write a number and s, m, h or d"),
        (("retrain", APP, "--from", "mars"), 1, "choose best, champion, scratch"),
        (("compare", APP, "1", "9"), 1, "no version '9'"),
    ],
)
def test_mistakes_name_the_remedy(run: Run, arguments: tuple[str, ...], status: int, said: str) -> None:
    found, _, err = run(*arguments)
    assert found == status
    assert said in err
    assert "Traceback" not in err


def test_compare_shows_both_and_what_the_gate_says(run: Run) -> None:
    status, out, _ = run("compare", APP, "1", "2", "--json")
    assert status == 0
    found = json.loads(out)
    assert found["versions"] == ["1", "2"]
    what = {c["what"]: c for c in found["verdict"]["comparisons"]}
    assert what["accuracy"]["count"] == 24
    assert set(found) == {"versions", "verdict", "latency_ms", "training", "intents", "confusions", "flipped"}
    assert {row["intent"] for row in found["intents"]} == set(TEXTS)
    flips = [(row["before"] == row["true"], row["after"] == row["true"]) for row in found["flipped"]]
    assert all(before != after for before, after in flips)
    out = run("compare", APP, "1", "2")[1]
    assert "accuracy" in out
    assert "2 does not pass the gate against 1." in out
    assert "24 messages whose intent is known, too few to judge" in out


def test_retrain_with_too_little_new_data_says_so(run: Run) -> None:
    status, out, _ = run("retrain", APP)
    assert status == 0
    assert "library: Too little is new: 0 reviews since the last retraining, 20 are needed. Nothing was done." in out
    assert json.loads(run("retrain", APP, "--json")[1]) == {
        "version": None,
        "promoted": False,
        "reason": "Too little is new: 0 reviews since the last retraining, 20 are needed. Nothing was done.",
        "verdict": None,
    }


def test_retrain_again_and_again_until_it_is_stopped(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM ends it as Ctrl-C does."""
    asked: list[dict[str, object]] = []

    def retrain(settings: Settings, app: str, **options: object) -> Outcome:
        asked.append(options)
        if len(asked) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return Outcome(None, None, False, "Too little is new.")

    monkeypatch.setattr(retraining, "retrain", retrain)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    before = signal.getsignal(signal.SIGTERM)
    status, out, _ = run("retrain", APP, "--every", "24h", "--auto", "--limit", "30m", "--from", "scratch", "--force")
    assert status == 130
    assert out.count("Too little is new.") == 2
    assert signal.getsignal(signal.SIGTERM) == before
    asked[0].pop("progress")
    asked[0].pop("who")
    assert asked[0] == {"auto": True, "limit_s": 1800.0, "start": "scratch", "force": True}


def test_a_service_is_told_who_asked_and_what_failed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def retrain(settings: Settings, app: str, **options: object) -> Outcome:
        raise TrainingError(f"Too few examples; {options['who']} should add some.")

    monkeypatch.setattr(retraining, "retrain", retrain)
    status, out, error = run("retrain", APP, "--json", "--who", "ann")
    assert status == 1
    assert json.loads(out) == {"failed": "Too few examples; ann should add some."}
    assert "Too few examples" in error


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("30m", 1800), ("24h", 86400), ("7d", 604800)])
def test_spans(text: str, expected: float) -> None:
    assert seconds(text, "--every") == expected


@pytest.mark.parametrize("text", ["", "h", "0h", "-1h", "1.5h", "24", "24 h", "1w"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(BadInputError, match="such as 24h"):
        seconds(text, "--every")
