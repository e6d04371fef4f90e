from __future__ import annotations

import io
import json
import socket
import sys
from pathlib import Path

import pytest

from agent.config import Settings
from agent.load import LoadReport
from agent.model.backbone import Backbone
from tests.agent.command_line import Run, runner, use
from tests.agent.library import make_library, train_library


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, tiny: Backbone) -> Settings:
    settings = make_library(tmp_path_factory.mktemp("cli"))
    train_library(settings, tiny)
    return settings


@pytest.fixture
def run(
    library: Settings, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run the command as a person does; exit status, standard output, standard error."""
    use(monkeypatch, library, tiny_folder)
    return runner(monkeypatch, capsys)


def test_predict_prints_a_json_line_a_text(run: Run) -> None:
    status, out, _ = run("predict", "library", "when do you open", "hello", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [next(iter(row["intents"])) for row in rows] == ["hours", "greeting"]


def test_predict_reads_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("when do you open\n\nhello\n"))
    status, out, _ = run("predict", "library")
    assert status == 0
    assert "when do you open" in out
    assert "greeting" in out


def test_versions_marks_the_champion(run: Run) -> None:
    status, out, _ = run("versions", "library", "--json")
    assert status == 0
    assert [(v["version"], v["champion"]) for v in json.loads(out)] == [("1", True)]
    assert "champion" in run("versions", "library")[1]


def test_check_names_file_and_line(run: Run, library: Settings) -> None:
    assert run("check", "library")[0] == 0
    path = library.apps[0] / "domain.toml"
    whole = path.read_text()
    path.write_text(whole.replace('title = "Help desk"', "").replace("[thresholds]", "[thresholds]\nconfidense = 1"))
    status, _, err = run("check", "library")
    path.write_text(whole)
    assert status == 1
    line = whole.splitlines().index("[thresholds]") + 2
    assert f"domain.toml:{line}" in err
    assert "confidence" in err


def test_test_shows_what_was_not_as_expected(run: Run, library: Settings) -> None:
    folder = library.apps[0] / "conversations"
    folder.mkdir()
    status, _, err = run("test", "library")
    assert status == 1
    assert "there is no conversation here" in err
    talk = """today: 2026-11-24
conversations:
  - name: hours
    turns:
      - {say: "when do you open", route: answer, intent: hours}
  - name: a loan
    turns:
      - {say: "where is my book", route: action, intent: loan_status, asks: card}
      - {say: "1234", route: action, slots: {card: C-5678}}
"""
    (folder / "talk.yml").write_text(talk)
    status, out, _ = run("test", "library")
    assert status == 1
    assert "library: 1 of 2 conversations went as expected." in out
    assert "C-5678" in out
    found = json.loads(run("test", "library", "--json")[1])
    keys = ("file", "conversation", "turn", "what", "expected", "got")
    assert [tuple(miss[key] for key in keys) for miss in found["misses"]] == [
        ("conversations/talk.yml", "a loan", 2, "slot card", "C-5678", "C-1234")
    ]
    (folder / "talk.yml").write_text(talk.replace("C-5678", "C-1234"))
    assert run("test", "library")[0] == 0
    assert not (library.data / "apps").exists()


def test_index_tells_what_it_holds(run: Run) -> None:
    status, out, _ = run("index", "library")
    assert status == 0
    assert "1 passages of 1 documents, FAISS flat" in out


def test_evaluate_writes_table_page_and_json(run: Run, library: Settings) -> None:
    test = library.apps[0] / "test"
    test.mkdir(exist_ok=True)
    (test / "examples.jsonl").write_text('{"text": "do you open today", "intent": "hours"}\n')
    (test / "out_of_scope.jsonl").write_text('{"text": "is the moon landing fake"}\n')
    status, out, _ = run("evaluate", "library")
    assert status == 0
    assert "accuracy" in out.lower()
    reports = library.data / "models" / "library" / "reports" / "1"
    assert json.loads((reports / "report.json").read_text())["intent"]["count"] == 1
    assert "<svg" in (reports / "report.html").read_text()
    assert json.loads(run("evaluate", "library", "--json")[1])["model_version"] == "1"


def test_train_makes_another_version_and_leaves_the_champion_if_asked(run: Run) -> None:
    status, out, _ = run("train", "library", "--epochs", "1", "--rank", "2", "--method", "bottleneck", "--no-promote")
    assert status == 0
    assert "version 2" in out
    marks = [(v["version"], v["champion"]) for v in json.loads(run("versions", "library", "--json")[1])]
    assert marks == [("1", True), ("2", False)]


def test_chat_answers_in_the_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter(["when do you open", ""])
    monkeypatch.setattr("builtins.input", lambda *_: next(lines))
    status, out, _ = run("chat", "library")
    assert status == 0
    assert "I am a machine." in out


def test_chat_names_the_charts_of_a_reply(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter(["where is my book", "1234", ""])
    monkeypatch.setattr("builtins.input", lambda *_: next(lines))
    _, out, _ = run("chat", "library")
    assert "Loans (PNG /v1/library/loans.png, CSV /v1/library/loans.csv)" in " ".join(out.split())


def test_doctor_finds_a_sound_installation(run: Run) -> None:
    _, out, _ = run("doctor", "--json")
    found = {row["what"]: row["ok"] for row in json.loads(out)}
    assert found["backbone"]
    assert found["model library"]
    assert found["SQLite"]


@pytest.mark.parametrize(("failed", "status"), [({}, 0), ({"busy": 2}, 1)])
def test_bench_load_tells_figures_and_fails_with_the_replies(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failed: dict[str, int], status: int
) -> None:
    asked: list[tuple[object, ...]] = []

    def load(url: str, app: str, talks: list[tuple[str, ...]], **options: float) -> LoadReport:
        asked.append((url, app, talks, options))
        return LoadReport(7, 60.2, 90, 30, 1.5, {"p50": 11.4, "p95": 31.0}, failed, 0)

    monkeypatch.setattr("agent.load.run_load", load)
    (tmp_path / "talks.txt").write_text("hello\nthanks\n")
    options = ("--clients", "7", "--seconds", "60", "--think", "2", "--conversations", str(tmp_path / "talks.txt"))
    found, out, _ = run("bench-load", "http://service", "library", *options)
    assert asked == [
        ("http://service", "library", [("hello", "thanks")], {"clients": 7, "seconds": 60.0, "think": 2.0})
    ]
    assert found == status
    for shown in ("11 ms", "31 ms", "90", "1.5", "busy 2" if failed else "failed"):
        assert shown in out
    found, out, _ = run("bench-load", "http://service", "library", *options, "--json")
    assert found == status
    assert json.loads(out)["latency_ms"] == {"p50": 11.4, "p95": 31.0}
    assert json.loads(out)["ok"] is not bool(failed)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("predict", "nope", "hello"), "No app 'nope'. Available: finance, library, support"),
        (("check", "nope"), "No app 'nope'"),
        (("evaluate", "library", "--version", "9"), "no version '9'"),
        (("train", "library", "--method", "magic"), "Unknown adapter method 'magic'. Available: lora"),
        (("predict", "library", ""), "empty"),
    ],
)
def test_mistakes_are_one_line_that_names_the_remedy(run: Run, arguments: tuple[str, ...], said: str) -> None:
    status, _, err = run(*arguments)
    assert status == 1
    assert said in err
    assert "Traceback" not in err


def test_serve_of_an_app_that_there_is_not_names_those_there_are(run: Run) -> None:
    status, _, err = run("serve", "--app", "nobody")
    assert status == 1
    assert "nobody" in err
    assert "library" in err


def test_serve_on_a_port_in_use_says_so(run: Run) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        status, _, err = run("serve", "--port", str(other.getsockname()[1]))
    assert status == 1
    assert "in use" in err
    assert "--port" in err
