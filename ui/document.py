"""The HTML document of the pages that are our own throughout: the console's and those that apps bring."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parent / "assets"
_SHARED_STYLES = ("/ui/frame.css", "/ui/console.css")
_SHARED_SCRIPTS = ("/ui/choice.js", "/ui/console.js")


def document(
    title: str,
    body: str,
    facts: Mapping[str, Any],
    *,
    styles: Sequence[str],
    scripts: Sequence[str],
    words: Mapping[str, str],
    theme: str,
    version: str,
    app: str = "",
) -> str:
    """A whole document around ``body``, with the shared styles and scripts and the page's own ones by their addresses.

    ``facts`` go to the scripts as JSON; ``words`` name the language (``tag``) and say ``no_script``; ``theme`` is one
    of THEMES; ``version`` changes with styles and scripts, so that no browser shows an old one; ``app`` is whose
    colours the page has.
    """
    shade = "" if theme == "auto" else f' data-theme="{theme}"'
    colours = f' data-app="{escape(app)}"' if app else ""
    links = "".join(f'<link rel="stylesheet" href="{name}?v={version}">' for name in (*_SHARED_STYLES, *styles))
    loads = "".join(f'<script src="{name}?v={version}" defer></script>' for name in (*_SHARED_SCRIPTS, *scripts))
    return (
        f'<!doctype html><html lang="{words["tag"]}"{shade}{colours} data-console><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="icon" href="/ui/icon.svg" type="image/svg+xml">{links}{loads}</head>'
        f'<body data-facts="{escape(json.dumps(facts, ensure_ascii=False))}"><div id="shell">{body}</div>'
        f'<noscript><p id="no-script">{escape(words["no_script"])}</p></noscript></body></html>'
    )


def version_of(*parts: str, folders: Iterable[Path] = (ASSETS,)) -> str:
    """Twelve characters that change with any of the texts ``parts`` and with any file in ``folders``."""
    files = b"".join(file.read_bytes() for folder in folders for file in sorted(folder.iterdir()))
    return hashlib.sha256("".join(parts).encode() + files).hexdigest()[:12]
