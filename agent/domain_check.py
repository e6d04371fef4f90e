"""What an app's tables, examples and articles mean together: every name that points at nothing, with its line.

Runs no code of the app: the actions it has are read from the syntax tree of its ``actions.py``.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.domain_file import Declaration, as_texts, hint
from agent.text import bare_words
from agent.types import SENTIMENTS
from agent.wordings import PLACEHOLDERS, RESPONSES
from index.documents import Document

# file -> the key beside "text"
DATA_FILES: Mapping[str, str | None] = {
    "examples.jsonl": "intent",
    "sentiment.jsonl": "sentiment",
    "questions.jsonl": "article",
    "out_of_scope.jsonl": None,
}
# file -> what a row may say besides, for the app's own code and for people: no head learns it.
_REMARKS: Mapping[str, tuple[str, ...]] = {"sentiment": ("aspect",)}
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def check_references(found: Declaration) -> None:
    """Note every name in the tables that is not declared, and every table that lacks what its kind needs."""
    app = found.tables.get("app")
    name, page = (app.get("name"), app.get("page")) if isinstance(app, dict) else (None, None)
    if isinstance(name, str) and name != found.folder.resolve().name:
        found.wrong(
            f"'name' is '{name}', but the folder is '{found.folder.resolve().name}'; they must agree.", "app", "name"
        )
    if isinstance(page, str) and not re.fullmatch(r"(/[\w-]+)+", page):
        found.wrong(f"'page' is a path of this service, such as /desk, and not '{page}'.", "app", "page")
    for table in ("intents", "slots", "entities", "forms", "responses"):
        for item in found.named(table):
            if not NAME.fullmatch(item):
                found.wrong(f"'{item}' is no name: use letters, digits and _ , beginning with a letter.", table, item)
    actions = _actions_of(found)
    _check_intents(found, actions)
    _check_slots(found)
    _check_entities(found)
    _check_forms(found, actions)
    _check_responses(found)


def _check_intents(found: Declaration, actions: Sequence[str]) -> None:
    responses = {*found.named("responses"), *RESPONSES}
    for name in found.named("intents"):
        route = found.text("intents", name, "route")
        for key, wanted, known in (
            ("action", "action", actions),
            ("form", "form", list(found.named("forms"))),
            ("response", "reply", sorted(responses)),
        ):
            value = found.text("intents", name, key)
            if value is None:
                if route == wanted:
                    found.wrong(f"intent '{name}' has route '{route}' but no '{key}'.", "intents", name)
            elif value not in known:
                found.unknown(key, value, known, "intents", name, key)
            elif key != "response" and route != wanted:
                found.wrong(
                    f"intent '{name}' names a{'n' * (key == 'action')} {key}, but its route is '{route}'.",
                    "intents",
                    name,
                    key,
                )
        for key in ("slots", "takes"):
            for slot in found.texts("intents", name, key):
                if slot not in found.named("slots"):
                    found.unknown("slot", slot, found.named("slots"), "intents", name, key)


def _check_slots(found: Declaration) -> None:
    asked = {
        slot
        for table, names in (("intents", found.named("intents")), ("forms", found.named("forms")))
        for name in names
        for slot in found.texts(table, name, "slots")
    }
    for name in found.named("slots"):
        entity = found.text("slots", name, "entity")
        if entity is not None and entity not in found.named("entities"):
            found.unknown("entity", entity, found.named("entities"), "slots", name, "entity")
        intent = found.text("slots", name, "intent")
        if intent is not None and intent not in found.named("intents"):
            found.unknown("intent", intent, found.named("intents"), "slots", name, "intent")
        if name in asked and not found.texts("slots", name, "prompt"):
            found.wrong(f"slot '{name}' is asked for, but has no 'prompt'.", "slots", name)


def _check_entities(found: Declaration) -> None:
    for name, table in found.named("entities").items():
        kind = found.text("entities", name, "kind")
        needed = {"pattern": "pattern", "gazetteer": "values"}.get(kind or "")
        if needed and needed not in table:
            found.wrong(f"entity '{name}' of kind '{kind}' has no '{needed}'.", "entities", name)
        for pattern in found.texts("entities", name, "pattern"):
            try:
                re.compile(pattern)
            except re.error as error:
                found.wrong(
                    f"pattern '{pattern}' of entity '{name}' is no regular expression: {error}.",
                    "entities",
                    name,
                    "pattern",
                )
        form = found.text("entities", name, "format")
        if form is not None and "{}" not in form:
            found.wrong(f"'format' of entity '{name}' lacks the place {{}} for the value.", "entities", name, "format")


def _check_forms(found: Declaration, actions: Sequence[str]) -> None:
    for name in found.named("forms"):
        for slot in found.texts("forms", name, "slots"):
            if slot not in found.named("slots"):
                found.unknown("slot", slot, found.named("slots"), "forms", name, "slots")
        for key in ("action", "check"):
            value = found.text("forms", name, key)
            if value is not None and value not in actions:
                found.unknown("action", value, actions, "forms", name, key)


def _check_responses(found: Declaration) -> None:
    used = {found.text("intents", name, "response") for name in found.named("intents")} - {None}
    places = {*PLACEHOLDERS, *found.named("slots")}
    for name, table in found.named("responses").items():
        if name not in used and name not in RESPONSES:
            message = f"response '{name}' is used by nothing. {hint(name, {*RESPONSES, *(u for u in used if u)})}"
            found.wrong(message, "responses", name)
        for mood, wordings in table.items():
            for place in {p for text in as_texts(wordings) for p in _PLACEHOLDER.findall(text)}:
                if place not in places:
                    found.unknown("placeholder", place, places, "responses", name, mood)


def _actions_of(found: Declaration) -> list[str]:
    """The names that ``actions.py`` registers; a file that cannot be parsed is a mistake."""
    path = found.folder / "actions.py"
    if not path.is_file():
        return []
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        found.mistakes.append(f"actions.py:{getattr(error, 'lineno', None) or 1}: cannot be parsed: {error}.")
        return []
    names = []
    for node in ast.walk(tree):
        for call in node.decorator_list if isinstance(node, ast.FunctionDef) else []:
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "action":
                names += [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return names


def check_data(found: Declaration, documents: Iterable[Document]) -> dict[str, str]:
    """Note every malformed line of the data files, every unknown label in them, and intents without examples.

    Returns what the texts to learn from mean: the bare words of each example and question -> its intent.
    """
    intents = list(found.named("intents"))
    articles = {d.id: d.metadata.get("intent") for d in documents}
    meanings: dict[str, str] = {}
    known: dict[str, Sequence[str]] = {"intent": intents, "sentiment": SENTIMENTS, "article": sorted(articles)}
    for prefix in ("", "test/"):
        seen: dict[str, tuple[str, int]] = {}
        for name, key in DATA_FILES.items():
            path = found.folder / prefix / name
            if path.is_file():
                for line, row in _rows(found, path, prefix + name, key):
                    _check_row(found, row, key, known, f"{prefix}{name}:{line}")
                    if key == "intent":
                        _check_twice(found, row, seen, prefix + name, line)
                    intent = row["intent"] if key == "intent" else articles.get(row.get("article", ""))
                    if intent is not None and prefix == "":
                        meanings.setdefault(bare_words(row["text"]), intent)
        if prefix == "":
            having = {intent for intent, _ in seen.values()}
            for intent in intents:
                if intent not in having and not found.named("intents")[intent].get("from_reviews"):
                    found.wrong(
                        f"intent '{intent}' has no example in examples.jsonl; write at least a few.", "intents", intent
                    )
    return meanings


def check_offers(found: Declaration, meanings: Mapping[str, str]) -> None:
    """Note every message that the app offers as a quick reply though nothing says what it means."""
    app = found.tables.get("app")
    examples = as_texts(app.get("examples")) if isinstance(app, dict) else ()
    offers: list[tuple[tuple[str, ...], str]] = [(("app", "examples"), text) for text in examples]
    for name in found.named("intents"):
        offers += [(("intents", name, "follow_ups"), text) for text in found.texts("intents", name, "follow_ups")]
    for place, text in offers:
        if bare_words(text) not in meanings:
            found.wrong(
                f"'{text}' is offered to be sent, but what it means stands nowhere; add it to examples.jsonl with its "
                "intent.",
                *place,
            )


def _rows(found: Declaration, path: Path, name: str, key: str | None) -> Iterable[tuple[int, dict[str, Any]]]:
    """The usable rows with their lines, from 1; the others are noted."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        found.mistakes.append(f"{name}:1: is not UTF-8: {error.reason}.")
        return
    # Not splitlines(): it also breaks at characters such as U+2028 that may stand within a JSON string.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            found.mistakes.append(f"{name}:{number}: is not valid JSON: {error.msg} (column {error.colno}).")
            continue
        needed = ["text", key] if key else ["text"]
        if not isinstance(row, dict):
            found.mistakes.append(f'{name}:{number}: must be an object such as {{"{needed[0]}": "..."}}.')
            continue
        bad = [k for k in needed if not isinstance(row.get(k), str) or not row[k].strip()]
        if bad:
            found.mistakes.append(
                f"{name}:{number}: needs the text{'s' * (len(bad) > 1)} {' and '.join(map(repr, bad))}."
            )
            continue
        yield number, row


def _check_row(
    found: Declaration, row: Mapping[str, Any], key: str | None, known: Mapping[str, Sequence[str]], where: str
) -> None:
    allowed = ["text", *([key, *_REMARKS.get(key, ())] if key else ())]
    for name in row:
        if name not in allowed:
            found.mistakes.append(f"{where}: unknown key '{name}'. {hint(name, allowed)}")
    if key and row[key] not in known[key]:
        found.mistakes.append(f"{where}: unknown {key} '{row[key]}'. {hint(row[key], known[key])}")


def _check_twice(
    found: Declaration, row: Mapping[str, Any], seen: dict[str, tuple[str, int]], name: str, line: int
) -> None:
    text = " ".join(row["text"].casefold().split())
    intent, first = seen.setdefault(text, (row["intent"], line))
    if intent != row["intent"]:
        found.mistakes.append(
            f"{name}:{line}: '{row['text'][:60]}' is '{row['intent']}' here, but '{intent}' in line {first}."
        )


def check_articles(found: Declaration, documents: Iterable[Document]) -> None:
    """Note every article whose front matter names an intent that there is not."""
    intents = found.named("intents")
    for document in documents:
        intent = document.metadata.get("intent")
        if intent is not None and intent not in intents:
            name = f"knowledge/{document.source}"
            line = _line_of(found.folder / name, re.compile(r"\s*[\"']?intent[\"']?\s*:"))
            found.mistakes.append(f"{name}:{line}: unknown intent '{intent}'. {hint(intent, intents)}")


def _line_of(path: Path, pattern: re.Pattern[str]) -> int:
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((n for n, line in enumerate(lines, 1) if pattern.match(line)), 1)
