"""A lock on a folder that ends with the process that holds it, however that process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from agent.errors import LockedError, StoreError

FILE_NAME = "server.lock"
COPIES = "copies.lock"
"""In the data folder, while a copy of the database is made, or something is erased from all copies."""
TRAINING = "training.lock"
"""In the folder of an app's models, while the app is trained."""


class FolderLock:
    """Held from construction to ``close``; one holder a folder, on one machine."""

    def __init__(self, folder: Path, holder: str, file_name: str = FILE_NAME) -> None:
        """Take the lock for this process; ``holder`` says what it does, such as the address that it serves, for
        whoever comes second. Locks of different ``file_name`` do not exclude each other.

        Raises LockedError naming the first holder, StoreError if the file cannot be made.
        """
        path = folder / file_name
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"Cannot make the lock file {path}: {error.strerror}.") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            first = os.read(self._file, 1000).decode("utf-8", "replace").strip()
            os.close(self._file)
            raise LockedError(folder, first or "another process") from None
        # The file stays when the lock is given up: removing it would let two processes lock two files.
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"process {os.getpid()} ({holder})\n".encode(), 0)

    def close(self) -> None:
        """Give the lock up."""
        os.close(self._file)
