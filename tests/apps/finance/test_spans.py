"""Dates in words against a fixed day: Friday 30 October 2026."""

from __future__ import annotations

from datetime import date

import pytest

from apps.finance.spans import Span, UnknownEvent, find_span, find_step, step_for

TODAY = date(2026, 10, 30)


def events(words: str) -> date | None:
    return date(2026, 10, 27) if words in ("earnings", "breach") else None


def said(text: str) -> str:
    found = find_span(text, TODAY, events)
    assert isinstance(found, Span), text
    return f"{found.since or ''} {found.until}".strip()


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("how has sentiment on Voltara moved since May?", "2026-05-01 2026-10-30"),
        ("harbor since november", "2025-11-01 2026-10-30"),
        ("since last quarter", "2026-07-01 2026-10-30"),
        ("from the start of 2026", "2026-01-01 2026-10-30"),
        ("index JPM since 2014-05", "2014-05-01 2026-10-30"),
        ("until March", "2026-03-31"),
        ("before 3 june", "2026-06-02"),
    ],
)
def test_an_open_span_ends_today_or_begins_with_the_first_item(text: str, span: str) -> None:
    assert said(text) == span


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("between March and June", "2026-03-01 2026-06-30"),
        ("from July till now", "2026-07-01 2026-10-30"),
        ("November to February", "2025-11-01 2026-02-28"),
        ("2026-02-03 to 2026-02-27", "2026-02-03 2026-02-27"),
        ("between 3 june and 9 june", "2026-06-03 2026-06-09"),
        ("nov 2025 - jan 2026", "2025-11-01 2026-01-31"),
    ],
)
def test_two_dates_are_a_span(text: str, span: str) -> None:
    assert said(text) == span


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("why did it drop last week?", "2026-10-19 2026-10-25"),
        ("who moved this week", "2026-10-26 2026-10-30"),
        ("the past week", "2026-10-24 2026-10-30"),
        ("compare JPM and BAC this quarter", "2026-10-01 2026-10-30"),
        ("last quarter", "2026-07-01 2026-09-30"),
        ("last month", "2026-09-01 2026-09-30"),
        ("the last six months", "2026-05-01 2026-10-30"),
        ("last 90 days", "2026-08-02 2026-10-30"),
        ("tsla index, 2 weeks, daily", "2026-10-17 2026-10-30"),
        ("over the last couple of weeks", "2026-10-17 2026-10-30"),
        ("a report for the last fortnight", "2026-10-17 2026-10-30"),
        ("three weeks ago", "2026-10-09 2026-10-09"),
        ("last year", "2025-01-01 2025-12-31"),
        ("plot MWND for 2026", "2026-01-01 2026-10-30"),
        ("ytd", "2026-01-01 2026-10-30"),
        ("quarter to date", "2026-10-01 2026-10-30"),
        ("q2 2026", "2026-04-01 2026-06-30"),
        ("export q4", "2026-10-01 2026-10-30"),
        ("the fourth quarter of 2025", "2025-10-01 2025-12-31"),
        ("in spring", "2026-03-01 2026-05-31"),
        ("last winter", "2025-12-01 2026-02-28"),
        ("lately", "2026-10-01 2026-10-30"),
    ],
)
def test_a_period_in_words(text: str, span: str) -> None:
    assert said(text) == span


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("voltara on feb 3", "2026-02-03"),
        ("the jump on 2 September", "2026-09-02"),
        ("on december 24th", "2025-12-24"),
        ("3rd of March 2025", "2025-03-03"),
        ("what moved on friday", "2026-10-30"),
        ("last friday", "2026-10-23"),
        ("on monday", "2026-10-26"),
        ("close of JPM yesterday", "2026-10-29"),
        ("the day before yesterday", "2026-10-28"),
        ("today", "2026-10-30"),
    ],
)
def test_a_day_in_words(text: str, day: str) -> None:
    assert said(text) == f"{day} {day}"


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("voltara 上周", "2026-10-19 2026-10-25"),
        ("halcyon 本季度", "2026-10-01 2026-10-30"),
        ("上个月", "2026-09-01 2026-09-30"),
        ("过去三个月", "2026-07-31 2026-10-30"),
        ("最近30天", "2026-10-01 2026-10-30"),
        ("最近半年", "2026-05-01 2026-10-30"),
        ("2026年3月以来", "2026-03-01 2026-10-30"),
        ("6月到8月", "2026-06-01 2026-08-31"),
        ("10月27日", "2026-10-27 2026-10-27"),
        ("第二季度", "2026-04-01 2026-06-30"),
        ("去年12月", "2025-12-01 2025-12-31"),
        ("十一月", "2025-11-01 2025-11-30"),
        ("今年", "2026-01-01 2026-10-30"),
        ("昨天", "2026-10-29 2026-10-29"),
        ("财报以来", "2026-10-27 2026-10-30"),
    ],
)
def test_a_period_in_chinese(text: str, span: str) -> None:
    assert said(text) == span


def test_an_event_is_looked_up_and_an_unknown_one_is_named() -> None:
    assert said("tesla since the earnings?") == "2026-10-27 2026-10-30"
    assert said("HLXN daily, since the breach") == "2026-10-27 2026-10-30"
    assert said("after its latest earnings on monday") == "2026-10-27 2026-10-30"
    assert find_span("after the strike", TODAY, events) == UnknownEvent("strike")
    # Where the text says when it was as well, that will do.
    assert said("since the chief left in august") == "2026-08-01 2026-10-30"


@pytest.mark.parametrize(
    "text",
    ["biggest movers", "may I ask about orchard", "alert 3 at -0.3", "31 June", "they march on", "week 42", "AAPL"],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert find_span(text, TODAY, events) is None


@pytest.mark.parametrize(
    ("text", "step"),
    [("by week", "week"), ("daily please", "day"), ("per month", "month"), ("quarterly", "quarter"), ("按周", "week")],
)
def test_a_step_in_words(text: str, step: str) -> None:
    assert find_step(text) == step
    assert find_step("sentiment this week") is None


def test_without_a_step_the_span_decides() -> None:
    assert step_for(date(2026, 10, 1), TODAY) == "day"
    assert step_for(date(2026, 5, 1), TODAY) == "week"
    assert step_for(date(2025, 5, 1), TODAY) == "month"
