"""Files of scripted conversations: YAML with a strict schema, every mistake with its line.

    today: 2026-11-24
    conversations:
      - name: a parcel
        turns:
          - say: where is my parcel
            route: action
            intent: track_order
            asks: order_number

See ``scripts.ScriptTurn`` for the keys of a turn. YAML's safe loader alone reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import get_args

import yaml

from agent.dialogue.scripts import CONFIRMATION, NOTHING, Script, ScriptTurn
from agent.domain import Domain
from agent.domain_file import hint
from agent.errors import DomainError
from agent.types import RouteKind

_TURN_KEYS = ("say", "route", "intent", "wishes", "slots", "article", "asks", "text")


def load_scripts(folder: Path, domain: Domain) -> list[Script]:
    """The conversations of all ``*.yml`` files in the folder, by file name.

    Raises DomainError, with file and line of every mistake, for what is no YAML, for unknown keys, and for intents,
    slots and articles that the domain does not have; and if there is no conversation.
    """
    reader = _Reader(domain)
    scripts = [script for path in sorted(folder.glob("*.yml")) for script in reader.file(path)]
    if not scripts and not reader.mistakes:
        reader.mistakes.append(f"{folder}: there is no conversation here; write one into a file that ends in .yml.")
    if reader.mistakes:
        raise DomainError(domain.name, reader.mistakes)
    return scripts


class _Reader:
    """Reads files and collects their mistakes. YAML's safe loader makes the values; its nodes know their lines."""

    def __init__(self, domain: Domain) -> None:
        self._known: Mapping[str, Iterable[str]] = {
            "route": get_args(RouteKind),
            "intent": domain.intents,
            "article": domain.articles,
            "slot": domain.slots,
            "asks": (*domain.slots, NOTHING, CONFIRMATION),
        }
        self.mistakes: list[str] = []

    def file(self, path: Path) -> Iterator[Script]:
        """The conversations of one file; those with mistakes are left out."""
        self._name = f"{path.parent.name}/{path.name}"
        try:
            root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except UnicodeDecodeError as error:
            self.mistakes.append(f"{self._name}:1: is not UTF-8: {error.reason}.")
            return
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            self.mistakes.append(f"{self._name}:{line}: is not valid YAML: {error.problem}.")
            return
        if root is None:
            self._wrong(None, "is empty; write 'today' and 'conversations'.")
            return
        before = len(self.mistakes)
        table = self._table(root, ("today", "conversations"), ("today", "conversations"))
        today = self._date(table.get("today"))
        for node in self._list(table.get("conversations"), "conversations"):
            found = self._table(node, ("name", "turns"), ("name", "turns"))
            name = self._text(found.get("name"))
            turns = [self._turn(n, turn) for n, turn in enumerate(self._list(found.get("turns"), "turns"), 1)]
            if len(self.mistakes) == before and today is not None:
                yield Script(self._name, node.start_mark.line + 1, name, today, tuple(turns))

    def _turn(self, number: int, node: yaml.Node) -> ScriptTurn:
        found = self._table(node, _TURN_KEYS, ("say", "route"))
        slots = self._table(found["slots"], self._known["slot"], ()) if "slots" in found else {}
        wishes = self._list(found["wishes"], "wishes") if "wishes" in found else []
        return ScriptTurn(
            number,
            self._text(found.get("say")),
            self._one_of(found.get("route"), "route") or "",
            self._one_of(found.get("intent"), "intent"),
            tuple(self._one_of(wish, "intent") or "" for wish in wishes),
            {slot: self._text(value) for slot, value in slots.items()},
            self._one_of(found.get("article"), "article"),
            self._one_of(found.get("asks"), "asks"),
            self._text(found["text"]) if "text" in found else None,
        )

    def _wrong(self, node: yaml.Node | None, what: str) -> None:
        self.mistakes.append(f"{self._name}:{node.start_mark.line + 1 if node else 1}: {what}")

    def _table(self, node: yaml.Node, known: Iterable[str], required: Iterable[str]) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, f"must be a table with the keys {', '.join(known)}.")
            return {}
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if key.value not in known:
                self._wrong(key, f"unknown key '{key.value}'. {hint(str(key.value), known)}")
            elif key.value in found:
                self._wrong(key, f"the key '{key.value}' stands here twice.")
            else:
                found[key.value] = value
        for name in required:
            if name not in found:
                self._wrong(node, f"'{name}' is missing.")
        return found

    def _list(self, node: yaml.Node | None, name: str) -> list[yaml.Node]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self._wrong(node, f"'{name}' must be a list, not empty.")
            return []
        return list(node.value)

    def _text(self, node: yaml.Node | None) -> str:
        """A scalar as it is written: an order number needs no quotes."""
        if node is None:
            return ""
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            self._wrong(node, "must be a text.")
            return ""
        return str(node.value)

    def _one_of(self, node: yaml.Node | None, kind: str) -> str | None:
        text = self._text(node)
        if text and text not in self._known[kind]:
            self._wrong(node, f"unknown {kind} '{text}'. {hint(text, self._known[kind])}")
        return text or None

    def _date(self, node: yaml.Node | None) -> date | None:
        text = self._text(node)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            self._wrong(node, f"'today' must be a day such as 2026-11-24, not '{text}'.")
            return None
