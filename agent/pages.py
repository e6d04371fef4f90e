"""The two plain pages: a passage in its document, and the API's description. No script on either.

Documents are written by others, so their HTML is cleaned: no script, no image, no link but http, https, mailto.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import nh3
from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from index.documents import Passage

# Two rare brackets mark the sentence on its way through Markdown: being punctuation, they disturb no emphasis.
_OPEN, _CLOSE = "\u2e28", "\u2e29"
_UNMARKED = str.maketrans({_OPEN: "(", _CLOSE: ")"})
_MARKDOWN_SOURCES = (".md", ".markdown")
_TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code"),
    *("em", "strong", "del", "a", "table", "thead", "tbody", "tr", "th", "td"),
}
_BLOCK_START = re.compile(r"[ \t]*(?:[-*+]|\d+[.)]|#{1,6}|>)[ \t]+")

_FIELDS = "<tr><th>field<th>type<th>what</tr>"
_STYLE = """
:root { color-scheme: light dark; --soft: light-dark(#59616e, #a5aebb); --line: light-dark(#e2e5ea, #31363f);
  --sunken: light-dark(#f4f5f7, #1e2127); }
body { margin: 0; background: light-dark(#fff, #14161a); color: light-dark(#1b1f24, #e8eaed);
  font: 1.0313rem/1.65 ui-sans-serif, system-ui, sans-serif; }
main { max-width: 42rem; margin: 0 auto; padding: clamp(1.5rem, 6vw, 4rem) 1.25rem 6rem; overflow-wrap: anywhere; }
h1, h2, h3 { line-height: 1.25; letter-spacing: -.015em; } h1 { font-size: 1.75rem; margin: 0 0 1.5rem; }
h2 { font-size: 1.25rem; margin: 2rem 0 .5rem; }
a { color: light-dark(#1d4ed8, #8ab4f8); text-underline-offset: .2em; }
.passage { margin: 1.5rem -1.25rem; padding: .25rem 1.25rem; border-left: .25rem solid light-dark(#3b82f6, #8ab4f8);
  border-radius: .25rem; background: var(--sunken); outline: none; }
.plain { white-space: pre-line; }
.about { margin: 0 0 .75rem; color: var(--soft); font-size: .875rem; }
mark { padding: .1em .15em; border-radius: .2em; background: light-dark(#ffeaae, #574512);
  color: light-dark(#3a2c00, #fff3cf); scroll-margin: 33vh; }
code { font: .875em ui-monospace, "Cascadia Code", Menlo, Consolas, monospace; }
pre { padding: .875rem 1rem; border-radius: .625rem; background: var(--sunken); white-space: pre-wrap;
  line-height: 1.5; }
table { width: 100%; border-collapse: collapse; font-size: .9375rem; }
td, th { padding: .4375rem .5rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
blockquote { margin: 1rem 0; padding-left: 1rem; border-left: .1875rem solid var(--line); color: var(--soft); }
section.call { margin-top: 2.5rem; padding-top: .5rem; border-top: 1px solid var(--line); }
"""


def parse_span(text: str | None, length: int) -> tuple[int, int] | None:
    """``"12-40"`` as a span of a passage of ``length`` characters; None if it is no such span."""
    found = re.fullmatch(r"([0-9]{1,7})-([0-9]{1,7})", text or "")
    if found is None:
        return None
    start, end = int(found[1]), int(found[2])
    return (start, end) if start < end <= length else None


def knowledge_page(passage: Passage, document: str, span: tuple[int, int] | None, locale: str) -> str:
    """The document with the passage set off and the characters ``span`` of the passage highlighted.

    The address's fragment ``#sentence`` leads to the highlight; ``locale`` is the document's language tag.
    """
    before, after = "", ""
    if document[passage.start : passage.end] == passage.text:
        before, after = document[: passage.start], document[passage.end :]
    marked = passage.text.translate(_UNMARKED)
    if span is not None:
        marked = _with_marks(marked, *span)
    render = _markdown if passage.source.lower().endswith(_MARKDOWN_SOURCES) else _plain
    where = " \u203a ".join(passage.heading_path)
    page = f", page {passage.page}" if passage.page is not None else ""
    about = escape(" \u00b7 ".join(part for part in (where, passage.source + page) if part))
    # Where the address names no sentence, autofocus brings the passage into view without a script.
    article = (
        f"{render(before.translate(_UNMARKED))}"
        f"<section id='passage' class='passage' tabindex='-1' autofocus>{_highlighted(render(marked))}</section>"
        f"{render(after.translate(_UNMARKED))}"
    )
    heading = "" if "<h1>" in article else f"<h1>{escape(passage.title)}</h1>"
    body = f"<p class='about'>{about}</p>{heading}<article>{article}</article>"
    return _page(passage.title, body, locale)


def _with_marks(text: str, start: int, end: int) -> str:
    """The marks around ``start:end``, moved off what would stop being Markdown behind a mark."""
    block = _BLOCK_START.match(text, start) if start == 0 or text[start - 1] == "\n" else None
    if block is not None and block.end() < end:
        start = block.end()
    while start > 0 and text[start - 1] in "*_`":
        start -= 1
    while end < len(text) and text[end] in "*_`":
        end += 1
    return f"{text[:start]}{_OPEN}{text[start:end]}{_CLOSE}{text[end:]}"


def _markdown(text: str) -> str:
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


def _plain(text: str) -> str:
    return f"<div class='plain'>{escape(text.strip())}</div>" if text.strip() else ""


def _highlighted(html: str) -> str:
    """Every piece of text between the marks in a <mark> of its own, so that tags stay nested; the first has the id."""
    parts, inside, name = [], False, " id='sentence'"
    for piece in re.split(r"(<[^>]*>|[\u2e28\u2e29])", html):
        if piece in (_OPEN, _CLOSE):
            inside = piece == _OPEN
        elif inside and piece.strip() and not piece.startswith("<"):
            parts.append(f"<mark{name}>{piece}</mark>")
            name = ""
        else:
            # A mark that fell into a link's address was percent-encoded there.
            parts.append(re.sub("%E2%B8%A[89]", "", piece))
    return "".join(parts)


def docs_page(openapi: Mapping[str, Any], base: str) -> str:
    """The OpenAPI document as a page: every call with its fields, an example under ``base``, and its answers."""
    schemas = openapi.get("components", {}).get("schemas", {})
    calls = [
        _call(method, path, call, schemas, base)
        for path, methods in openapi["paths"].items()
        for method, call in methods.items()
    ]
    about = openapi["info"]
    body = (
        f"<h1>{escape(about['title'])} API</h1><p>{escape(about.get('summary', ''))} Version "
        f"{escape(about['version'])}; for programs: <a href='/openapi.json'>openapi.json</a>.</p>"
        "<p>Errors are <code>{&quot;error&quot;: {&quot;code&quot;, &quot;message&quot;, &quot;remedy&quot;}}</code>."
        f"</p>{''.join(calls)}"
    )
    return _page("API", body)


def _call(method: str, path: str, call: Mapping[str, Any], schemas: Mapping[str, Any], base: str) -> str:
    parts = [
        f"<section class='call'><h2><code>{method.upper()} {escape(path)}</code></h2>",
        f"<p><strong>{escape(call.get('summary', ''))}.</strong></p>{_markdown(call.get('description', ''))}",
    ]
    given = "".join(
        _field(one["name"], one["schema"] | {"description": one.get("description", "")}, one["required"])
        for one in call.get("parameters", ())
    )
    if given:
        parts.append(f"<table>{_FIELDS}{given}</table>")
    body = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body is not None:
        schema = _resolved(body, schemas)
        required = schema.get("required", [])
        fields = "".join(_field(name, field, name in required) for name, field in schema["properties"].items())
        example = {name: _resolved(schema["properties"][name], schemas) for name in required}
        request = {name: (field.get("examples") or field.get("enum") or ["..."])[0] for name, field in example.items()}
        command = f"curl {base}{path} -H 'Content-Type: application/json' \\\n  -d '{json.dumps(request)}'"
        parts.append(f"<table>{_FIELDS}{fields}</table><pre>{escape(command)}</pre>")
    for status, answer in call.get("responses", {}).items():
        example = answer.get("content", {}).get("application/json", {}).get("example")
        if example is not None:
            parts.append(f"<p>{status}:</p><pre>{escape(json.dumps(example, indent=2))}</pre>")
    statuses = ", ".join(sorted(call.get("responses", {})))
    parts.append(f"<p class='about'>Answers: {escape(statuses)}</p></section>")
    return "".join(parts)


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    resolved: Mapping[str, Any] = schemas[name] if name else schema
    return resolved


def _field(name: str, field: Mapping[str, Any], required: bool) -> str:
    kinds = [field, *field.get("anyOf", [])]
    kind = " or ".join(
        " | ".join(map(str, option["enum"])) if "enum" in option else str(option["type"])
        for option in kinds
        if "type" in option and option["type"] != "null"
    )
    default = field.get("default")
    need = "needed" if required else f"default {json.dumps(default)}" if default not in (None, "") else "optional"
    what = escape(f"{field.get('description', '')} ({need})".strip())
    return f"<tr><td><code>{escape(name)}</code><td>{escape(kind)}<td>{what}</tr>"


def _page(title: str, body: str, locale: str = "en") -> str:
    return (
        f"<!doctype html><html lang='{escape(locale)}'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
    )
