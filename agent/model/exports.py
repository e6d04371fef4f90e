"""Exported graphs on disk: a cache that may be deleted at any time.

    <data>/models/<app>/exports/<version>-<source>-<content>.onnx
    <data>/exports/frozen-<source>-<content>.onnx

They lie beside the versions and not in them, as a version is immutable and its manifest names every file that belongs
to it. ``source`` says what the graph was made of and by which libraries, ``content`` is the start of the file's own
sha256: a file that does not fit its name is damaged, and is made anew. A graph is written aside, fsynced and renamed.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from agent.model.export import FORMAT

log = logging.getLogger("switchboard")

KEPT = 3
"""Graphs in one folder: of the version in service, of the one to roll back to and of the one on trial."""
LIBRARIES = ("torch", "transformers", "onnxruntime")
DIGITS = 16


def source_of(*parts: str | bytes) -> str:
    """Names what a graph is made of: ``parts``, the graph's format and the libraries that make and read it."""
    digest = hashlib.sha256(f"{FORMAT} {[metadata.version(name) for name in LIBRARIES]}".encode())
    for part in parts:
        digest.update(hashlib.sha256(part if isinstance(part, bytes) else part.encode()).digest())
    return digest.hexdigest()[:DIGITS]


def find(folder: Path, name: str, source: str) -> Path | None:
    """The file of the kept graph, or None if there is none that is whole."""
    for path in sorted(folder.glob(f"{name}-{source}-*.onnx")):
        if path.name == _file_name(name, source, path.read_bytes()):
            return path
        log.warning("%s is damaged: its sha256 is not the one in its name. It is made anew.", path)
        path.unlink()
    return None


def fetch(folder: Path, name: str, source: str, make: Callable[[], bytes]) -> Path:
    """The file of the kept graph, or of the one that ``make`` gives; older ones beyond KEPT are deleted.

    Raises what ``make`` raises, and OSError if the folder cannot be read or written.
    """
    kept = find(folder, name, source)
    if kept is not None:
        return kept
    content = make()
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob(".*.new"):  # of a process that was killed
        left_over.unlink(missing_ok=True)
    aside = folder / f".{name}-{os.getpid()}.new"
    with aside.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    path = folder / _file_name(name, source, content)
    os.replace(aside, path)
    for old in sorted(folder.glob("*.onnx"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def _file_name(name: str, source: str, content: bytes) -> str:
    return f"{name}-{source}-{hashlib.sha256(content).hexdigest()[:DIGITS]}.onnx"
