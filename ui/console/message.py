"""A conversation's message as the console's tabs get it: clean HTML where the bot wrote it, text where people did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ui.markup import to_html


def shown_message(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of ``Store.messages`` as the page shows it: the bot's Markdown as clean HTML, what people wrote as text."""
    by_bot = row["role"] == "bot" and not row["author"]
    return {
        "number": row["number"],
        "by": row["author"] or row["role"],
        "kind": "person" if row["author"] else row["role"],
        "text": None if by_bot else row["text"],
        "html": to_html(row["text"]) if by_bot else None,
        "sources": [shown["title"] for shown in (*row["citations"], *row["figures"])],
        "created_at": row["created_at"],
        "judged": row["judged"],
    }
