from __future__ import annotations

from pathlib import Path

import pytest
from sqlite_utils import Database

from agent.database import FILE_NAME
from agent.errors import StoreError
from agent.migrations import migrations
from agent.store import Store


def names(db: Database) -> list[str]:
    return [step.name for step in migrations.applied(db)]


def test_steps_are_numbered_without_gaps() -> None:
    with Database(memory=True) as db:
        numbers = [int(step.name[1:4]) for step in migrations.pending(db)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_steps_run_once_in_order(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    with Database(tmp_path / FILE_NAME) as db:
        first = names(db)
    Store.open(tmp_path).close()
    with Database(tmp_path / FILE_NAME) as db:
        assert names(db) == first == sorted(first)
        assert migrations.pending(db) == []
        assert {"conversations", "messages", "predictions", "routes", "feedback"} <= set(db.table_names())


def test_an_older_database_is_brought_up_to_date(tmp_path: Path) -> None:
    with Database(tmp_path / FILE_NAME) as db:
        migrations.apply(db, stop_before="m004_feedback")
        assert "feedback" not in db.table_names()
    store = Store.open(tmp_path)
    assert store.counts()["feedback_up"] == 0
    store.close()


def test_a_database_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    with Database(tmp_path / FILE_NAME) as db:
        db["_sqlite_migrations"].insert(
            {"migration_set": "switchboard", "name": "m999_tomorrow", "applied_at": "2099-01-01"}
        )
    with pytest.raises(StoreError, match=r"newer release .*m999_tomorrow"):
        Store.open(tmp_path)


def test_the_message_of_a_turn_is_found_by_an_index(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    [plan] = store.file.read("EXPLAIN QUERY PLAN SELECT text FROM messages WHERE turn = 'm' AND role = 'user'", [])
    store.close()
    assert "messages_by_turn" in plan["detail"]
