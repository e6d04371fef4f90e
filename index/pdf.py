"""PDF: one section a page. A file that cannot be read, is locked, or has no text layer is refused."""

from __future__ import annotations

import re
import struct
import zlib
from io import BytesIO

from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError

from index.reading import Parts, UnreadableError, clean, trimmed
from index.types import Section

# A word divided at a line's end: "ship-\nping".
_HYPHEN = re.compile(r"(?<=[a-zà-ÿ])-\n(?=[a-zà-ÿ])")

# What pypdf lets through when the file's structure is not what its own tables say.
_MALFORMED = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, OSError, RecursionError),
    *(TypeError, ValueError, struct.error, zlib.error),
)


def read_pdf(data: bytes) -> list[Parts]:
    """One document. Raises UnreadableError if the file is damaged, needs a password, or holds no text."""
    try:
        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableError("is locked by a password; save it without one")
        pages = [_HYPHEN.sub("", clean(page.extract_text())) for page in reader.pages]
        title = clean(str((reader.metadata and reader.metadata.title) or "")).strip()
    except DependencyError as error:
        raise UnreadableError("is encrypted in a way that cannot be read here; save it without encryption") from error
    except (PyPdfError, *_MALFORMED) as error:
        raise UnreadableError(f"is a broken PDF ({type(error).__name__}: {error})") from error
    text, sections = "", list[Section]()
    for number, page in enumerate(pages, start=1):
        start, end = trimmed(page, 0, len(page))
        if start < end:
            text += "\n\n" if text else ""
            sections.append(Section((), number, len(text), len(text) + end - start))
            text += page[start:end]
    if not sections:
        raise UnreadableError("holds no text on any page (a scan?); run text recognition on it first")
    return [Parts(text, sections, title)]
