"""KnowledgeIndex: passages by meaning (FAISS) and by words (full text), fused, with the sentence that answers.

It takes ``encode`` as an argument and knows nothing of who asks. Saving lies in ``index.storage``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import faiss
import numpy as np
from numpy.typing import NDArray

from index.chunking import chunk, split_sentences
from index.documents import Document, DocumentError, IndexDamagedError, Passage, load_folder
from index.lexical import LexicalIndex

__all__ = ["Encode", "Hit", "IndexDamagedError", "KnowledgeIndex", "SyncReport"]

Vectors = NDArray[np.float32]
Encode = Callable[[Sequence[str]], Vectors]
"""Texts to vectors of unit length, (N, D)."""
Progress = Callable[[int, int], None]
Kind = Literal["flat", "ivf"]

FLAT_LIMIT = 20_000
"""Passages up to which every one is compared; above, inverted lists (HNSW cannot remove)."""
LEXICAL_WEIGHT = 0.2
"""Share of the words in the fused score."""
CANDIDATES = 50
ENCODE_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found."""

    passage: Passage
    score: float
    """Fused, 0 to 1."""
    dense: float
    """Cosine to the query vector, -1 to 1."""
    lexical: float
    """BM25 relative to the best possible for these words here, 0 to 1."""
    sentence: str
    start: int
    end: int
    """``passage.text[start:end] == sentence``, the sentence that answers best."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did, by document id."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[DocumentError] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """A passage with its vector and those of its sentences."""

    passage: Passage
    vector: Vectors
    spans: list[tuple[int, int]]
    sentences: NDArray[np.float16]
    """(S, D), unit length."""


class KnowledgeIndex:
    """The passages of one app's documents. Any number of threads may search while one changes it."""

    def __init__(self, dimension: int, backbone_hash: str, *, flat_limit: int = FLAT_LIMIT) -> None:
        faiss.omp_set_num_threads(1)
        self.dimension = dimension
        self.backbone_hash = backbone_hash
        self._flat_limit = flat_limit
        self._lock = threading.RLock()
        self._documents: dict[str, Document] = {}
        self._entries: dict[int, Entry] = {}
        self._number_of: dict[str, int] = {}
        self._next = 0
        self._lexical = LexicalIndex()
        self.kind: Kind = "flat"
        """How FAISS is laid out: flat up to the limit, ivf above."""
        self._faiss: Any = self._empty("flat")

    def __len__(self) -> int:
        return len(self._entries)

    def documents(self) -> list[Document]:
        with self._lock:
            return list(self._documents.values())

    def passages(self) -> list[Passage]:
        """All passages, document by document."""
        with self._lock:
            return [entry.passage for entry in self._entries.values()]

    def passage(self, passage_id: str) -> Passage:
        """Raises KeyError if there is no such passage."""
        with self._lock:
            return self._entries[self._number_of[passage_id]].passage

    def vector(self, passage_id: str) -> Vectors:
        """The passage's vector, (D,). Raises KeyError."""
        with self._lock:
            return self._entries[self._number_of[passage_id]].vector

    def document_text(self, document_id: str) -> str:
        """The document's whole text. Raises KeyError."""
        with self._lock:
            return self._documents[document_id].text

    def sync(self, folder: Path, encode: Encode, progress: Progress | None = None) -> SyncReport:
        """Bring the index level with a folder: only documents whose content hash changed are read anew.

        A file that cannot be read is named in ``failed``; what the index had of it stays.
        """
        documents, failed = load_folder(folder) if folder.is_dir() else ([], [])
        found = {d.id: d for d in documents}
        broken = {error.path.relative_to(folder).as_posix() for error in failed}
        with self._lock:
            known = dict(self._documents)
        added = [d for d in documents if d.id not in known]
        changed = [d for d in documents if d.id in known and known[d.id].content_hash != d.content_hash]
        removed = [id for id, d in known.items() if id not in found and d.source not in broken]
        entries = self._read(added + changed, encode, progress)
        with self._lock:
            for id in [*removed, *(d.id for d in changed)]:
                self._drop(id)
            self._insert(added + changed, entries)
        return SyncReport([d.id for d in added], [d.id for d in changed], removed, failed)

    def add(self, documents: Iterable[Document], encode: Encode) -> None:
        """Add documents, or put new ones in the place of those of the same id."""
        documents = list(documents)
        entries = self._read(documents, encode, None)
        with self._lock:
            for document in documents:
                if document.id in self._documents:
                    self._drop(document.id)
            self._insert(documents, entries)

    def remove(self, document_id: str) -> None:
        """Raises KeyError if there is no such document."""
        with self._lock:
            self._drop(document_id)

    def search(
        self, text: str, vector: Vectors, k: int = 5, documents: Collection[str] | None = None
    ) -> list[Hit]:
        """The ``k`` best passages for a text and its query vector (D,), best first.

        ``documents`` limits the search to those ids.
        """
        with self._lock:
            if not self._entries:
                return []
            wide = len(self._entries) if documents is not None else min(len(self._entries), max(CANDIDATES, k))
            query = np.ascontiguousarray(vector, dtype=np.float32)[None]
            _, numbers = self._faiss.search(query, wide)
            lexical = self._lexical.search(text, wide)
            candidates = {int(n) for n in numbers[0] if n >= 0} | set(lexical)
            if documents is not None:
                candidates = {n for n in candidates if self._entries[n].passage.document_id in documents}
            best_words = max(lexical.values(), default=0.0)
            scored = []
            for n in candidates:
                dense = float(self._entries[n].vector @ query[0])
                words = lexical.get(n, 0.0) / best_words if best_words > 0 else 0.0
                fused = (1 - LEXICAL_WEIGHT) * max(dense, 0.0) + LEXICAL_WEIGHT * words
                scored.append((fused, n, dense, words))
            scored.sort(key=lambda row: (-row[0], row[1]))
            return [self._hit(self._entries[n], fused, dense, words, query[0]) for fused, n, dense, words in scored[:k]]

    def _hit(self, entry: Entry, fused: float, dense: float, words: float, query: Vectors) -> Hit:
        start, end = entry.spans[int((entry.sentences.astype(np.float32) @ query).argmax())]
        return Hit(entry.passage, min(fused, 1.0), dense, words, entry.passage.text[start:end], start, end)

    def _read(self, documents: Sequence[Document], encode: Encode, progress: Progress | None) -> list[list[Entry]]:
        """Passages of the documents with all vectors; nothing of the index is touched."""
        chunks = [chunk(document) for document in documents]
        spans = [[split_sentences(p.text) for p in passages] for passages in chunks]
        texts = []
        for passages, of_each in zip(chunks, spans, strict=True):
            for passage, sentences in zip(passages, of_each, strict=True):
                texts.append("\n".join([passage.title, *passage.heading_path, passage.text]))
                texts += [passage.text[a:b] for a, b in sentences]
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), ENCODE_AT_ONCE):
            vectors[start : start + ENCODE_AT_ONCE] = encode(texts[start : start + ENCODE_AT_ONCE])
            if progress:
                progress(min(start + ENCODE_AT_ONCE, len(texts)), len(texts))
        read, row = [], 0
        for passages, of_each in zip(chunks, spans, strict=True):
            entries = []
            for passage, sentences in zip(passages, of_each, strict=True):
                own = vectors[row + 1 : row + 1 + len(sentences)].astype(np.float16)
                entries.append(Entry(passage, vectors[row].copy(), sentences, own))
                row += 1 + len(sentences)
            read.append(entries)
        return read

    def _insert(self, documents: Sequence[Document], entries: Sequence[Sequence[Entry]]) -> None:
        new: dict[int, Entry] = {}
        for document, of_it in zip(documents, entries, strict=True):
            self._documents[document.id] = document
            for entry in of_it:
                new[self._next] = entry
                self._number_of[entry.passage.id] = self._next
                self._next += 1
        self._entries |= new
        self._lexical.add((n, entry.passage) for n, entry in new.items())
        if new and self._wanted_kind() == self.kind:
            self._faiss.add_with_ids(np.stack([e.vector for e in new.values()]), np.array(list(new), np.int64))
        elif new:
            self._rebuild()

    def _drop(self, document_id: str) -> None:
        del self._documents[document_id]
        gone = [n for n, entry in self._entries.items() if entry.passage.document_id == document_id]
        for n in gone:
            del self._number_of[self._entries.pop(n).passage.id]
        self._lexical.remove(gone)
        if gone:
            self._faiss.remove_ids(np.array(gone, np.int64))

    def _wanted_kind(self) -> Kind:
        return "flat" if len(self._entries) <= self._flat_limit else "ivf"

    def _rebuild(self) -> None:
        """Lay FAISS out anew, when the number of passages has crossed the limit."""
        vectors = np.stack([e.vector for e in self._entries.values()])
        self.kind = self._wanted_kind()
        self._faiss = self._empty(self.kind, vectors)
        self._faiss.add_with_ids(vectors, np.array(list(self._entries), np.int64))

    def _empty(self, kind: Kind, sample: Vectors | None = None) -> Any:
        flat = faiss.IndexFlatIP(self.dimension)
        if kind == "flat" or sample is None:
            return faiss.IndexIDMap2(flat)
        lists = max(1, int(4 * np.sqrt(len(sample))))
        inverted = faiss.IndexIVFFlat(flat, self.dimension, lists, faiss.METRIC_INNER_PRODUCT)
        inverted.train(sample)
        inverted.nprobe = max(1, lists // 16)
        inverted.own_fields = True
        flat.this.disown()
        return inverted

    def save(self, folder: Path) -> None:
        """Write the index to ``folder`` in one atomic step (see ``index.storage``)."""
        from index.storage import save_index

        with self._lock:
            save_index(self, folder)

    @classmethod
    def load(cls, folder: Path, backbone_hash: str) -> KnowledgeIndex:
        """Read a saved index. Raises IndexDamagedError naming folder and cause."""
        from index.storage import load_index

        return load_index(cls, folder, backbone_hash)
