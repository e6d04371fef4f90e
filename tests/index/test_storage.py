"""Files of an index: all of the old or all of the new."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from index import storage
from index.storage import read_files, write_files
from index.types import IndexDamagedError, KnowledgeError


def test_round_trip_and_no_leftovers(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "index"
    for n in range(3):
        write_files(folder, {"n": n, "name": "größe"}, {"a.bin": bytes([n]) * 1000, "b.txt": b""})
    about, files = read_files(folder)
    assert (about["n"], about["name"]) == (2, "größe")
    assert files == {"a.bin": b"\x02" * 1000, "b.txt": b""}
    assert sorted(path.name for path in folder.iterdir()) == ["3", "manifest.json"]


@pytest.mark.parametrize("call", ["fsync", "replace", "mkdir"])
def test_full_disk_leaves_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    write_files(tmp_path, {"n": 1}, {"a.bin": b"old"})

    def refuse(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(storage.os, call, refuse)
        with pytest.raises(KnowledgeError, match="cannot be written to .*: No space left on device"):
            write_files(tmp_path, {"n": 2}, {"a.bin": b"new"})
    assert read_files(tmp_path)[1] == {"a.bin": b"old"}
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["1"]
    write_files(tmp_path, {"n": 2}, {"a.bin": b"new"})
    assert read_files(tmp_path)[1] == {"a.bin": b"new"}


WRITER = """
import sys
from pathlib import Path
from index.storage import write_files
for n in range(1_000_000):
    write_files(Path(sys.argv[1]), {"n": n}, {"a.bin": n.to_bytes(4, "big") * 50_000, "b.bin": n.to_bytes(4, "big")})
"""


@contextmanager
def endless_writer(folder: Path) -> Iterator[None]:
    """Another process that stores one index after the other, killed at the end."""
    before = newest(folder)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, folder], cwd=Path(__file__).parents[2])
    try:
        deadline = time.monotonic() + 20
        while newest(folder) == before:
            assert writer.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        yield
    finally:
        writer.kill()
        writer.wait()


def newest(folder: Path) -> str | None:
    path = folder / "manifest.json"
    return json.loads(path.read_text())["generation"] if path.exists() else None


def assert_whole(folder: Path) -> None:
    about, files = read_files(folder)
    assert files["a.bin"] == files["b.bin"] * 50_000 == about["n"].to_bytes(4, "big") * 50_000


def test_kill_leaves_a_whole_index(tmp_path: Path) -> None:
    for round_ in range(5):
        with endless_writer(tmp_path):
            time.sleep(0.004 * round_)
        assert_whole(tmp_path)


def test_readers_beside_a_writer_see_whole_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_manifest = storage._read_manifest

    def slowly(folder: Path) -> dict[str, Any]:
        manifest = read_manifest(folder)
        time.sleep(0.05)  # long enough for the writer to store several times, were it not kept waiting
        return manifest

    monkeypatch.setattr(storage, "_read_manifest", slowly)
    with endless_writer(tmp_path):
        for _ in range(5):
            assert_whole(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(IndexDamagedError, match="none cannot be read") as caught:
        read_files(tmp_path / "none")
    assert caught.value.folder == tmp_path / "none"
    with pytest.raises(IndexDamagedError, match="manifest.json cannot be read"):
        read_files(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"{}", b'{"checksum": "0"}'])
def test_damaged_manifest(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(IndexDamagedError, match="manifest.json is damaged"):
        read_files(tmp_path)
