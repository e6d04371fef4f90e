"""Text of others (replies, passages) as HTML that is safe to show: no script, no image, no unchecked link."""

from __future__ import annotations

import re
from html import escape

import nh3
from markdown_it import MarkdownIt

_TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code"),
    *("em", "strong", "del", "a", "table", "thead", "tbody", "tr", "th", "td"),
}
_SCHEMES = {"http", "https", "mailto"}
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
_REFERENCE = re.compile(r"\[(\d{1,2})\]")
# Markdown that means nothing in an excerpt of one paragraph: headings, bullets, quotes, rules at a line's start.
_LINE_MARKS = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|[-*+][ \t]+|>[ \t]?|(?:[-*_][ \t]*){3,}$)", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_EMPHASIS = re.compile(r"(\*\*|__|~~|`|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w))")


def to_html(markdown: str) -> str:
    """Markdown as clean HTML: raw HTML is shown as text, an image becomes nothing, a link opens a new tab.

    Links of other schemes than http, https and mailto lose their address.
    """
    return nh3.clean(
        _MARKDOWN.render(markdown),
        tags=_TAGS,
        attributes={"a": {"href", "target"}},
        set_tag_attribute_values={"a": {"target": "_blank"}},
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )


def with_references(html: str, links: dict[int, str]) -> str:
    """``[1]`` in the text of clean HTML replaced by ``links[1]`` (HTML); other numbers and code stay as they are."""
    parts, code = [], 0
    for piece in re.split(r"(<[^>]*>)", html):
        if piece.startswith("<"):
            code += piece in ("<code>", "<pre>")
            code -= piece in ("</code>", "</pre>")
            parts.append(piece)
        elif code:
            parts.append(piece)
        else:
            parts.append(_REFERENCE.sub(lambda found: links.get(int(found[1]), found[0]), piece))
    return "".join(parts)


def plain(markdown: str) -> str:
    """A piece of a Markdown document as one line of text, its marks left out."""
    text = _LINK.sub(r"\1", _LINE_MARKS.sub("", markdown))
    return " ".join(_EMPHASIS.sub("", text).split())


def excerpt(text: str, start: int, end: int, around: int = 110) -> str:
    """HTML of ``text[start:end]`` in a <mark>, with at most ``around`` characters before and after, cut at words.

    A span that does not lie in the text marks nothing, and the text's beginning is shown.
    """
    if not 0 <= start < end <= len(text):
        return escape(_head(plain(text), 2 * around))
    before, marked, after = (plain(part) for part in (text[:start], text[start:end], text[end:]))
    if len(before) > around:
        before = "… " + before[-around:].partition(" ")[2]
    gap_before = " " if before and not before.endswith("(") else ""
    gap_after = "" if not after or after[0] in ".,;:!?)" else " "
    return f"{escape(before)}{gap_before}<mark>{escape(marked)}</mark>{gap_after}{escape(_head(after, around))}"


def _head(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most].rpartition(" ")[0] + " …"
