"""The charts below a reply's text: an image and its links, which ``assets/figures.js`` turns into a drawing to read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from agent.types import Figure
from ui.words import Words

# A path of this server and nothing else: no other host, no step upwards, no fragment.
_OWN = re.compile(r"/v1(?:/[\w-][\w.-]*)+", re.ASCII)


def figures(shown: Sequence[Figure], locale: str, words: Words) -> str:
    """The charts' HTML; one whose addresses are not of this server's API is left out. ``locale`` is escaped already."""
    return "".join(_figure(figure, locale, words) for figure in shown if _is_own(figure))


def _is_own(figure: Figure) -> bool:
    return all(_OWN.fullmatch(path) for path in (figure.svg, figure.png, figure.table))


def _figure(figure: Figure, locale: str, words: Words) -> str:
    title = escape(figure.title)
    note = f'<p class="note" lang="{locale}">{escape(figure.note)}</p>' if figure.note else ""
    return (
        f'<figure class="chart"><figcaption lang="{locale}">{title}</figcaption>'
        f'<div class="drawing" data-svg="{escape(figure.svg)}" data-label="{escape(words["figure"])}">'
        f'<img src="{escape(figure.png)}" alt="{title}" loading="lazy"></div>'
        f'<p class="point" aria-live="polite"></p>{note}<p class="links">'
        f'<a href="{escape(figure.png)}" target="_blank" rel="noopener">{escape(words["figure_png"])}</a>'
        f'<a href="{escape(figure.table)}" download>{escape(words["figure_csv"])}</a></p></figure>'
    )
