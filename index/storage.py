"""A KnowledgeIndex on disk.

    current.json             which of the folders below is the index; replaced in one atomic step
    <number>/manifest.json   backbone hash, dimension, metric, kind, sha256 of every other file
    <number>/documents.json  documents and passages
    <number>/vectors.safetensors   vectors of passages and of their sentences
    <number>/passages.faiss

The full-text part is made anew from the passages at load, so that it cannot differ from them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save_file

from index.documents import Document, IndexDamagedError, Passage, Section

if TYPE_CHECKING:
    from index.knowledge import KnowledgeIndex

FORMAT = 1
METRIC = "inner product of unit vectors"
FILES = ("documents.json", "vectors.safetensors", "passages.faiss")


def save_index(index: KnowledgeIndex, folder: Path) -> None:
    """Write aside, flush to the disk, then move the pointer; what lay there before is removed last."""
    folder.mkdir(parents=True, exist_ok=True)
    old = [p for p in folder.iterdir() if p.is_dir()]
    number = max((int(p.name) for p in old if p.name.isdigit()), default=0) + 1
    new = folder / str(number)
    new.mkdir()
    entries = index._entries
    documents = {
        "documents": [dataclasses.asdict(d) for d in index._documents.values()],
        "passages": [
            {"number": n, "spans": e.spans, "passage": dataclasses.asdict(e.passage)} for n, e in entries.items()
        ],
        "next": index._next,
    }
    (new / "documents.json").write_text(json.dumps(documents, ensure_ascii=False), encoding="utf-8")
    empty = np.empty((0, index.dimension), np.float32)
    save_file(
        {
            "passages": np.stack([e.vector for e in entries.values()]) if entries else empty,
            "sentences": np.concatenate([e.sentences for e in entries.values()]) if entries else empty.astype(np.float16),
        },
        new / "vectors.safetensors",
    )
    faiss.write_index(index._faiss, str(new / "passages.faiss"))
    manifest = {
        "format": FORMAT,
        "backbone": index.backbone_hash,
        "dimension": index.dimension,
        "metric": METRIC,
        "kind": index.kind,
        "sha256": {name: hashlib.sha256((new / name).read_bytes()).hexdigest() for name in FILES},
    }
    (new / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    for file in new.iterdir():
        _sync(file)
    aside = folder / "current.json.new"
    aside.write_text(json.dumps({"folder": new.name}), encoding="utf-8")
    _sync(aside)
    os.replace(aside, folder / "current.json")
    _sync(folder)
    for stale in old:
        shutil.rmtree(stale)


def load_index(kind: type[KnowledgeIndex], folder: Path, backbone_hash: str) -> KnowledgeIndex:
    """Read and check every file. Raises IndexDamagedError."""
    try:
        current = folder / str(json.loads((folder / "current.json").read_text(encoding="utf-8"))["folder"])
        manifest = json.loads((current / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IndexDamagedError(folder, f"its manifest cannot be read ({error})") from error
    _check(folder, manifest, backbone_hash)
    contents = {}
    for name in FILES:
        try:
            contents[name] = (current / name).read_bytes()
        except OSError as error:
            raise IndexDamagedError(folder, f"{name} cannot be read ({error.strerror})") from error
        if hashlib.sha256(contents[name]).hexdigest() != manifest["sha256"].get(name):
            raise IndexDamagedError(folder, f"the checksum of {name} is wrong")
    index = kind(int(manifest["dimension"]), backbone_hash)
    _fill(index, json.loads(contents["documents.json"]), load_arrays(contents["vectors.safetensors"]))
    index.kind = manifest["kind"]
    index._faiss = faiss.deserialize_index(np.frombuffer(contents["passages.faiss"], np.uint8))
    return index


def _check(folder: Path, manifest: dict[str, Any], backbone_hash: str) -> None:
    if manifest.get("format") != FORMAT:
        raise IndexDamagedError(folder, f"its format is {manifest.get('format')}, this release reads {FORMAT}")
    if manifest.get("backbone") != backbone_hash:
        raise IndexDamagedError(
            folder, f"it was built with another backbone ({str(manifest.get('backbone'))[:12]}, here {backbone_hash[:12]})"
        )
    if manifest.get("metric") != METRIC:
        raise IndexDamagedError(folder, f"its metric is '{manifest.get('metric')}', not '{METRIC}'")


def _fill(index: KnowledgeIndex, stored: dict[str, Any], arrays: dict[str, Any]) -> None:
    from index.knowledge import Entry

    for d in stored["documents"]:
        sections = tuple(Section(**{**s, "heading_path": tuple(s["heading_path"])}) for s in d["sections"])
        index._documents[d["id"]] = Document(**{**d, "sections": sections})
    at = 0
    for row, p in enumerate(stored["passages"]):
        passage = Passage(**{**p["passage"], "heading_path": tuple(p["passage"]["heading_path"])})
        spans = [(a, b) for a, b in p["spans"]]
        sentences = arrays["sentences"][at : at + len(spans)]
        index._entries[p["number"]] = Entry(passage, arrays["passages"][row], spans, sentences)
        index._number_of[passage.id] = p["number"]
        at += len(spans)
    index._next = stored["next"]
    index._lexical.add((n, e.passage) for n, e in index._entries.items())


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
