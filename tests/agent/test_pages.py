from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.pages import knowledge_page, parse_span
from tests.agent.fake_agent import DOCUMENT, FakeAgent, FakePassage
from tests.agent.serving import client_for, code_of


@pytest.fixture
def http(tmp_path: Path) -> TestClient:
    return client_for(FakeAgent(tmp_path))


def page(
    text: str, span: tuple[int, int] | None = None, source: str = "a.md", before: str = "", after: str = ""
) -> str:
    passage: Any = FakePassage(
        source=source, text=text, start=len(before), end=len(before) + len(text), title="A & <b>", heading_path=()
    )
    whole = knowledge_page(passage, before + text + after, span, "en-GB")
    return whole[whole.index("<article>") :]


def marked(html: str) -> str:
    return "|".join(re.findall("<mark[^>]*>(.*?)</mark>", html))


def test_the_document_is_shown_whole_with_the_sentence_marked(http: TestClient) -> None:
    answer = http.get("/knowledge/support/shipping%232?s=2-23")
    assert answer.headers["content-type"].startswith("text/html")
    assert "Parcels leave <em>daily</em>" in answer.text
    assert "<strong><mark id='sentence'>They take three days.</mark></strong> Call us." in answer.text
    assert "<h2>Costs</h2>" in answer.text
    assert answer.text.count("<h1>") == 1
    assert answer.text.startswith("<!doctype html><html lang='en-GB'>")
    assert answer.text.index("daily") < answer.text.index("id='passage'") < answer.text.index("Costs")


@pytest.mark.parametrize("path", ["support/nothing%231", "support/", "support/..%2f..%2fetc%2fpasswd"])
def test_an_unknown_passage_is_not_found(http: TestClient, path: str) -> None:
    answer = http.get(f"/knowledge/{path}")
    assert (answer.status_code, code_of(answer)) == (404, "not_found")


def test_an_unknown_app_is_not_found(http: TestClient) -> None:
    assert code_of(http.get("/knowledge/shop/shipping%232")) == "unknown_app"


@pytest.mark.parametrize("span", ["", "5", "9-2", "0-99999999", "0-500", "a-b", "-1-4", "\u0661-\u0662", "2-23x"])
def test_a_span_that_is_none_marks_nothing(http: TestClient, span: str) -> None:
    answer = http.get("/knowledge/support/shipping%232", params={"s": span})
    assert answer.status_code == 200
    assert "<mark" not in answer.text
    assert parse_span(span, 34) is None


@pytest.mark.parametrize(
    ("text", "sentence", "expected"),
    [
        ("One. Two *is* here. Three.", "Two *is* here.", "Two |is| here."),
        ("- First one.\n- Second one.", "- Second one.", "Second one."),
        ("# Head\n\nText it is.", "# Head", "Head"),
        ("1. First.\n2. Second.", "2. Second.", "Second."),
        ("See [our page](https://x.example/a). More.", "See [our page](https://x.example/a).", "See |our page|."),
        ("**Bold it is.** More.", "Bold it is.", "Bold it is."),
        ("_Soft it is._ More.", "_Soft it is._", "Soft it is."),
        ("| a | b |\n|---|---|\n| One. | Two. |", "One.", "One."),
        ("Costs 5 < 6 & more. Yes.", "Costs 5 < 6 & more.", "Costs 5 &lt; 6 &amp; more."),
    ],
)
def test_marks_leave_markdown_as_it_was(text: str, sentence: str, expected: str) -> None:
    start = text.index(sentence)
    html = page(text, (start, start + len(sentence)))
    assert marked(html).replace("| ", "| ") == expected
    assert re.sub("</?mark[^>]*>", "", html) == page(text)


def test_a_sentence_over_two_paragraphs_stays_well_nested() -> None:
    html = page("One two\n\nthree four.", (4, 20))
    assert "<p>One <mark id='sentence'>two</mark></p>" in html
    assert "<p><mark>three four.</mark></p>" in html


@pytest.mark.parametrize("source", ["a.md", "a.txt", "a.html", "a.pdf", "faq.csv"])
def test_what_a_document_says_is_never_run(source: str) -> None:
    hostile = (
        "<script>alert(1)</script> ![x](https://evil.example/pixel.png) [a](javascript:alert(1)) "
        "[b](data:text/html;base64,xx) <img src=x onerror=alert(1)> <a href='javascript:1'>c</a> "
        "[d](vbscript:x) <iframe src=//evil.example></iframe> <style>*{display:none}</style>"
    )
    html = page(hostile, (0, 30), source, before=hostile + "\n\n", after="\n\n" + hostile)
    assert not re.search(r"<(script|img|iframe|style|form|object)\b", html)
    assert not re.search(r"""<[^>]*(href|src)=["']?(javascript|data|vbscript)""", html)
    assert not re.search(r"<[^>]*\bon\w+=", html)


def test_safe_links_are_kept_and_lead_away_without_a_trace() -> None:
    html = page("[us](https://x.example/a) and [mail](mailto:a@x.example)")
    assert '<a href="https://x.example/a" rel="noopener noreferrer nofollow">us</a>' in html
    assert 'href="mailto:a@x.example"' in html


def test_plain_documents_are_shown_as_they_are() -> None:
    html = page("# no heading *here*", (2, 12), "a.txt", before="before\n\n")
    assert "# <mark id='sentence'>no heading</mark> *here*" in html
    assert "<h1>" not in html
    assert "before" in html


def test_our_own_marks_in_a_document_mark_nothing() -> None:
    html = page("a \u2e28b\u2e29 c")
    assert "<mark" not in html
    assert "a (b) c" in html


def test_a_passage_that_no_longer_lies_in_the_document_stands_alone() -> None:
    passage: Any = replace(FakePassage(), start=3, end=9)
    html = knowledge_page(passage, DOCUMENT, (2, 23), "en-GB")
    assert "<mark id='sentence'>They take three days.</mark>" in html
    assert "Costs" not in html


def test_titles_and_sources_are_escaped() -> None:
    passage: Any = FakePassage(title="<b>T</b>", source="<i>.pdf", heading_path=("<u>",), page=7)
    html = knowledge_page(passage, DOCUMENT, None, "en-GB")
    assert "<title>&lt;b&gt;T&lt;/b&gt;</title>" in html
    assert "&lt;u&gt; \u00b7 &lt;i&gt;.pdf, page 7" in html


def test_the_description_page_lists_every_call(http: TestClient) -> None:
    text = http.get("/docs").text
    for path, methods in http.get("/openapi.json").json()["paths"].items():
        for method in methods:
            assert f"<code>{method.upper()} {path}</code>" in text
    assert "curl http://localhost/v1/messages" in text
    assert "&quot;conversation_id&quot;" in text
    assert "<code>limit</code><td>integer<td>" in text
    assert not re.search(r"(src|href)='?\"?https?:", text)
