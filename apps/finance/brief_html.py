"""A brief as one HTML file that needs nothing beside it: two printed pages, light or dark on a screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from .brief import Brief, Row
from .brief_words import HEADER, cells, events, evidence, figures, link_of, provenance, title
from .charts import NOTE

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --muted: #5d6878; --line: #d5dae1; --accent: #2563c9; --warn: #c2410c;
  --ground: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --muted: #9aa5b5; --line: #38424f; --accent: #6ea0f2;
  --warn: #f08a54; --ground: #14181d; } }
body { margin: 0 auto; max-width: 50rem; padding: 1.5rem; color: var(--ink); background: var(--ground);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 1.5rem 0 .4rem; }
p { margin: .3rem 0; } .muted, footer { color: var(--muted); } footer { margin-top: 1.5rem; font-size: .85rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .2rem .5rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; padding-left: 0; } th { color: var(--muted); font-weight: 500; }
tr.clear td { font-weight: 600; } svg { width: 100%; height: auto; } a { color: var(--accent); }
ul { padding-left: 1.2rem; } li { margin: .25rem 0; overflow-wrap: anywhere; }
.table { overflow-x: auto; }
@page { size: A4; margin: 14mm; }
@media print { :root { color-scheme: light; } body { padding: 0; font-size: 11px; line-height: 1.35; }
  h2 { margin-top: .8rem; } svg { max-height: 88mm; } .second { break-before: page; } footer { margin-top: .6rem; } }
"""
_CLEAR = ' class="clear"'


def to_html(brief: Brief) -> str:
    """The whole document. What comes from items is text in it, and links lead to web addresses alone."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title(brief))}</title><style>{_STYLE}</style></head><body>",
        f"<header><h1>{escape(title(brief))}</h1></header><main><section>",
        _list(map(escape, brief.summary)),
        "<h2>Index and movers</h2>",
        _table(brief.rows),
        f'<p class="muted">{escape(figures(brief))}</p>',
        brief.moves.svg if brief.moves else "",
        '</section><section class="second"><h2>The last weeks</h2>',
        brief.weeks.svg,
        "<h2>Shifts and alerts</h2>",
        _list(map(escape, events(brief))),
        "<h2>Headlines</h2>",
        _list(_headlines(brief)),
        f"</section></main><footer><p>{escape(provenance(brief))}</p><p>{NOTE}</p></footer></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _table(rows: Sequence[Row]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in HEADER)
    body = "".join(
        f"<tr{_CLEAR if row.move and row.move.clear else ''}>"
        f"{''.join(f'<td>{escape(cell)}</td>' for cell in cells(row))}</tr>"
        for row in rows
    )
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _headlines(brief: Brief) -> Iterable[str]:
    for headline in brief.headlines:
        text = escape(headline.text)
        if link := link_of(headline):
            text = f'<a href="{escape(link)}" rel="noreferrer">{text}</a>'
        yield f'{text}<br><span class="muted">{escape(evidence(headline))}</span>'


def _list(entries: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{entry}</li>' for entry in entries)}</ul>"
