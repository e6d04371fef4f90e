"""The brief: its words are borne out by the figures, and both files hold what they should."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pypdf
import pypdfium2
import pytest
from bs4 import BeautifulSoup
from typer.testing import CliRunner

from agent.errors import BadInputError
from apps.finance import alarm, commands
from apps.finance.alerts import rule_of
from apps.finance.brief import MOST_HEADLINES, MOST_OF_ONE, MOST_ROWS, Brief, brief_of
from apps.finance.brief_html import to_html
from apps.finance.brief_pdf import FOOT, MARGIN, to_pdf
from apps.finance.brief_words import events, link_of
from apps.finance.queries import Headline, recall
from apps.finance.setup import Desk

from .desks import FIRST, rows, take

WEEK = timedelta(days=6)


def put(desk: Desk) -> None:
    """Two weeks: HRBR falls clearly, ALDG stays, VTRA comes new, QRTZ goes silent."""
    for_days = [
        (
            rows(day, "profit" if day < 7 else "loss", 6, "HRBR"),
            rows(day, "calm" if day % 2 else "profit", 4, "ALDG"),
            rows(day, "calm", 1, "QRTZ") if day < 7 else rows(day, "profit", 1, "VTRA"),
        )
        for day in range(14)
    ]
    take(desk, *(some for day in for_days for some in day))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk.open(tmp_path)
    with closing(desk.file):
        put(desk)
        yield desk


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The same, for tests that only read."""
    desk = Desk.open(tmp_path_factory.mktemp("desk"))
    with closing(desk.file):
        put(desk)
        yield desk


@pytest.fixture(scope="module")
def brief(made: Desk) -> Brief:
    return brief_of(made)


def text_of(pdf: bytes) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def test_it_is_of_the_last_week_with_items(brief: Brief) -> None:
    assert (brief.span.first, brief.span.last) == (FIRST + timedelta(days=7), FIRST + timedelta(days=13))
    assert (brief.before.first, brief.before.last) == (FIRST, FIRST + WEEK)
    assert (brief.items, brief.companies, brief.versions) == (77, 12, ("words-1",))


def test_the_words_are_borne_out_by_the_figures(brief: Brief) -> None:
    by_ticker = {row.ticker: row for row in brief.rows}
    assert list(by_ticker) == ["HRBR", "ALDG", "VTRA"]
    harbor = by_ticker["HRBR"].move
    assert harbor is not None
    assert harbor.clear
    assert by_ticker["VTRA"].move is None
    counted, whole, ends, moved, silent = brief.summary
    assert counted == "77 items on 3 of 12 companies, as many as in the 7 days before (77)."
    assert whole.startswith("Taken together they fell from +0.")
    friendliest = max(brief.rows, key=lambda row: row.now.value or 0)
    assert ends == (
        f"Friendliest were the items on {friendliest.name} ({friendliest.now.value:+.2f}, {friendliest.now.n} items), "
        f"least friendly those on Harbor Financial ({harbor.after:+.2f}, 42 items)."
    )
    assert moved == f"Clear move: Harbor Financial from {harbor.before:+.2f} to {harbor.after:+.2f}."
    assert silent == "No items on CLDN, HLXN, MDWK, MWND, NRVN, ORCH, PLAG, QRTZ, TLVR."


def test_a_change_that_may_be_chance_is_called_so(made: Desk) -> None:
    said = brief_of(made, ["ALDG"]).summary
    assert "which may well be chance" in said[1]
    assert said[2] == "No company moved clearly: each change may well be chance."


def test_the_rows_behind_it_can_be_had(made: Desk, brief: Brief) -> None:
    header, items = recall(made, brief.query).items_table()
    assert len(items) == brief.items
    assert {row[header.index("ticker")] for row in items} == {"HRBR", "ALDG", "VTRA"}


def test_alerts_and_shifts_are_told(desk: Desk) -> None:
    alarm.add_rule(desk, "HRBR", rule_of("threshold", "below", -0.3))
    alarm.add_rule(desk, "VTRA", rule_of("threshold", "above", 0.1, fewest=1))
    # A shift takes seven days to be told from a spike.
    take(desk, *[rows(day, "loss", 6, "HRBR") for day in range(14, 18)])
    brief = brief_of(desk, ["HRBR"])
    assert brief.fired == ()
    [(ticker, shift)] = brief.shifts
    assert (ticker, shift.day) == ("HRBR", FIRST + timedelta(days=7))
    assert events(brief) == [f"2026-05-11: the level of HRBR shifted from {shift.before:+.2f} to {shift.after:+.2f}."]
    both = brief_of(desk, until=FIRST + timedelta(days=13))
    assert [one.day for one in both.fired] == [FIRST + timedelta(days=7)] * 2
    assert "2 alerts fired, on HRBR, VTRA." in both.summary
    assert any("alert, HRBR was at -0." in event for event in events(both))


def test_headlines_are_of_several_companies(brief: Brief) -> None:
    tickers = [headline.ticker for headline in brief.headlines]
    assert set(tickers) == {"HRBR", "ALDG", "VTRA"}
    assert max(map(tickers.count, tickers)) == MOST_OF_ONE
    assert len(tickers) <= MOST_HEADLINES


def test_a_span_without_items_says_where_the_nearest_are(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="There are no items on .*; the nearest are of 2026-05-17"):
        brief_of(desk, until=date(2026, 9, 1))
    with pytest.raises(BadInputError, match="ACME is not on the watch list"):
        brief_of(desk, ["ACME"])
    empty = Desk.open(tmp_path / "empty")
    with closing(empty.file), pytest.raises(BadInputError, match="There are no items yet"):
        brief_of(empty)


def headline(text: str, url: str = "") -> Headline:
    return Headline(1, "2026-05-11T12:00:00+00:00", "Wire & Co", url, text, "HRBR", -0.5)


def test_what_items_say_is_text_in_the_html(brief: Brief) -> None:
    evil = replace(brief, headlines=(headline("<script>alert(1)</script> & more", "javascript:alert(1)"),))
    soup = BeautifulSoup(to_html(evil), "html.parser")
    assert soup.find("script") is None
    assert "<script>alert(1)</script> & more" in soup.get_text()
    assert soup.find("a") is None


@pytest.mark.parametrize(
    ("text", "url", "link"),
    [
        ("a", "https://wire.example/1", "https://wire.example/1"),
        ("see https://t.co/x1 $HRBR", "", "https://t.co/x1"),
        ("see https://t.co/x1 $HRBR", "javascript:alert(1)", "https://t.co/x1"),
        ("none", "file:///etc/passwd", ""),
    ],
)
def test_a_headline_leads_to_the_web_or_nowhere(text: str, url: str, link: str) -> None:
    assert link_of(headline(text, url)) == link


def test_the_html_holds_all_of_it(brief: Brief) -> None:
    soup = BeautifulSoup(to_html(brief), "html.parser")
    text = soup.get_text(" ")
    assert all(sentence in text for sentence in brief.summary)
    assert len(soup.find_all("svg")) == 2
    assert [row.td.get_text() for row in soup.select("tbody tr")] == [
        "Harbor Financial (HRBR)",
        "Aldgrave Insurance (ALDG)",
        "Voltara Motors (VTRA)",
    ]
    assert [row.td.get_text() for row in soup.select("tbody tr.clear")] == ["Harbor Financial (HRBR)"]
    assert all(one.text in text for one in brief.headlines)
    assert "read by version words-1 of the model" in text
    assert brief.query in text
    assert "no investment advice" in text
    # Nothing is fetched from elsewhere.
    assert not soup.find_all(["link", "img", "iframe"])


def test_the_pdf_has_two_pages_with_all_of_it(brief: Brief) -> None:
    first, second = text_of(to_pdf(brief))
    assert all(" ".join(sentence.split()) in first for sentence in brief.summary)
    assert "Harbor Financial (HRBR)" in first
    assert "Headlines" in second
    assert "no investment advice. Page 2 of 2." in second
    assert brief.query in second


def test_the_same_brief_is_the_same_file(brief: Brief) -> None:
    assert to_pdf(brief) == to_pdf(brief)
    assert to_html(brief) == to_html(brief)


def test_links_of_the_pdf_lead_to_the_items(brief: Brief) -> None:
    pdf = to_pdf(replace(brief, headlines=(headline("Harbor falls", "https://wire.example/1"),)))
    annotations = pypdf.PdfReader(io.BytesIO(pdf)).pages[1]["/Annots"]
    assert [one.get_object()["/A"]["/URI"] for one in annotations] == ["https://wire.example/1"]


def test_the_pdf_stays_within_its_two_pages_whatever_there_is(brief: Brief) -> None:
    """More than fits: the pages are drawn, and what must be empty is."""
    long = headline("a very long headline about nothing 涨 \N{ROCKET} " * 30, "https://wire.example/" + "x" * 400)
    row = replace(brief.rows[0], name="A company with a name that is longer than any column of a table can be")
    full = replace(
        brief,
        rows=(row,) * MOST_ROWS,
        summary=(*brief.summary, *brief.summary),
        shifts=tuple((row.ticker, shift) for _, shift in brief.shifts) * 20,
        headlines=(long,) * MOST_HEADLINES,
    )
    pages = list(pypdfium2.PdfDocument(to_pdf(full)))
    assert len(pages) == 2
    scale = 2.0
    per_mm = scale * 72 / 25.4
    for page in pages:
        ink = np.array(page.render(scale=scale).to_pil().convert("L")) < 200
        edge, foot = int((MARGIN - 3) * per_mm), int(FOOT * per_mm)
        assert ink.any()
        for side in (ink[:edge], ink[-edge:], ink[:, :edge], ink[:, -edge:]):
            assert not side.any()
        # A line of white keeps the content from the footer.
        bottom = ink[-int(MARGIN * per_mm) - foot : -int(MARGIN * per_mm) - foot + int(2 * per_mm)]
        assert not bottom.any()


def test_a_command_writes_both_files(desk: Desk, tmp_path: Path) -> None:
    arguments = ["report", "--data", str(tmp_path), "--week", "--tickers", "hrbr,$ALDG", "--until", "2026-05-12"]
    result = CliRunner().invoke(commands.group, [*arguments, "--out", str(tmp_path / "out")])
    assert result.exception is None, result.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"brief-HRBR-ALDG-2026-05-06-2026-05-12.{kind}" for kind in ("html", "pdf")]
    assert "Sentiment brief, 2026-05-06 to 2026-05-12" in (tmp_path / "out" / names[0]).read_text()
    assert (tmp_path / "out" / names[1]).read_bytes().startswith(b"%PDF")


def test_a_month_is_thirty_days(desk: Desk, tmp_path: Path) -> None:
    result = CliRunner().invoke(commands.group, ["report", "--data", str(tmp_path), "--month"])
    assert "brief-2026-04-18-2026-05-17.pdf" in result.output.replace("\n", "")


def test_a_report_that_cannot_be_written_is_told(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    result = CliRunner().invoke(commands.group, ["report", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    assert "cannot be written to" in str(result.exception)
    result = CliRunner().invoke(commands.group, ["report", "--data", str(tmp_path), "--until", "tomorrow"])
    assert "--until is 'tomorrow'; write it as 2026-10-30" in str(result.exception)
