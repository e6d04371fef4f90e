"""Made-up documents, a PDF writer and a deterministic encoder for the tests of the index."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DIMENSION = 64
BACKBONE = "sample-backbone"

RETURNS = """---
title: Returns
intent: return_policy
---
You may send things back.

## How long you have

You can return an item within 60 days of delivery. Keep the label. See [Worn shoes](worn-shoes.md).

## What we cannot take

Underwear and opened food are excluded.
"""
SHIPPING = """# Shipping

Parcels leave from Rotterdam.

## Costs

Standard shipping costs 4.90 EUR. Express shipping costs 9.90 EUR.
"""
FAQ = """id,question,answer,intent
gift,Do you sell gift cards?,Yes. They never expire.,gift_card
,Where is the shop?,In Utrecht.,
"""


class Encoder:
    """Bag of words by hash, unit length; remembers what it was given."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        return np.stack([self.one(text) for text in texts])

    @staticmethod
    def one(text: str) -> NDArray[np.float32]:
        vector = np.full(DIMENSION, 1e-3, np.float32)
        for word in re.findall(r"\w+", text.lower()):
            digest = hashlib.sha256(word.encode()).digest()
            vector[digest[0] % DIMENSION] += 1 if digest[1] % 2 else -1
        return vector / np.linalg.norm(vector)


def write_folder(folder: Path, **more: str) -> Path:
    """A knowledge folder with the samples and the files of ``put``."""
    return put(folder, **{"returns_md": RETURNS, "shipping_md": SHIPPING, "faq_csv": FAQ} | more)


def put(folder: Path, **files: str) -> Path:
    """Write ``name_md="text"`` to ``name.md`` in the folder, and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        stem, _, ending = name.rpartition("_")
        (folder / f"{stem}.{ending}").write_text(text, encoding="utf-8")
    return folder


def make_pdf(*pages: str, title: str = "") -> bytes:
    """A small valid PDF with one line of text for each line given."""
    kids = " ".join(f"{5 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Title ({title}) >>",
    ]
    for n, text in enumerate(pages):
        lines = "".join(f"({line}) Tj 0 -20 Td " for line in text.split("\n") if line)
        stream = f"BT /F1 12 Tf 50 700 Td {lines}ET"
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources << /Font << /F1 3 0 R >> >>"
            f" /Contents {6 + 2 * n} 0 R >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    tail = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 4 0 R >>\nstartxref\n{len(data)}\n%%EOF\n"
    return data + head.encode() + tail.encode()
