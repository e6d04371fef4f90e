"""What all formats share: bytes to clean text, and the parts that a format's reader hands over."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from index.types import Section

# Line ends of other systems and of Unicode, a form feed between pages.
_NEWLINES = str.maketrans(dict.fromkeys("\r\v\f\x1c\x1d\x1e\x85\u2028\u2029", "\n"))
_JOINERS = "\u200c\u200d"


class UnreadableError(Exception):
    """The bytes are not what the file's ending says; the message is the cause, without the file's name."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a reader found in a file, before it has an id and a hash."""

    text: str
    sections: Sequence[Section]
    title: str = ""
    """"" if the file does not say."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    row: str = ""


def decode(data: bytes) -> str:
    """UTF-8 bytes (with or without a byte order mark) as clean text. Raises UnreadableError."""
    try:
        return clean(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UnreadableError(
            f"is not UTF-8 (byte 0x{data[error.start]:02x} at {error.start}); save it as UTF-8"
        ) from error


def clean(text: str) -> str:
    """The text in NFC with ``\\n`` line ends, without what cannot be seen.

    Control, direction and zero-width characters go; the joiners that scripts and emoji need stay. Half a
    character (a lone surrogate, as some PDFs hold) becomes U+FFFD, for no database takes it.
    """
    normal = unicodedata.normalize("NFC", text.replace("\r\n", "\n").translate(_NEWLINES))
    return "".join(_visible(char) for char in normal)


def _visible(char: str) -> str:
    if char in "\n\t" or " " <= char <= "~":
        return char
    kind = unicodedata.category(char)
    if kind == "Cs":
        return "\ufffd"
    return "" if kind == "Cc" or (kind == "Cf" and char not in _JOINERS) else char


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without white space at either end; empty (start == end) if it holds nothing else."""
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return start, max(start, start + len(piece.strip()))


def without_title(path: Sequence[str], title: str) -> tuple[str, ...]:
    """The heading path without a first heading that only repeats the title."""
    return tuple(path[1:] if path and path[0].casefold() == title.casefold() else path)
