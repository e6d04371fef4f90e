"""An app's examples: read from its folder, split in a stable way, made ready for training."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import TrainingError
from agent.learning.train import UNIFORM, Row
from agent.model.multitask import INTENT, SENTIMENT
from agent.text import fraction, text_key
from agent.types import SENTIMENTS, Example

VALIDATION_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Dataset:
    """The examples of one split."""

    examples: tuple[Example, ...]

    def hash(self) -> str:
        """sha256 over all examples; names the data in a manifest."""
        digest = hashlib.sha256()
        for e in self.examples:
            digest.update(repr((e.text, e.intent, e.sentiment, e.document, e.out_of_scope)).encode())
        return digest.hexdigest()

    def split(self, share: float = VALIDATION_SHARE) -> tuple[Dataset, Dataset]:
        """(training, validation). A text's side depends on the text alone, so that adding examples moves none."""
        held = [e for e in self.examples if fraction(text_key(e.text)) < share]
        rest = [e for e in self.examples if fraction(text_key(e.text)) >= share]
        return Dataset(tuple(rest)), Dataset(tuple(held))

    def within(self, intents: Collection[str]) -> Dataset:
        """Without the examples of other intents than these."""
        return Dataset(tuple(e for e in self.examples if e.intent is None or e.intent in intents))

    def sample(self, most: int) -> Dataset:
        """At most ``most`` examples of each intent, of each sentiment alone, and out of scope; the choice
        depends on the texts alone."""
        kept: dict[int, Example] = {}
        counts: Counter[str] = Counter()
        for i in sorted(range(len(self.examples)), key=lambda i: fraction(text_key(f"sample {self.examples[i].text}"))):
            e = self.examples[i]
            group = e.intent or e.sentiment or "outside"
            counts[group] += 1
            if counts[group] <= most:
                kept[i] = e
        return Dataset(tuple(kept[i] for i in sorted(kept)))

    def kinds(self) -> dict[str, int]:
        """Examples of each kind; one example may be of several."""
        return {
            "in_scope": len(self.in_scope),
            "out_of_scope": len(self.out_of_scope),
            "sentiment": len(self.feelings),
            "questions": len(self.questions),
        }

    @property
    def in_scope(self) -> list[Example]:
        return [e for e in self.examples if e.intent is not None]

    @property
    def out_of_scope(self) -> list[Example]:
        return [e for e in self.examples if e.out_of_scope]

    @property
    def feelings(self) -> list[Example]:
        return [e for e in self.examples if e.sentiment is not None]

    @property
    def questions(self) -> list[Example]:
        return [e for e in self.examples if e.document is not None]


def load_dataset(folder: Path, intent_of_document: Mapping[str, str]) -> Dataset:
    """Read examples.jsonl, sentiment.jsonl, questions.jsonl and out_of_scope.jsonl; each may be absent.

    A question takes its intent from its document (``intent_of_document``). Every text stands once:
    rows of equal text are joined.

    Raises TrainingError with file and line of a row that cannot be used, or of two that disagree.
    """
    found: dict[str, Example] = {}
    for name, key in (
        ("examples", "intent"),
        ("questions", "article"),
        ("sentiment", "sentiment"),
        ("out_of_scope", "text"),
    ):
        path = folder / f"{name}.jsonl"
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                where = f"{path}:{number}"
                _join(found, _example(line, name, key, intent_of_document, where), where)
    return Dataset(tuple(found.values()))


def _example(line: str, name: str, key: str, intent_of_document: Mapping[str, str], where: str) -> Example:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise TrainingError(f"{where}: not valid JSON: {error}") from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str) or not isinstance(row.get(key), str):
        raise TrainingError(f'{where}: needs the texts "text" and "{key}".')
    text, value = row["text"].strip(), row[key]
    if not text:
        raise TrainingError(f"{where}: the text is empty.")
    if name == "examples":
        return Example(text, intent=value)
    if name == "questions":
        return Example(text, intent=intent_of_document.get(value), document=value)
    if name == "sentiment":
        if value not in SENTIMENTS:
            raise TrainingError(f"{where}: sentiment '{value}' is none of {', '.join(SENTIMENTS)}.")
        return Example(text, sentiment=next(s for s in SENTIMENTS if s == value))
    return Example(text, out_of_scope=True)


def _join(found: dict[str, Example], new: Example, where: str) -> None:
    key = text_key(new.text)
    old = found.get(key)
    if old is None:
        found[key] = new
        return
    for field in ("intent", "sentiment", "document"):
        values = {getattr(old, field), getattr(new, field)} - {None}
        if len(values) > 1:
            raise TrainingError(
                f"{where}: '{new.text[:60]}' stands twice, with {field} {' and '.join(sorted(values))}."
            )
    found[key] = Example(
        old.text,
        intent=old.intent or new.intent,
        sentiment=old.sentiment or new.sentiment,
        document=old.document or new.document,
        out_of_scope=old.out_of_scope or new.out_of_scope,
    )


def training_rows(
    dataset: Dataset,
    intents: Sequence[str],
    passages_of: Mapping[str, Sequence[int]],
    wrong: Sequence[tuple[str, str]] = (),
) -> list[Row]:
    """Examples as rows for the heads ``intent``, ``sentiment`` and the document matrix.

    ``passages_of`` gives, for a document's id, its rows in the matrix; ``wrong`` are texts with the id of a document
    that does not answer them. Raises TrainingError if an example names an intent or a document that there is none of.
    """
    at = {name: i for i, name in enumerate(intents)}
    wrong_of: dict[str, set[int]] = {}
    for text, document in wrong:
        wrong_of.setdefault(text_key(text), set()).update(passages_of.get(document, ()))
    texts = {text_key(e.text) for e in dataset.examples}
    rows = []
    for e in dataset.examples:
        labels: dict[str, int] = {}
        if e.out_of_scope:
            labels[INTENT] = UNIFORM
        elif e.intent is not None:
            if e.intent not in at:
                raise TrainingError(
                    f"Example '{e.text[:60]}' names the unknown intent '{e.intent}'. Available: {', '.join(intents)}."
                )
            labels[INTENT] = at[e.intent]
        if e.sentiment is not None:
            labels[SENTIMENT] = SENTIMENTS.index(e.sentiment)
        if e.document is not None and e.document not in passages_of:
            raise TrainingError(f"Question '{e.text[:60]}' names the unknown article '{e.document}'.")
        right = tuple(passages_of[e.document]) if e.document else ()
        rows.append(Row(e.text, labels, right, tuple(sorted(wrong_of.get(text_key(e.text), set()) - set(right)))))
    # Of some texts nothing is known but what does not answer them.
    others = {text_key(text): text for text, _ in wrong if text_key(text) not in texts}
    return rows + [Row(text, wrong_documents=tuple(sorted(wrong_of[key]))) for key, text in others.items()]
