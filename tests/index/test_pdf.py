"""PDF: pages, and files that cannot be read."""

from __future__ import annotations

import random
from io import BytesIO

import pypdf
import pytest

from index.pdf import read_pdf
from index.reading import UnreadableError
from tests.index.samples import make_pdf


def test_pages_are_sections() -> None:
    [parts] = read_pdf(make_pdf("Boots are water-\nproof. Wash them.", "", "Dry them slowly.", title="Care"))
    assert parts.title == "Care"
    assert [(s.page, parts.text[s.start : s.end]) for s in parts.sections] == [
        (1, "Boots are waterproof. Wash them."),
        (3, "Dry them slowly."),
    ]


def test_scan_without_text() -> None:
    with pytest.raises(UnreadableError, match="holds no text on any page"):
        read_pdf(make_pdf("", ""))


def test_password() -> None:
    writer = pypdf.PdfWriter(clone_from=BytesIO(make_pdf("Secret words.")))
    stream = BytesIO()
    writer.encrypt("password", algorithm="RC4-128")
    writer.write(stream)
    with pytest.raises(UnreadableError, match="locked by a password"):
        read_pdf(stream.getvalue())


@pytest.mark.parametrize("data", [b"", b"%PDF-1.4\n", b"<html>no pdf</html>", b"%PDF-1.4\n%%EOF", b"\x00" * 1000])
def test_no_pdf(data: bytes) -> None:
    with pytest.raises(UnreadableError, match="is a broken PDF"):
        read_pdf(data)


def test_damage_never_escapes_as_another_error() -> None:
    whole = make_pdf("Boots are waterproof.", "Wash them.", title="Care")
    chance = random.Random(7)
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            read_pdf(bytes(data[: chance.choice([len(data), chance.randrange(len(data))])]))
        except UnreadableError:
            refused += 1
    assert refused > 20
