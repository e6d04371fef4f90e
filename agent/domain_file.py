"""An app's ``domain.toml`` as text: which line a key stands on, and whether keys and types are right.

Knows the file's schema but nothing of what the tables mean together (see ``agent.domain_check``).
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE_NAME = "domain.toml"
KeyPath = tuple[str, ...]

# One piece of TOML: strings (which may hold brackets and line ends), comments, brackets, line ends, the rest.
_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}\n]|[^\[\]{}\n"\'#]+|.',
    re.DOTALL,
)
_HEADER = re.compile(r"[ \t]*\[\[?([^\]\n]+)\]\]?[ \t]*(?:#[^\n]*)?(?=\n|$)")
_KEY = re.compile(r"""[ \t]*((?:[\w-]+|"[^"\n]*"|'[^'\n]*')(?:[ \t]*\.[ \t]*(?:[\w-]+|"[^"\n]*"|'[^'\n]*'))*)[ \t]*=""")
_PART = re.compile(r"""[\w-]+|"([^"]*)"|'([^']*)'""")


@dataclass(frozen=True)
class Key:
    """What a key of a table takes."""

    kind: str
    """text, texts (a list, or one text), number, count, flag, map (name -> list of texts)."""
    required: bool = False
    choices: tuple[str, ...] = ()


ROUTES = ("answer", "action", "form", "handoff", "reply")
ENTITY_KINDS = ("pattern", "gazetteer", "date", "text")
_WORDINGS = {"neutral": Key("texts", required=True), "negative": Key("texts"), "positive": Key("texts")}

TABLES: Mapping[str, Mapping[str, Key]] = {
    "app": {
        "name": Key("text", required=True),
        "title": Key("text", required=True),
        "description": Key("text", required=True),
        "greeting": Key("text", required=True),
        "disclosure": Key("text", required=True),
        "examples": Key("texts", required=True),
        "colour": Key("text"),
        "page": Key("text"),
        "locale": Key("text"),
        "contact": Key("text"),
        "place": Key("count"),
        "moods": Key("flag"),
    },
    "thresholds": {
        "confidence": Key("number"),
        "margin": Key("number"),
        "knowledge": Key("number"),
        "unknown_share": Key("number"),
    },
    "handoff": {"anger_turns": Key("count"), "failures": Key("count"), "message": Key("text")},
    "words": {"yes": Key("texts"), "no": Key("texts"), "cancel": Key("texts")},
}
NAMED: Mapping[str, Mapping[str, Key]] = {
    "intents": {
        "title": Key("text", required=True),
        "route": Key("text", required=True, choices=ROUTES),
        "action": Key("text"),
        "form": Key("text"),
        "slots": Key("texts"),
        "takes": Key("texts"),
        "response": Key("text"),
        "explain": Key("flag"),
        "follow_ups": Key("texts"),
        "from_reviews": Key("flag"),
    },
    "slots": {
        "entity": Key("text", required=True),
        "prompt": Key("texts"),
        "title": Key("text"),
        "options": Key("texts"),
        "intent": Key("text"),
        "remember": Key("flag"),
    },
    "entities": {
        "kind": Key("text", required=True, choices=ENTITY_KINDS),
        "pattern": Key("texts"),
        "format": Key("text"),
        "values": Key("map"),
        "threshold": Key("number"),
        "open": Key("flag"),
    },
    "forms": {
        "title": Key("text", required=True),
        "slots": Key("texts", required=True),
        "action": Key("text", required=True),
        "check": Key("text"),
        "confirm": Key("flag"),
    },
    "responses": _WORDINGS,
}


@dataclass
class Declaration:
    """The parsed file, the lines of its keys, and the mistakes found so far (``file:line: what``)."""

    folder: Path
    tables: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)

    def line(self, *path: str) -> int:
        """The line of the key, or of the nearest table around it; 1 if the file does not name any of it."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 1

    def wrong(self, message: str, *path: str) -> None:
        """Note a mistake at the key ``path``."""
        self.mistakes.append(f"{FILE_NAME}:{self.line(*path)}: {message}")

    def unknown(self, what: str, name: str, known: Iterable[str], *path: str) -> None:
        """Note that ``name`` is no known ``what``, with the nearest of the known."""
        self.wrong(f"unknown {what} '{name}'. {hint(name, known)}", *path)

    def named(self, table: str) -> dict[str, dict[str, Any]]:
        """The tables ``[table.NAME]`` that are tables indeed."""
        found = self.tables.get(table, {})
        return {k: v for k, v in found.items() if isinstance(v, dict)} if isinstance(found, dict) else {}

    def text(self, table: str, name: str, key: str) -> str | None:
        """A text of a named table, None if it is absent (or of another type, which is a mistake noted elsewhere)."""
        value = self.named(table).get(name, {}).get(key)
        return value if isinstance(value, str) else None

    def texts(self, table: str, name: str, key: str) -> tuple[str, ...]:
        """A list of texts of a named table, or a single text as a list of one."""
        return as_texts(self.named(table).get(name, {}).get(key))


def as_texts(value: object) -> tuple[str, ...]:
    """A list of texts, or one text, as a tuple; what is no text is left out."""
    if isinstance(value, str):
        return (value,)
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()


def hint(name: str, known: Iterable[str]) -> str:
    """ "Did you mean ...?", or all that there is."""
    options = sorted(known)
    near = difflib.get_close_matches(name, options, n=1)
    return f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(options) or 'none'}."


def read(folder: Path) -> Declaration:
    """Read ``folder/domain.toml`` and check keys and types; never raises, all mistakes are in the result."""
    found = Declaration(folder)
    try:
        text = (folder / FILE_NAME).read_text(encoding="utf-8")
        found.tables = tomllib.loads(text)
    except OSError as error:
        found.mistakes.append(f"{FILE_NAME}:1: cannot be read: {error.strerror}.")
    except UnicodeDecodeError as error:
        found.mistakes.append(f"{FILE_NAME}:1: is not UTF-8: {error.reason}.")
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        line = at[1] if at else str(text.count("\n") + 1)
        found.mistakes.append(f"{FILE_NAME}:{line}: is not valid TOML: {error}.")
    else:
        found.lines = key_lines(text)
        _check_tables(found)
    return found


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line, from 1, on which each table and key of a valid TOML text stands; inline tables are not entered."""
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    place, line = 0, 1
    while place < len(text):
        header, key = _HEADER.match(text, place), _KEY.match(text, place)
        if header:
            table = _parts(header[1])
            _note(lines, (), table, line)
        elif key:
            _note(lines, table, _parts(key[1]), line)
        start = place
        place = _statement_end(text, header.end() if header else key.end() if key else place)
        line += text.count("\n", start, place)
    return lines


def _parts(key: str) -> KeyPath:
    return tuple(m[1] if m[1] is not None else m[2] if m[2] is not None else m[0] for m in _PART.finditer(key))


def _note(lines: dict[KeyPath, int], table: KeyPath, parts: Sequence[str], line: int) -> None:
    for end in range(1, len(parts) + 1):
        lines.setdefault((*table, *parts[:end]), line)


def _statement_end(text: str, place: int) -> int:
    """The place behind the line end that closes the statement; brackets and long strings run over line ends."""
    depth = 0
    for piece in _PIECE.finditer(text, place):
        if piece[0] in "[{":
            depth += 1
        elif piece[0] in "]}":
            depth -= 1
        elif piece[0] == "\n" and depth <= 0:
            return piece.end()
    return len(text)


def _check_tables(found: Declaration) -> None:
    known = [*TABLES, *NAMED]
    for name, value in found.tables.items():
        if name not in known:
            found.unknown("table", name, known, name)
        elif not isinstance(value, dict):
            found.wrong(f"'{name}' must be a table: write [{name}].", name)
        elif name in TABLES:
            _check_keys(found, value, TABLES[name], name)
        else:
            for item, table in value.items():
                if isinstance(table, dict):
                    _check_keys(found, table, NAMED[name], name, item)
                else:
                    found.wrong(f"'{name}.{item}' must be a table: write [{name}.{item}].", name, item)
    for name in ("app", "intents"):
        if name not in found.tables:
            found.wrong(f"the table [{name}] is missing.")


def _check_keys(found: Declaration, table: Mapping[str, Any], keys: Mapping[str, Key], *path: str) -> None:
    where = f"[{'.'.join(path)}]"
    for name, value in table.items():
        if name not in keys:
            found.unknown(f"key in {where}", name, keys, *path, name)
            continue
        key = keys[name]
        wanted = _mismatch(value, key.kind)
        if wanted:
            found.wrong(f"'{name}' in {where} must be {wanted}.", *path, name)
        elif key.choices and value not in key.choices:
            found.unknown(f"{name} in {where}", value, key.choices, *path, name)
    for name, key in keys.items():
        if key.required and name not in table:
            found.wrong(f"'{name}' is missing in {where}.", *path)


def _mismatch(value: object, kind: str) -> str:
    """What the value should have been; empty if it is."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    texts = isinstance(value, list) and len(value) > 0 and all(isinstance(v, str) and v.strip() for v in value)
    one = isinstance(value, str) and value.strip() != ""
    fits, wanted = {
        "text": (one, "a text"),
        "texts": (one or texts, "a list of texts, not empty"),
        "number": (number and 0 <= float(str(value)) <= 1 if number else False, "a number from 0 to 1"),
        "count": (number and isinstance(value, int) and value > 0, "a whole number above 0"),
        "flag": (isinstance(value, bool), "true or false"),
        "map": (
            isinstance(value, dict)
            and len(value) > 0
            and all(isinstance(v, list) and all(isinstance(s, str) for s in v) for v in value.values()),
            "a table of lists of texts",
        ),
    }[kind]
    return "" if fits else wanted
