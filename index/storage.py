"""Files of a stored index: written aside, checked when read. Knows nothing of what is in them.

    manifest.json       what the index is (see ``index.knowledge``), the folder of its files, their sha256, and
                        its own; replaced in one atomic step, so it names whole files at every moment
    <generation>/       the files; made anew by every save, the one before is removed last

A lock on the folder keeps a second process from writing at the same time, or from reading files that are
about to be removed; it ends with the process.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from index.types import IndexDamagedError, KnowledgeError

MANIFEST = "manifest.json"


def write_files(folder: Path, about: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Put ``files`` (by name) with the description ``about`` (ready for JSON) in the place of what was stored.

    Raises KnowledgeError if the disk refuses; what was stored before is then whole.
    """
    fresh: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder, fcntl.LOCK_EX):
            before = [path for path in folder.iterdir() if path.is_dir() and path.name.isdigit()]
            fresh = folder / str(max((int(path.name) for path in before), default=0) + 1)
            fresh.mkdir()
            for name, content in files.items():
                _write(fresh / name, content)
            _flush(fresh)
            digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
            manifest = {**about, "generation": fresh.name, "sha256": digests}
            manifest["checksum"] = _checksum(manifest)
            aside = folder / f".{MANIFEST}.new"
            _write(aside, (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode())
            os.replace(aside, folder / MANIFEST)
            fresh = None
            _flush(folder)
            for path in before:
                shutil.rmtree(path)
    except OSError as error:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)
        raise KnowledgeError(
            f"The index cannot be written to {folder}: {error.strerror}. What was stored there is unchanged."
        ) from error


def read_files(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The description and the files, all checksums verified. Raises IndexDamagedError naming folder and file."""
    try:
        with _locked(folder, fcntl.LOCK_SH):
            manifest = _read_manifest(folder)
            within = folder / str(manifest["generation"])
            files = {name: (within / name).read_bytes() for name in manifest["sha256"]}
    except OSError as error:
        culprit = Path(error.filename).name if error.filename else folder.name
        raise IndexDamagedError(folder, f"{culprit} cannot be read ({error.strerror})") from error
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != manifest["sha256"][name]:
            raise IndexDamagedError(folder, f"{name} is damaged (its sha256 is not the one in {MANIFEST})")
    return manifest, files


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except ValueError as error:
        raise IndexDamagedError(folder, f"{MANIFEST} is damaged ({error})") from error
    if not isinstance(manifest, dict) or manifest.pop("checksum", None) != _checksum(manifest):
        raise IndexDamagedError(folder, f"{MANIFEST} is damaged (its own checksum does not fit)")
    return manifest


def _checksum(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    """Bring the folder's own entries to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
