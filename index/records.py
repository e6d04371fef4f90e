"""What a stored index holds, as bytes and back: documents, places of passages and sentences, sentence vectors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import load, save

from index.types import Document, IndexDamagedError, Passage, Section
from index.vectors import METRIC

FORMAT = 2
"""Raised with every change of the files, of the loaders or of the chunking: an older index is built anew."""
DOCUMENTS = "documents.jsonl"
VECTORS = "passages.faiss"
SENTENCES = "sentences.safetensors"
FILES = (DOCUMENTS, VECTORS, SENTENCES)


@dataclass(frozen=True, slots=True)
class Entry:
    """A passage with its sentences."""

    passage: Passage
    spans: Sequence[tuple[int, int]]
    """Of the sentences, in the passage's text; at least one."""
    sentences: NDArray[np.float16]
    """Their vectors, shape (S, D), unit length."""


def check(
    folder: Path,
    about: Mapping[str, Any],
    files: Mapping[str, bytes],
    backbone_hash: str,
    form: int = FORMAT,
    needed: Sequence[str] = FILES,
) -> None:
    """Raises IndexDamagedError if the manifest is of another release (whose format is not ``form``), backbone or
    metric, or lacks a file."""
    if about.get("format") != form:
        raise IndexDamagedError(folder, f"its format is {about.get('format')}, this release reads {form}")
    if about["backbone_hash"] != backbone_hash:
        theirs = str(about["backbone_hash"])[:12]
        raise IndexDamagedError(folder, f"another backbone made it ({theirs}, here {backbone_hash[:12]})")
    if about["metric"] != METRIC:
        raise IndexDamagedError(folder, f"its metric is '{about['metric']}', not '{METRIC}'")
    missing = [name for name in needed if name not in files]
    if missing:
        raise IndexDamagedError(folder, f"its manifest does not name {missing[0]}")


def pack(by_document: Sequence[tuple[Document, Sequence[tuple[int, Entry]]]], dimension: int) -> dict[str, bytes]:
    """The two files beside the vectors: documents with their numbered passages, and the sentences' vectors."""
    lines, vectors = [], [np.empty((0, dimension), np.float16)]
    for document, numbered in by_document:
        places = [
            {
                "number": number,
                "heading_path": entry.passage.heading_path,
                "page": entry.passage.page,
                "start": entry.passage.start,
                "end": entry.passage.end,
                "sentences": entry.spans,
            }
            for number, entry in numbered
        ]
        lines.append(json.dumps(asdict(document) | {"passages": places}, ensure_ascii=False))
        vectors += [entry.sentences for _, entry in numbered]
    text = "".join(line + "\n" for line in lines)
    return {DOCUMENTS: text.encode(), SENTENCES: save({"sentences": np.concatenate(vectors)})}


def unpack(
    folder: Path, files: Mapping[str, bytes], dimension: int
) -> Iterator[tuple[Document, list[tuple[int, Entry]]]]:
    """What ``pack`` was given. Raises IndexDamagedError if the two files do not fit together."""
    try:
        vectors = load(files[SENTENCES])["sentences"]
    except (safetensors.SafetensorError, KeyError) as error:
        raise IndexDamagedError(folder, f"{SENTENCES} cannot be read ({error})") from error
    used = 0
    for line in files[DOCUMENTS].decode().split("\n")[:-1]:
        fields = json.loads(line)
        places = fields.pop("passages")
        sections = tuple(Section(**s | {"heading_path": tuple(s["heading_path"])}) for s in fields.pop("sections"))
        document = Document(sections=sections, **fields)
        numbered = []
        for n, place in enumerate(places, start=1):
            spans = [(start, end) for start, end in place["sentences"]]
            rows = vectors[used : used + len(spans)]
            used += len(spans)
            numbered.append((place["number"], Entry(_passage(document, n, place), spans, rows)))
        yield document, numbered
    if vectors.shape != (used, dimension):
        raise IndexDamagedError(folder, f"{DOCUMENTS} and {SENTENCES} hold different sentences")


def _passage(document: Document, n: int, place: Mapping[str, Any]) -> Passage:
    start, end = place["start"], place["end"]
    return Passage(
        id=f"{document.id}#{n}",
        document_id=document.id,
        source=document.source,
        title=document.title,
        heading_path=tuple(place["heading_path"]),
        page=place["page"],
        start=start,
        end=end,
        text=document.text[start:end],
    )
