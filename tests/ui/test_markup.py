"""What others write is shown, and does nothing."""

from __future__ import annotations

import re

import pytest

from tests.ui.fake import HOSTILE, PASSAGE, SENTENCE
from ui.markup import excerpt, plain, to_html, with_references


def test_markdown_becomes_html() -> None:
    html = to_html("**Free** over 60\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    for part in ("<strong>Free</strong>", "<li>one</li>", "<td>2</td>"):
        assert part in html


def test_a_single_line_break_is_kept() -> None:
    assert "<br" in to_html("first\nsecond")


def test_hostile_markdown_is_shown_as_text_or_dropped() -> None:
    html = to_html(HOSTILE)
    assert "&lt;script&gt;" in html
    assert set(re.findall(r"<(\w+)", html)) == {"p", "a"}
    assert re.findall(r'href="([^"]*)"', html) == ["https://shop.example/help"]
    assert "evil.example" not in html


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd"]
)
def test_a_link_with_another_scheme_has_no_address(address: str) -> None:
    assert "href" not in to_html(f"[go]({address})")
    assert "href" not in to_html(f"<{address}>")


def test_a_link_opens_a_new_tab_and_tells_it_nothing() -> None:
    html = to_html("[shop](https://shop.example)")
    assert 'target="_blank"' in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_known_references_become_links_outside_of_code() -> None:
    html = with_references(to_html("Yes. [1] No. [7] `[1]`"), {1: "<a>1</a>"})
    assert html == "<p>Yes. <a>1</a> No. [7] <code>[1]</code></p>\n"


def test_plain_leaves_marks_out_but_not_text() -> None:
    assert plain("## Fees\n\n- **Two** _or_ [three](https://x.example) `weeks`\n> snake_case 3*4") == (
        "Fees Two or three weeks snake_case 3*4"
    )


def test_the_sentence_is_marked_within_its_surroundings() -> None:
    start = PASSAGE.index(SENTENCE)
    html = excerpt(PASSAGE, start, start + len(SENTENCE))
    assert f"<mark>{SENTENCE}</mark>" in html
    assert html.startswith("Standard delivery")
    assert html.endswith(" …")
    assert "**" not in html


def test_a_long_text_before_the_sentence_is_cut_at_a_word() -> None:
    text = "word " * 100 + "Here it is."
    html = excerpt(text, 500, len(text), around=22)
    assert html == "… word word word word <mark>Here it is.</mark>"


def test_a_passage_is_escaped() -> None:
    assert excerpt("<b>&</b> x", 0, 8) == "<mark>&lt;b&gt;&amp;&lt;/b&gt;</mark> x"


@pytest.mark.parametrize(("start", "end"), [(0, 0), (5, 3), (-1, 4), (0, 99)])
def test_a_span_outside_of_the_text_marks_nothing(start: int, end: int) -> None:
    assert excerpt("Short text.", start, end) == "Short text."
