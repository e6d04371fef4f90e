from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from agent import refresher
from agent.refresher import Refresher

LONG = 60.0


class Work:
    """Counts its calls; goes on when ``go`` is set, fails with ``failure`` if that is set."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.go = threading.Event()
        self.go.set()
        self.failure: Exception | None = None

    def __call__(self, key: str) -> int:
        assert self.go.wait(LONG)
        self.calls.append(key)
        if self.failure is not None:
            raise self.failure
        return len(self.calls)


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def results(work: Work, monkeypatch: pytest.MonkeyPatch) -> Iterator[Refresher[str, int]]:
    monkeypatch.setattr(refresher, "REST", 0.0)
    results: Refresher[str, int] = Refresher(work, 1)
    yield results
    work.go.set()
    results.close()


def test_a_result_is_worked_out_once_for_a_stamp(results: Refresher[str, int], work: Work) -> None:
    assert results.get("a", 1, LONG) == (1, False)
    assert results.get("a", 1, LONG) == (1, False)
    assert results.get("b", 1, LONG) == (2, False)
    assert results.get("a", 2, LONG) == (3, False)
    assert work.calls == ["a", "b", "a"]


def test_the_last_one_is_given_while_a_newer_one_is_under_way(results: Refresher[str, int], work: Work) -> None:
    results.get("a", 1, LONG)
    work.go.clear()
    assert results.get("a", 2, 0.0) == (1, True)
    assert results.get("a", 3, 0.0) == (1, True)
    work.go.set()
    # What changed while it was worked out is seen by the next one.
    assert results.get("a", 3, LONG)[0] == 2
    assert results.get("a", 3, LONG) == (3, False)


def test_there_is_nothing_before_the_first(results: Refresher[str, int], work: Work) -> None:
    work.go.clear()
    assert results.get("a", 1, 0.0) == (None, True)


def test_a_failure_is_told_once_and_tried_again(results: Refresher[str, int], work: Work) -> None:
    results.get("a", 1, LONG)
    work.failure = ValueError("no")
    with pytest.raises(ValueError, match="no"):
        results.get("a", 2, LONG)
    work.failure = None
    assert results.get("a", 2, LONG) == (3, False)


def test_it_rests_in_proportion_to_what_it_took(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresher, "REST", 1e9)
    results: Refresher[str, int] = Refresher(work, 1)
    assert results.get("a", 1, LONG) == (1, False)
    assert results.get("a", 2, LONG) == (1, False)
    assert work.calls == ["a"]
    results.close()
