"""Markdown: front matter, heading paths and offsets."""

from __future__ import annotations

import pytest

from index.markdown import read_markdown, split_front_matter
from index.reading import UnreadableError
from tests.index.samples import RETURNS


def test_sections_with_heading_path_and_offsets() -> None:
    [parts] = read_markdown(b"# Guide\n\nIntro.\n\n## One\n\nFirst.\n\n### Deep\n\nSecond.\n\nTwo\n---\n\nThird.\n")
    assert parts.title == "Guide"
    assert [(s.heading_path, parts.text[s.start : s.end]) for s in parts.sections] == [
        ((), "Intro."),
        (("One",), "First."),
        (("One", "Deep"), "Second."),
        (("Two",), "Third."),
    ]
    assert "## One" in parts.text


def test_front_matter_is_metadata_and_no_text() -> None:
    [parts] = read_markdown(RETURNS.encode())
    assert parts.title == "Returns"
    assert parts.metadata == {"title": "Returns", "intent": "return_policy"}
    assert parts.text.startswith("You may send things back.")
    assert "intent" not in parts.text
    assert "[Worn shoes](worn-shoes.md)" in parts.text


def test_front_matter_values() -> None:
    found, rest = split_front_matter(
        '---\ntitle: "Our policy: 60 days"\ntags: [a, b]\ndate: 2025-03-01\n'
        'old: no\nempty:\nn: 3\nodd: "a\\0b"\n---\nText'
    )
    assert found == {
        "title": "Our policy: 60 days",
        "tags": "a, b",
        "date": "2025-03-01",
        "old": "false",
        "n": "3",
        "odd": "ab",
    }
    assert rest == "Text"


def test_a_rule_is_no_front_matter() -> None:
    assert split_front_matter("---\nText.") == ({}, "---\nText.")
    assert split_front_matter("Text.\n---\na: b\n---\n")[0] == {}


@pytest.mark.parametrize(
    ("matter", "cause"),
    [
        ("title: a: b", "broken front matter in line 2"),
        ("title: x\nintent: [a", "broken front matter in line 3"),
        ("- a\n- b", "no mapping"),
        ("intent: {a: b}", "nested values under 'intent'"),
        ("when: 2025-99-01", "broken front matter"),
        ("x: !!python/object/apply:os.system [echo]", "broken front matter"),
        ("a: &a [x]\nb: [*a, *a]", "nested values under 'b'"),
        ("a: " + "[" * 1000, "broken front matter"),
    ],
)
def test_broken_front_matter(matter: str, cause: str) -> None:
    with pytest.raises(UnreadableError, match=cause):
        read_markdown(f"---\n{matter}\n---\nText.\n".encode())


def test_only_real_headings_count() -> None:
    text = "```\n# not one\n```\n\n> # nor this\n\n- # nor that\n\n#nor-this\n\n# *Yes*, `one` [here](x.md) #\n\nEnd.\n"
    [parts] = read_markdown(text.encode())
    assert [s.heading_path for s in parts.sections] == [(), ()]
    assert parts.title == "Yes, one here"
    assert parts.text[parts.sections[1].start : parts.sections[1].end] == "End."


def test_windows_line_ends_keep_offsets() -> None:
    [parts] = read_markdown("# Ä\r\n\r\nOne.\r\n## B\r\nTwo.\r\n".encode())
    assert [parts.text[s.start : s.end] for s in parts.sections] == ["One.", "Two."]
