"""HTML: what is text, and what is dropped."""

from __future__ import annotations

from index.html import read_html

PAGE = """<?xml version="1.0"?><!doctype html><html><head><title>Shop</title><style>p {color: red}</style></head>
<body><nav><a href="/">Home</a></nav><main><h1>Shipping &amp; costs</h1>
<p>We ship <b>every</b>
   day.<script>alert("x")</script><!-- secret --></p>
<h2>Prices</h2><table><tr><th>Service</th><th>Price</th></tr><tr><td>Standard</td><td><b>4.90</b> EUR</td></tr></table>
<ul><li>Free over <i>60 EUR</i></li><li>One<br>Two</li></ul><h3>Norway</h3><div>Other <span>prices</span>.</div>
<noscript>Turn it on</noscript></main><footer>Imprint</footer></body></html>"""


def test_blocks_with_heading_path() -> None:
    [parts] = read_html(PAGE.encode())
    assert parts.title == "Shipping & costs"
    assert [(s.heading_path, parts.text[s.start : s.end]) for s in parts.sections] == [
        ((), "We ship every day."),
        (("Prices",), "Service | Price\n\nStandard | 4.90 EUR\n\n- Free over 60 EUR\n\n- One\n\n- Two"),
        (("Prices", "Norway"), "Other prices."),
    ]


def test_scripts_styles_and_navigation_are_dropped() -> None:
    [parts] = read_html(PAGE.encode())
    for word in ("alert", "color", "secret", "Home", "Imprint", "Turn it on"):
        assert word not in parts.text


def test_page_without_main_or_blocks() -> None:
    [parts] = read_html(b"<title>A</title>Just <b>text</b> &lt;b&gt;")
    assert (parts.title, parts.text) == ("A", "Just text <b>")


def test_charset_of_the_page() -> None:
    page = "<meta charset='iso-8859-1'><p>Größe</p>".encode("latin-1")
    assert read_html(page)[0].text == "Größe"


def test_deep_nesting() -> None:
    [parts] = read_html(b"<div>" * 3000 + b"deep" + b"</div>" * 3000)
    assert parts.text == "deep"


def test_nothing_to_read() -> None:
    for page in (b"", b"<script>x</script>", b"\x00", b"<p>&nbsp;</p>"):
        assert not read_html(page)[0].sections
