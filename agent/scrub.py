"""Texts that are to be erased, in the files beside the database: model versions, reports, exported reviews.

It knows nothing of whose texts they are. A text counts as the same in whatever case and with whatever spaces.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from agent.model.storage import read_manifest, replace_file, rewrite

ERASED = "[erased]"
SHORTEST = 12
"""Characters. A shorter text is erased where it is the whole of a text field; within other text it could be anybody's
word, or a name of ours."""
MANIFEST = "manifest.json"
_FIELDS = frozenset({"text", "texts"})
_SUFFIXES = frozenset({".json", ".jsonl", ".html", ".csv", ".yml", ".yaml", ".txt", ".md"})
# The knowledge index and catalogues hold the operator's texts alone; backups are databases (see ``agent.privacy``).
_OTHERS = frozenset({"index", "catalogues", "backups"})


class Texts:
    """What is to be erased."""

    def __init__(self, texts: Iterable[str]) -> None:
        kept = {text.strip() for text in texts} - {"", ERASED}
        self._whole = {_normal(text) for text in kept}
        long = {" ".join(text.split()) for text in kept if len(text) >= SHORTEST}
        forms = {form for text in long for form in _forms(text)}
        self._within = sorted(forms, key=len, reverse=True)

    def __bool__(self) -> bool:
        return bool(self._whole)

    def without(self, content: str, suffix: str) -> str:
        """A file's content with ERASED in the place of the texts. What is no JSON in spite of its name is read as plain
        text."""
        if suffix == ".jsonl":
            content = "\n".join(self._json(line, None) for line in content.split("\n"))
        elif suffix == ".json":
            content = self._json(content, 1)
        folded = content.casefold()
        for form in self._within:
            if form.casefold() in folded:
                content = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", ERASED, content, flags=re.IGNORECASE)
        return content

    def _json(self, content: str, indent: int | None) -> str:
        try:
            value = json.loads(content)
        except json.JSONDecodeError:
            return content
        cleaned = self._value(value, in_field=False)
        return content if cleaned == value else json.dumps(cleaned, indent=indent, ensure_ascii=False)

    def _value(self, value: Any, in_field: bool) -> Any:
        """JSON with the texts erased where they are the whole of a text field."""
        if isinstance(value, dict):
            return {key: self._value(inner, key in _FIELDS) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner, in_field) for inner in value]
        return ERASED if in_field and isinstance(value, str) and _normal(value) in self._whole else value


def scrub(data: Path, texts: Texts) -> list[str]:
    """Erase the texts from the files of a data folder; names of those that held any, relative to it.

    Every file is written anew whole, and a model version stays whole (``agent.model.storage.rewrite``). A kill leaves
    some files done and others not; the same call goes on.
    """
    changed = []
    for folder, folders, names in os.walk(data):
        if Path(folder) == data:
            folders[:] = [name for name in folders if name not in _OTHERS]
        for name in sorted(names):
            path = Path(folder) / name
            if path.suffix in _SUFFIXES and not path.is_symlink() and _scrub_file(path, texts):
                changed.append(str(path.relative_to(data)))
    return sorted(changed)


def _scrub_file(path: Path, texts: Texts) -> bool:
    try:
        before = path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:  # whoever wrote it has taken it away since
        return False
    after = texts.without(before, path.suffix)
    if after == before:
        return False
    content = after.encode("utf-8", "surrogateescape")
    if _is_of_a_version(path):
        rewrite(path.parent, path.name, content)
    else:
        replace_file(path, content)
    return True


def _is_of_a_version(path: Path) -> bool:
    """Whether a model version's manifest names the file's checksum."""
    named = (path.parent / MANIFEST).is_file() and path.name != MANIFEST
    return named and path.name in read_manifest(path.parent).get("sha256", {})


def _forms(text: str) -> set[str]:
    """A text as it stands in a plain file, in a page, and in JSON."""
    return {text, html.escape(text), json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}


def _normal(text: str) -> str:
    return " ".join(text.split()).casefold()
