from __future__ import annotations

from pathlib import Path

import pytest

from agent.audit import AuditLog
from agent.database import DataFile


def test_a_transaction_within_another_is_a_part_of_it(tmp_path: Path) -> None:
    file = DataFile.open(tmp_path)
    log = AuditLog(file)
    with file.transaction():
        log.write("ann", "review")
        log.write("ann", "undo")

    def fails() -> None:
        with file.transaction():
            log.write("ann", "train")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert [entry.action for entry in log.entries()] == ["undo", "review"]
    file.close()
