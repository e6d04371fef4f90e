"""Work that gives pieces of its result before the result, for somebody who reads them one by one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _End(Generic[Result]):
    result: Result


def streamed(work: Callable[[Callable[[Piece], None]], Result], name: str) -> Iterator[Piece | Result]:
    """The pieces that ``work`` shows, then what it returns; it runs in a thread called ``name``, and goes on to its end
    even if nobody reads on. Raises what it raises."""
    pieces: queue.SimpleQueue[Piece | _End[Result] | BaseException] = queue.SimpleQueue()

    def run() -> None:
        try:
            pieces.put(_End(work(pieces.put)))
        except BaseException as error:
            pieces.put(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    while True:
        piece = pieces.get()
        if isinstance(piece, BaseException):
            raise piece
        if isinstance(piece, _End):
            yield piece.result
            return
        yield piece
