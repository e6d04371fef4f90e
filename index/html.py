"""HTML: the text of the main part, block by block; scripts, styles and navigation are dropped."""

from __future__ import annotations

import re
import warnings

from bs4 import BeautifulSoup, XMLParsedAsHTMLWarning
from bs4.element import NavigableString, Tag

from index.reading import Parts, clean, without_title
from index.types import Section

_DROPPED = (
    *("script", "style", "noscript", "template", "iframe", "object", "embed", "svg", "canvas", "head", "title"),
    *("nav", "form", "button", "select", "textarea", "dialog"),
)
_BLOCKS = frozenset(
    re.findall(
        r"\w+",
        """address article aside blockquote body caption dd details div dl dt fieldset figcaption figure footer
        h1 h2 h3 h4 h5 h6 header hr html li main ol p pre section summary table tbody tfoot thead tr
        ul""",
    )
)
_HEADING = re.compile(r"h([1-6])")


def read_html(data: bytes) -> list[Parts]:
    """One document. The text holds one block (paragraph, item, table row, heading) a paragraph."""
    with warnings.catch_warnings():
        # XHTML is HTML to us; the parser reads both.
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        soup = BeautifulSoup(data, "html.parser")
    named = clean(soup.title.get_text(" ", strip=True)) if soup.title else ""
    for tag in soup(_DROPPED):
        if not tag.decomposed:
            tag.decompose()
    root = soup.select_one("main") or soup.select_one("article") or soup
    blocks = _blocks(root)
    title = next((text for level, text in blocks if level == 1), named)
    text, sections, stack = "", list[Section](), list[tuple[int, str]]()
    begin: int | None = None
    for level, block in [*blocks, (1, "")]:
        if level:
            if begin is not None:
                path = without_title([label for _, label in stack], title)
                sections.append(Section(path, None, begin, len(text)))
            begin = None
            stack = [(depth, label) for depth, label in stack if depth < level] + [(level, block)]
        if not block:
            continue
        text += "\n\n" if text else ""
        if not level and begin is None:
            begin = len(text)
        text += block
    return [Parts(text, sections, title)]


def _blocks(root: Tag) -> list[tuple[int, str]]:
    """(heading level or 0, text) of every block in reading order. No recursion: nesting may be deep."""
    found: list[tuple[int, list[str]]] = []
    last: Tag | None = None
    for node in root.descendants:
        if isinstance(node, Tag):
            if node.name == "br":
                last = None
            elif node.name in ("td", "th") and found and found[-1][1]:
                found[-1][1].append(" | ")
        elif type(node) is NavigableString and node.strip():
            block = _block_of(node, root)
            if block is not last:
                last = block
                level = _HEADING.fullmatch(block.name)
                bullet = ["- "] if block.name == "li" else []
                found.append((int(level[1]) if level else 0, bullet))
            found[-1][1].append(node)
        elif type(node) is NavigableString and found:
            found[-1][1].append(" ")
    joined = ((level, " ".join(clean("".join(pieces)).split()).strip("| ")) for level, pieces in found)
    return [(level, text) for level, text in joined if any(char.isalnum() for char in text)]


def _block_of(node: NavigableString, root: Tag) -> Tag:
    for parent in node.parents:
        if parent is root or parent.name in _BLOCKS:
            return parent
    return root
