from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.database import DataFile
from agent.jobs import JobBook


@pytest.fixture
def file(tmp_path: Path) -> Iterator[DataFile]:
    file = DataFile.open(tmp_path)
    yield file
    file.close()


def test_a_job_keeps_what_is_needed_to_repeat_it(file: DataFile) -> None:
    book = JobBook(file)
    recipe = {"seed": 3, "data": "ab12", "libraries": {"torch": "2"}}
    job = book.begin("library", "retrain", "ann", recipe, "4")
    (running,) = book.jobs("library")
    assert (running.id, running.state, running.recipe, running.base) == (job, "running", recipe, "4")
    assert running.ended_at is None
    assert book.last("library", "retrain") is None
    book.end(job, "done", "Promoted.", version="5", verdict={"passed": True})
    done = book.last("library", "retrain")
    assert done is not None
    assert (done.state, done.version, done.verdict, done.reason) == ("done", "5", {"passed": True}, "Promoted.")
    assert done.ended_at is not None
    assert book.jobs("shop") == []


def test_the_newest_come_first_and_only_those_that_ended_well_are_the_last(file: DataFile) -> None:
    book = JobBook(file)
    ids = [book.begin("library", "retrain", "ann", {}, None) for _ in range(3)]
    for job, state in zip(ids, ("done", "stopped", "failed"), strict=True):
        book.end(job, state, "")  # type: ignore[arg-type]
    assert [j.id for j in book.jobs("library")] == ids[::-1]
    assert [j.id for j in book.jobs("library", most=1)] == ids[2:]
    last = book.last("library", "retrain")
    assert last is not None
    assert last.id == ids[0]


def test_a_job_whose_process_is_gone_is_marked_at_the_next_look(file: DataFile, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from agent.database import DataFile; from agent.jobs import JobBook\n"
        "JobBook(DataFile.open(Path(sys.argv[1]))).begin('library', 'retrain', 'ann', {}, None)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    (job,) = JobBook(file).jobs("library")
    assert job.state == "failed"
    assert "killed" in job.reason


def test_whoever_begins_marks_what_was_left_running(file: DataFile) -> None:
    book = JobBook(file)
    book.begin("library", "retrain", "ann", {}, None)
    other = book.begin("shop", "retrain", "ann", {}, None)
    book.begin("library", "retrain", "bob", {}, None)
    assert [(j.who, j.state) for j in book.jobs("library")] == [("bob", "running"), ("ann", "failed")]
    assert [j.id for j in book.jobs("shop") if j.state == "running"] == [other]
