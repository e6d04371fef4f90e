"""KnowledgeIndex: passages by meaning (FAISS) and by words (full text), fused, with the sentence that answers.

It takes ``encode`` as an argument and knows nothing of who asks. A stored index (see ``index.storage``) holds

    documents.jsonl        a document a line, with the places of its passages and their sentences
    passages.faiss         the passages' vectors, by number
    sentences.safetensors  the sentences' vectors, float16, in the order of documents.jsonl

and its manifest names format, backbone hash, dimension, metric and kind (flat or ivf).
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from index import records
from index.chunking import chunk, embedded_text, plain, split_sentences
from index.documents import load_folder
from index.lexical import LexicalIndex
from index.records import Entry
from index.storage import read_files, write_files
from index.types import Document, DocumentError, IndexDamagedError, KnowledgeError, Passage
from index.vectors import FLAT_LIMIT, METRIC, Kind, VectorIndex, Vectors, checked

__all__ = ["Encode", "Hit", "IndexDamagedError", "KnowledgeError", "KnowledgeIndex", "SyncReport"]

Encode = Callable[[Sequence[str]], Vectors]
"""Texts to vectors of unit length, (N, D)."""
Progress = Callable[[int, int], None]
"""Called with (texts encoded, texts in all)."""

Prepared = tuple[Entry, Vectors]
"""A passage and its vector (D,)."""

LEXICAL_WEIGHT = 0.3
"""Share of the words in the fused score; the rest is the meaning's."""
SENTENCE_SHARE = 0.3
"""Share of the nearest sentence in the meaning's part; the rest is the whole passage's."""
CANDIDATES = 50
"""Passages that each of the two searches puts forward."""
ENCODE_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found."""

    passage: Passage
    score: float
    """Fused from ``dense``, ``nearest`` and ``lexical`` (see ``fuse``), 0 to 1."""
    dense: float
    """Cosine of passage and query vector, -1 to 1."""
    lexical: float
    """BM25 over the most that a passage could reach with these words, 0 to 1."""
    sentence: str
    start: int
    end: int
    """``passage.text[start:end] == sentence``, the sentence nearest to the query vector."""
    nearest: float = 0.0
    """Cosine of that sentence and the query vector, -1 to 1."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did, by document id."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[DocumentError] = field(default_factory=list)


class KnowledgeIndex:
    """The passages of one app's documents.

    Any number of threads may search while one changes it: a change is prepared aside and put in place under
    a lock, so that a search sees all of it or nothing.
    """

    def __init__(self, dimension: int, backbone_hash: str, *, flat_limit: int = FLAT_LIMIT) -> None:
        """An empty index of vectors with ``dimension`` numbers, made by the backbone of that hash.

        Up to ``flat_limit`` passages every one is compared; above, inverted lists are used.
        """
        self.dimension = dimension
        self.backbone_hash = backbone_hash
        self._writing = threading.Lock()
        self._lock = threading.Lock()
        self._documents: dict[str, Document] = {}
        self._numbers: dict[str, list[int]] = {}  # of a document's passages, in order
        self._entries: dict[int, Entry] = {}
        self._number_of: dict[str, int] = {}
        self._next = 0
        self._lexical = LexicalIndex()
        self._vectors = VectorIndex(dimension, flat_limit)

    def __len__(self) -> int:
        """Number of passages."""
        return len(self._entries)

    @property
    def kind(self) -> Kind:
        """How the vectors are laid out: "flat" or "ivf", chosen by size."""
        return self._vectors.kind

    def documents(self) -> list[Document]:
        """All documents."""
        with self._lock:
            return list(self._documents.values())

    def passages(self) -> list[Passage]:
        """All passages, document by document."""
        with self._lock:
            return [self._entries[n].passage for numbers in self._numbers.values() for n in numbers]

    def passage(self, passage_id: str) -> Passage:
        """Raises KeyError if there is no such passage."""
        with self._lock:
            return self._entries[self._number_of[passage_id]].passage

    def vector(self, passage_id: str) -> Vectors:
        """The passage's vector, shape (D,), unit length. Raises KeyError if there is no such passage."""
        with self._lock:
            return self._vectors.vector(self._number_of[passage_id])

    def document_text(self, document_id: str) -> str:
        """The document's whole text. Raises KeyError if there is no such document."""
        with self._lock:
            return self._documents[document_id].text

    def sync(self, folder: Path, encode: Encode, progress: Progress | None = None) -> SyncReport:
        """Bring the index level with a folder; a folder that does not exist holds nothing.

        Only documents whose content changed are embedded, only files whose bytes changed are parsed. A file
        that cannot be read is named in ``failed``; what the index had of it stays.
        """
        with self._writing:
            known = self._documents
            found, failed = load_folder(folder, known.values())
            broken = {error.path.relative_to(folder).as_posix() for error in failed}
            added = [d for d in found if d.id not in known]
            changed = [d for d in found if d.id in known and d.content_hash != known[d.id].content_hash]
            here = {d.id for d in found}
            removed = [d.id for d in known.values() if d.id not in here and d.source not in broken]
            entries = self._embed([*added, *changed], encode, progress)
            self._apply(removed, [*added, *changed], entries)
            with self._lock:  # rows of a FAQ file that changed elsewhere: the same content, another file hash
                self._documents |= {d.id: d for d in found}
        return SyncReport([d.id for d in added], [d.id for d in changed], removed, failed)

    def add(self, documents: Iterable[Document], encode: Encode) -> None:
        """Add documents, or put new ones in the place of those with the same id.

        Raises KnowledgeError if an id is given twice.
        """
        new = list(documents)
        if len({d.id for d in new}) < len(new):
            raise KnowledgeError("Two of the documents have the same id.")
        with self._writing:
            self._apply([], new, self._embed(new, encode, None))

    def remove(self, document_id: str) -> None:
        """Raises KeyError if there is no such document."""
        with self._writing:
            if document_id not in self._documents:
                raise KeyError(document_id)
            self._apply([document_id], [], [])

    def search(self, text: str, vector: Vectors, k: int = 5, documents: Collection[str] | None = None) -> list[Hit]:
        """The ``k`` best passages for a text and its query vector (D,) of unit length, best first.

        ``documents`` limits the search to those ids; ids that the index does not have find nothing.
        """
        query = np.asarray(vector, np.float32)
        if query.shape != (self.dimension,):
            raise KnowledgeError(f"A query vector of shape {query.shape} was given; ({self.dimension},) is needed.")
        with self._lock:
            within = None
            if documents is not None:
                within = np.array([n for d in set(documents) for n in self._numbers.get(d, ())], np.int64)
            words = self._lexical.search(text)
            if within is not None:
                allowed = set(within.tolist())
                words = {number: score for number, score in words.items() if number in allowed}
            wide = max(CANDIDATES, k)
            cosines = dict(self._vectors.search(query, wide, within))
            for number in heapq.nlargest(wide, words, key=words.__getitem__):
                if number not in cosines:
                    cosines[number] = float(self._vectors.vector(number) @ query)
            # Equal scores keep the order of the passages.
            found = sorted(cosines.items())
            entries = [self._entries[number] for number, _ in found]
        if not found:
            return []
        # All sentences in one product: passage by passage it would take longer than all else here.
        starts = np.cumsum([0, *(len(entry.sentences) for entry in entries)])
        near = np.concatenate([entry.sentences for entry in entries]).astype(np.float32) @ query  # Shape: (S,)
        nearest = np.maximum.reduceat(near, starts[:-1]).tolist()
        lexical = [words.get(number, 0.0) for number, _ in found]
        scores = [fuse(dense, n, w) for (_, dense), n, w in zip(found, nearest, lexical, strict=True)]
        hits = []
        for i in heapq.nsmallest(k, range(len(found)), key=lambda i: -scores[i]):
            passage = entries[i].passage
            start, end = entries[i].spans[int(near[starts[i] : starts[i + 1]].argmax())]
            sentence = passage.text[start:end]
            hits.append(Hit(passage, scores[i], found[i][1], lexical[i], sentence, start, end, nearest[i]))
        return hits

    def save(self, folder: Path) -> None:
        """Store the index in ``folder``, in one atomic step.

        Raises KnowledgeError if the disk refuses; what was stored there before is then whole.
        """
        with self._writing:  # no change begins, while searches go on
            about = {
                "format": records.FORMAT,
                "backbone_hash": self.backbone_hash,
                "dimension": self.dimension,
                "metric": METRIC,
                "kind": self.kind,
                "documents": len(self._documents),
                "passages": len(self),
            }
            by_document = [
                (document, [(n, self._entries[n]) for n in self._numbers[document.id]])
                for document in self._documents.values()
            ]
            files = records.pack(by_document, self.dimension) | {records.VECTORS: self._vectors.to_bytes()}
            write_files(folder, about, files)

    @classmethod
    def load(cls, folder: Path, backbone_hash: str, *, flat_limit: int = FLAT_LIMIT) -> KnowledgeIndex:
        """Read a stored index, every file checked.

        Raises IndexDamagedError naming folder and cause: a file is missing or damaged, or the index was made
        by another backbone or another release.
        """
        about, files = read_files(folder)
        records.check(folder, about, files, backbone_hash)
        index = cls(int(about["dimension"]), backbone_hash, flat_limit=flat_limit)
        try:
            index._vectors = VectorIndex.from_bytes(files[records.VECTORS], index.dimension, about["kind"], flat_limit)
        except ValueError as error:
            raise IndexDamagedError(folder, f"{records.VECTORS}: {error}") from error
        for document, numbered in records.unpack(folder, files, index.dimension):
            index._take_in(document, numbered)
        stored = sorted(index._vectors.numbers().tolist())
        if stored != sorted(index._entries):
            raise IndexDamagedError(folder, f"{records.DOCUMENTS} and {records.VECTORS} hold different passages")
        index._lexical.update([], ((n, entry.passage) for n, entry in index._entries.items()))
        return index

    def _embed(self, documents: Sequence[Document], encode: Encode, progress: Progress | None) -> list[list[Prepared]]:
        """Passages of each document with their vectors; the index is not touched."""
        passages = [chunk(document) for document in documents]
        spans = {p.id: split_sentences(p.text) for of_one in passages for p in of_one}
        texts = []
        for passage in (p for of_one in passages for p in of_one):
            texts.append(embedded_text(passage))
            texts += [plain(passage.text[start:end]) for start, end in spans[passage.id]]
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), ENCODE_AT_ONCE):
            batch = texts[start : start + ENCODE_AT_ONCE]
            vectors[start : start + len(batch)] = checked(encode(batch), len(batch), self.dimension)
            if progress is not None:
                progress(start + len(batch), len(texts))
        prepared, row = [], 0
        for of_one in passages:
            ready = []
            for passage in of_one:
                behind = row + 1 + len(spans[passage.id])
                sentences = vectors[row + 1 : behind].astype(np.float16)  # Shape: (S, D)
                ready.append((Entry(passage, spans[passage.id], sentences), vectors[row]))
                row = behind
            prepared.append(ready)
        return prepared

    def _apply(self, gone: Sequence[str], new: Sequence[Document], prepared: Sequence[Sequence[Prepared]]) -> None:
        """Take out documents and put in others, which may have the id of one that is there."""
        out = [n for d in {*gone, *(d.id for d in new)} for n in self._numbers.get(d, ())]
        start = self._next
        numbered = [
            [(start + offset, *pair) for offset, pair in enumerate(ready, start=sum(map(len, prepared[:place])))]
            for place, ready in enumerate(prepared)
        ]
        flat = [row for of_one in numbered for row in of_one]
        vectors = np.stack([v for _, _, v in flat]) if flat else np.empty((0, self.dimension), np.float32)
        with self._lock:
            self._lexical.update(out, ((n, entry.passage) for n, entry, _ in flat))
            self._vectors.update(out, [n for n, _, _ in flat], vectors)
            for document_id in gone:
                del self._documents[document_id]
            for document_id in {*gone, *(d.id for d in new)}:
                for number in self._numbers.pop(document_id, ()):
                    del self._number_of[self._entries.pop(number).passage.id]
            for document, of_one in zip(new, numbered, strict=True):
                self._take_in(document, [(n, entry) for n, entry, _ in of_one])

    def _take_in(self, document: Document, numbered: Sequence[tuple[int, Entry]]) -> None:
        self._documents[document.id] = document
        self._numbers[document.id] = [number for number, _ in numbered]
        for number, entry in numbered:
            self._entries[number] = entry
            self._number_of[entry.passage.id] = number
            self._next = max(self._next, number + 1)


def fuse(dense: float, nearest: float, lexical: float) -> float:
    """The score of a passage from the cosines of passage and nearest sentence and the words' score, 0 to 1.

    All parts are absolute, not relative to the best that was found, so that one threshold can say "nothing
    relevant" for every question.
    """
    meaning = (1 - SENTENCE_SHARE) * max(0.0, dense) + SENTENCE_SHARE * max(0.0, nearest)
    return min(1.0, (1 - LEXICAL_WEIGHT) * meaning + LEXICAL_WEIGHT * lexical)
