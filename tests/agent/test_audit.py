from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.audit import AuditLog
from agent.database import DataFile
from agent.errors import StoreError


@pytest.fixture
def file(tmp_path: Path) -> Iterator[DataFile]:
    file = DataFile.open(tmp_path)
    yield file
    file.close()


def test_entries_come_newest_first_and_by_app(file: DataFile) -> None:
    log = AuditLog(file)
    log.write("eve", "promote", "shop", version="3", why="fewer wrong refunds")
    log.write("ben", "user_add", name="eve")
    assert [(e.who, e.action, e.app) for e in log.entries()] == [("ben", "user_add", ""), ("eve", "promote", "shop")]
    [promoted] = log.entries("shop")
    assert promoted.detail == {"version": "3", "why": "fewer wrong refunds"}
    assert len(log.entries(most=1)) == 1


@pytest.mark.parametrize("change", ["UPDATE audit SET who = 'nobody'", "DELETE FROM audit"])
def test_nothing_in_it_can_be_changed(file: DataFile, change: str) -> None:
    AuditLog(file).write("eve", "rollback", "shop")
    with pytest.raises(StoreError, match="only grows"), file.transaction() as db:
        db.execute(change)
    assert len(AuditLog(file).entries()) == 1
