"""Files that come in pieces: no request carries more than the service's limit, and a file may be far larger."""

from __future__ import annotations

import re
import secrets
import time
from pathlib import Path

from agent.errors import BadInputError

LARGEST = 500_000_000
"""Bytes of a file; a larger one is taken in by the command line."""
KEPT_SECONDS = 24 * 3600
"""A file that was never finished goes after so long."""
_ID = re.compile(r"[0-9a-f]{16}")
_UNUSUAL = re.compile(r"[^\w.-]+")


class Uploads:
    """A folder of files on their way, each in a folder of its own under its own name, which tells its kind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, name: str, upload: str, offset: int, piece: bytes) -> str:
        """Keep a piece, which begins at ``offset`` bytes; without an ``upload`` it is the first one of a new file.

        Returns the upload's id. Raises BadInputError for a piece out of order and a file that grows too large.
        """
        if not upload:
            self._sweep()
            upload = secrets.token_hex(8)
            # The last part of a path alone, and nothing that a file system could take for something else.
            safe = _UNUSUAL.sub("_", Path(name.replace("\\", "/")).name).lstrip(".")[-100:] or "file"
            folder = self._folder / upload
            folder.mkdir(mode=0o700, parents=True)
            (folder / safe).touch(mode=0o600)
        _, path = self.whole(upload)
        if path.stat().st_size != offset:
            raise BadInputError("upload", f"The piece at {offset} bytes does not follow {path.stat().st_size} bytes.")
        if offset + len(piece) > LARGEST:
            self.remove(upload)
            raise BadInputError(
                "upload", f"The file has more than {LARGEST // 1_000_000} MB. Run: switchboard finance ingest {name}"
            )
        with path.open("ab") as file:
            file.write(piece)
        return upload

    def whole(self, upload: str) -> tuple[str, Path]:
        """Name and place of a file that was sent. Raises BadInputError if there is none."""
        folder = self._folder / upload
        if not _ID.fullmatch(upload) or not folder.is_dir():
            raise BadInputError("upload", "There is no such file any more. Send it again.")
        [path] = folder.iterdir()
        return path.name, path

    def remove(self, upload: str) -> None:
        """Forget a file; nothing happens if it is gone."""
        folder = self._folder / upload
        if folder.is_dir():
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()

    def _sweep(self) -> None:
        if self._folder.is_dir():
            for folder in self._folder.iterdir():
                if folder.stat().st_mtime < time.time() - KEPT_SECONDS:
                    self.remove(folder.name)
