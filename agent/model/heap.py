"""Memory that a process has freed and the C library keeps."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Hand freed memory to the system, where the C library can (glibc).

    Opening a model takes about twice the memory that it needs afterwards, and by itself the library keeps the rest.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:  # musl has none
            trim(0)
