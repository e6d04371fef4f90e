from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path

import pytest

from agent.audit import AuditLog
from agent.store import Store
from tests.agent.command_line import Run, runner
from tests.agent.test_privacy import holding, talk


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two conversations of ann's and one of ben's."""
    with closing(Store.open(tmp_path / "data")) as store:
        talk(store, "ann", "Ottilie has my book")
        talk(store, "ann", "hello", "Ottilie again")
        talk(store, "ben", "hello")
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command as a person does; exit status, standard output, standard error."""
    monkeypatch.chdir(data.parent)
    monkeypatch.setenv("SWITCHBOARD_DATA", str(data))
    return runner(monkeypatch, capsys)


def test_a_customer_is_shown_without_texts(run: Run) -> None:
    status, out, _ = run("customer", "show", "ann")
    assert status == 0
    assert out.count(" ann ") == 2
    assert "6 messages, 0 feedback, 0 reviews, 0 events; in backups: none" in out
    assert "Ottilie" not in out
    found = json.loads(run("customer", "show", "ann", "--json")[1])
    one = run("customer", "show", "--conversation", found["conversations"][1]["id"], "--json")[1]
    assert json.loads(one)["messages"] == 4


@pytest.mark.parametrize("arguments", [(), ("ann", "--conversation", "c1")])
def test_whose_data_must_be_said_once(run: Run, arguments: tuple[str, ...]) -> None:
    status, _, err = run("customer", "show", *arguments)
    assert status == 1
    assert "Give a client's id, or --conversation" in err


def test_a_customer_is_exported(run: Run, data: Path) -> None:
    status, out, _ = run("customer", "export", "ann")
    assert status == 0
    assert [len(c["messages"]) for c in json.loads(out)["conversations"]] == [2, 4]
    file = data.parent / "ann.json"
    assert run("customer", "export", "ann", "--file", str(file))[0] == 0
    assert json.loads(file.read_text())["conversations"] == json.loads(out)["conversations"]
    status, _, err = run("customer", "export", "ben", "--file", str(file))
    assert status == 1
    assert "File exists" in err
    assert "Ottilie" in file.read_text()


def test_a_customer_is_erased_with_the_backups(run: Run, data: Path) -> None:
    assert run("backup")[0] == 0
    [backup] = json.loads(run("backup", "--list", "--json")[1])
    assert Path(backup["path"]).stat().st_size == backup["bytes"]
    status, out, _ = run("customer", "erase", "ann", "--yes")
    assert status == 0
    assert "Erased: 2 conversations, 6 messages, 0 feedback, 0 reviews, 0 events." in out
    assert Path(backup["path"]).name in out
    assert holding(data, "Ottilie") == []
    status, _, err = run("customer", "erase", "ann", "--yes")
    assert status == 1
    assert "Nothing is kept of client ann." in err
    with closing(Store.open(data)) as store:
        assert [entry.action for entry in AuditLog(store.file).entries()] == ["erase"]


def test_nothing_is_erased_without_a_yes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.confirm", lambda question, abort: sys.exit(1))
    assert run("customer", "erase", "ann")[0] == 1
    assert json.loads(run("customer", "show", "ann", "--json")[1])["messages"] == 6


def test_holds(run: Run) -> None:
    assert run("hold", "add", "ann", "--why", "case 17")[0] == 0
    status, _, err = run("customer", "erase", "ann", "--yes")
    assert status == 1
    assert "switchboard hold remove ann" in err
    [hold] = json.loads(run("hold", "list", "--json")[1])
    assert (hold["client_id"], hold["why"]) == ("ann", "case 17")
    assert "case 17" in run("hold", "list")[1]
    assert "Held, so that nothing can be erased: ann" in run("customer", "show", "ann")[1]
    assert run("hold", "remove", "ann")[0] == 0
    assert run("hold", "remove", "ann")[0] == 1
    assert run("customer", "erase", "ann", "--yes")[0] == 0


def test_the_sweep_needs_its_setting(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, _, err = run("sweep")
    assert status == 1
    assert "retention_days" in err
    monkeypatch.setenv("SWITCHBOARD_RETENTION_DAYS", "30")
    assert "Erased: 0 conversations" in run("sweep")[1]
    with closing(Store.open(data)) as store, store.file.transaction() as db:
        db.execute("UPDATE conversations SET updated_at = '2001-01-01T00:00:00.000000+00:00' WHERE client_id = 'ann'")
    assert json.loads(run("sweep", "--json")[1])["conversations"] == 2
    assert holding(data, "Ottilie") == []
