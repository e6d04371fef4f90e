"""Markdown with front matter. The text is the source itself, so links and tables stay as written."""

from __future__ import annotations

from datetime import date

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from index.reading import Parts, UnreadableError, clean, decode, trimmed, without_title
from index.types import Section


def read_markdown(data: bytes) -> list[Parts]:
    """One document. Raises UnreadableError for bytes that are not UTF-8 and for broken front matter."""
    metadata, body = split_front_matter(decode(data))
    starts = [0]
    for line in body.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    # (offset of the heading's line, offset behind it, level, text); headings in quotes and lists are content.
    headings = [
        (starts[token.map[0]], starts[token.map[1]], int(token.tag[1]), _label(tokens[place + 1]))
        for place, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0 and token.map is not None
    ]
    first = next((text for _, _, level, text in headings if level == 1), "")
    title = metadata.get("title", "") or first
    sections: list[Section] = []
    stack: list[tuple[int, str]] = []
    begin = 0
    for start, behind, level, text in [*headings, (len(body), len(body), 1, "")]:
        span = trimmed(body, begin, start)
        if span[0] < span[1]:
            sections.append(Section(without_title([label for _, label in stack], title), None, *span))
        stack = [(depth, label) for depth, label in stack if depth < level] + [(level, text)]
        begin = min(behind, len(body))
    return [Parts(body, sections, title, metadata)]


def split_front_matter(text: str) -> tuple[dict[str, str], str]:
    """Front matter (YAML between two lines ``---``) as strings, and the text behind it.

    Lists are joined by ", " and empty values left out. Raises UnreadableError if it is no flat mapping.
    """
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return {}, text.lstrip("\n")
    end = next((place for place, line in enumerate(lines[1:], start=1) if line.rstrip() in ("---", "...")), None)
    if end is None:  # a rule, not front matter
        return {}, text
    try:
        loaded = yaml.safe_load("\n".join(lines[1:end]))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 2}" if where is not None else ""
        raise UnreadableError(f"has broken front matter{line}: {getattr(error, 'problem', None) or error}") from error
    if not isinstance(loaded, dict | None):
        raise UnreadableError("has front matter that is no mapping; write lines such as `title: ...`")
    metadata = {str(key): _plain(key, value) for key, value in (loaded or {}).items() if value is not None}
    return metadata, "\n".join(lines[end + 1 :]).lstrip("\n")


def _plain(key: object, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float | date):
        return clean(str(value)).strip()
    if isinstance(value, list) and all(isinstance(part, str | int | float) for part in value):
        return clean(", ".join(str(part) for part in value))
    raise UnreadableError(f"has front matter with nested values under '{key}'; give one value or a list of words")


def _label(inline: Token) -> str:
    kept = [child.content for child in inline.children or () if child.type in ("text", "code_inline")]
    return " ".join("".join(kept).split())
