"""Single dates and periods in words: "3 March", "last quarter", "the past 90 days", "Q2 2026", 上周.

Each kind has a pattern and a reader, which resolves it against a day that stands for today. "Last week" is the one of
the calendar, likewise "last month"; "the past week" and "the last 30 days" end today. What has no year is the latest
that has begun. Knows nothing of what is around the words; see ``spans``.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from .periods import Granularity, Period, period_of

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_COUNTS = ("a", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4}
# First months of the seasons of the northern half of the world.
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_CHINESE_COUNTS = {"半": 6, **{sign: n for n, sign in enumerate("一二三四五六七八九十", 1)}, "两": 2}
_CHINESE_UNITS = {
    "天": "day",
    "日": "day",
    "周": "week",
    "星期": "week",
    "月": "month",
    "季度": "quarter",
    "年": "year",
}
_LATELY = timedelta(days=29)

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_WEEKDAY = (
    r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:rs(?:day)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)\b"
)
_UNIT = r"(?:day|week|fortnight|month|quarter|year)s?\b"
_COUNT = r"(?:\d{1,3}|an?|couple of|" + "|".join(_COUNTS[1:]) + r")"
_YEAR = r"(?:19|20)\d\d"
_CN_COUNT = r"(?:\d{1,3}|[半一二两三四五六七八九十]+)"
# The first that fits at a place is taken, so the longer stand first.
PATTERNS: tuple[tuple[str, str], ...] = (
    ("iso_day", rf"{_YEAR}-\d\d?-\d\d?\b"),
    ("iso_month", rf"{_YEAR}-\d\d?\b"),
    ("cn_day", rf"(?:{_YEAR}年)?\d\d?月\d\d?[日号]"),
    ("cn_month", rf"(?:{_YEAR}年|去年|今年)?(?:\d\d?|十[一二]?|[一二三四五六七八九])月份?"),
    ("cn_quarter", rf"(?:{_YEAR}年)?第[一二三四1-4]季度"),
    ("cn_year", rf"{_YEAR}年|今年|去年|前年"),
    ("cn_past", rf"(?:过去|最近|近)(?:的)?{_CN_COUNT}(?:个)?(?:天|日|周|星期|月|季度|年)"),
    ("cn_named", r"(?:上|本|这)(?:一)?(?:个)?(?:周|星期|月|季度)"),
    ("cn_word", r"大前天|前天|昨天|昨日|今天|今日|最近|近期"),
    ("day_month", rf"\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}(?:,? {_YEAR})?"),
    ("month_day", rf"{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?![\d%-])(?:,? {_YEAR})?"),
    ("month", rf"(?:last |this )?{_MONTH}(?:,? {_YEAR})?"),
    ("quarter", rf"q[1-4](?:[ /]?{_YEAR})?\b|(?:the )?(?:first|second|third|fourth) quarter(?: of)?(?: {_YEAR})?"),
    ("ago", rf"{_COUNT} {_UNIT} ago\b"),
    ("past", rf"(?:the )?(?:last|past|previous) {_COUNT} {_UNIT}|(?:the )?past {_UNIT}|\d{{1,3}} {_UNIT}"),
    ("to_date", r"(?:year|month|quarter|week) to date\b|ytd\b"),
    ("named", rf"(?:the )?(?:last|previous|this|current) {_UNIT}|the (?:week|month|quarter|year)\b"),
    ("season", r"(?:last |this |the )?(?:spring|summer|autumn|fall|winter)\b(?: (?:of )?(?:19|20)\d\d)?"),
    ("weekday", rf"(?:last |this )?{_WEEKDAY}"),
    ("word", r"the day before yesterday\b|yesterday\b|today\b|now\b|lately\b|recently\b"),
    ("year", rf"{_YEAR}\b"),
)


def _iso_day(text: str, today: date) -> Period:
    year, month, day = map(int, text.split("-"))
    return _day(date(year, month, day))


def _iso_month(text: str, today: date) -> Period:
    year, month = map(int, text.split("-"))
    return period_of(date(year, month, 1), "month")


def _day_and_month(text: str, today: date) -> Period:
    """Day and month in either order, with or without a year."""
    month = _month_in(text)
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    day = next(number for number in numbers if number <= 31)
    year = next((number for number in numbers if number > 31), None)
    if year is None:
        year = today.year if (month, day) <= (today.month, today.day) else today.year - 1
    return _day(date(year, month, day))


def _month(text: str, today: date) -> Period:
    return _month_of(_month_in(text), _year_in(text), today)


def _month_of(month: int, year: int | None, today: date) -> Period:
    if year is None:
        year = today.year if month <= today.month else today.year - 1
    return period_of(date(year, month, 1), "month")


def _quarter(text: str, today: date) -> Period:
    spoken = next((n for word, n in _ORDINALS.items() if word in text), 0)
    number = spoken or int(re.sub(rf"{_YEAR}", "", text).strip(" q/") or 0)
    return _quarter_of(number, _year_in(text), today)


def _quarter_of(number: int, year: int | None, today: date) -> Period:
    first = number * 3 - 2
    if year is None:
        year = today.year if first <= today.month else today.year - 1
    return period_of(date(year, first, 1), "quarter")


def _ago(text: str, today: date) -> Period:
    count, unit = _counted(text)
    return _day(_back(today, count, unit))


def _past(text: str, today: date) -> Period:
    count, unit = _counted(text)
    return Period(_back(today, count, unit) + timedelta(days=1), today)


def _to_date(text: str, today: date) -> Period:
    return Period(_unit_of(today, "year" if text == "ytd" else text.split()[0]).first, today)


def _named(text: str, today: date) -> Period:
    """ "Last week", "this month", "the quarter"."""
    unit = re.sub(r"s$", "", text.split()[-1])
    if unit == "fortnight":
        return Period(today - timedelta(days=13), today)
    if unit == "day":
        return _day(today - timedelta(days=0 if "this" in text or "current" in text else 1))
    here = _unit_of(today, unit)
    return _unit_of(here.first - timedelta(days=1), unit) if re.search("last|previous", text) else here


def _season(text: str, today: date) -> Period:
    month = next(month for word, month in _SEASONS.items() if word in text)
    year = _year_in(text)
    if year is None:
        year = today.year if date(today.year, month, 1) <= today else today.year - 1
    first = date(year, month, 1)
    return Period(first, shifted(first, 3) - timedelta(days=1))


def _weekday(text: str, today: date) -> Period:
    wanted = next(n for n, day in enumerate(_DAYS) if re.search(rf"\b{day}", text))
    back = (today.weekday() - wanted) % 7
    return _day(today - timedelta(days=back or (7 if "last" in text else 0)))


def _word(text: str, today: date) -> Period:
    if text in ("lately", "recently"):
        return Period(today - _LATELY, today)
    return _day(today - timedelta(days={"yesterday": 1, "the day before yesterday": 2}.get(text, 0)))


def _year(text: str, today: date) -> Period:
    return _unit_of(date(int(text), 1, 1), "year")


def _cn_day(text: str, today: date) -> Period:
    *year, month, day = map(int, re.findall(r"\d+", text))
    if not year:
        year = [today.year if (month, day) <= (today.month, today.day) else today.year - 1]
    return _day(date(year[0], month, day))


def _cn_month(text: str, today: date) -> Period:
    written = re.sub(rf"{_YEAR}年|去年|今年|月份?", "", text)
    year = today.year - 1 if "去年" in text else today.year if "今年" in text else _year_in(text)
    return _month_of(_cn_number(written), year, today)


def _cn_quarter(text: str, today: date) -> Period:
    return _quarter_of(_cn_number(text.partition("第")[2][0]), _year_in(text), today)


def _cn_year(text: str, today: date) -> Period:
    year = _year_in(text) or today.year - {"今年": 0, "去年": 1, "前年": 2}[text]
    return _unit_of(date(year, 1, 1), "year")


def _cn_past(text: str, today: date) -> Period:
    written = re.sub(r"过去|最近|近|的|个", "", text)
    unit = next(unit for unit in _CHINESE_UNITS if written.endswith(unit))
    count = written.removesuffix(unit)
    # Half a year is six months.
    name = "month" if count == "半" and unit == "年" else _CHINESE_UNITS[unit]
    return Period(_back(today, _cn_number(count), name) + timedelta(days=1), today)


def _cn_named(text: str, today: date) -> Period:
    unit = next(name for sign, name in _CHINESE_UNITS.items() if text.endswith(sign))
    here = _unit_of(today, unit)
    return _unit_of(here.first - timedelta(days=1), unit) if text.startswith("上") else here


def _cn_word(text: str, today: date) -> Period:
    if text in ("最近", "近期"):
        return Period(today - _LATELY, today)
    back = {"大前天": 3, "前天": 2, "昨天": 1, "昨日": 1}.get(text, 0)
    return _day(today - timedelta(days=back))


READERS: Mapping[str, Callable[[str, date], Period]] = {
    **{"iso_day": _iso_day, "iso_month": _iso_month, "day_month": _day_and_month, "month_day": _day_and_month},
    **{"month": _month, "quarter": _quarter, "ago": _ago, "past": _past, "to_date": _to_date, "named": _named},
    **{"season": _season, "weekday": _weekday, "word": _word, "year": _year, "cn_day": _cn_day},
    **{"cn_month": _cn_month, "cn_quarter": _cn_quarter, "cn_year": _cn_year, "cn_past": _cn_past},
    **{"cn_named": _cn_named, "cn_word": _cn_word},
}


def _day(day: date) -> Period:
    return Period(day, day)


def _month_in(text: str) -> int:
    name = re.search(r"[a-z]{3}", re.sub(r"\b(?:last|this|of)\b|\d+(?:st|nd|rd|th)", "", text))
    return _MONTHS.index(name[0]) + 1 if name else 0


def _year_in(text: str) -> int | None:
    found = re.search(_YEAR, text)
    return int(found[0]) if found else None


def _counted(text: str) -> tuple[int, str]:
    """Number and unit of "the last six months", "90 days", "a week ago", "the past quarter"."""
    words = text.removesuffix(" ago").split()
    unit = words[-1].removesuffix("s")
    said = " ".join(word for word in words[:-1] if word not in ("the", "last", "past", "previous"))
    if said in ("", "a", "an"):
        return 1, unit
    if said == "couple of":
        return 2, unit
    return (int(said) if said.isdigit() else _COUNTS.index(said) + 1), unit


def _cn_number(text: str) -> int:
    if text.isdigit():
        return int(text)
    if text.startswith("十") and len(text) == 2:
        return 10 + _CHINESE_COUNTS[text[1]]
    return _CHINESE_COUNTS[text]


def _unit_of(day: date, unit: str) -> Period:
    if unit == "year":
        return Period(date(day.year, 1, 1), date(day.year, 12, 31))
    steps: dict[str, Granularity] = {"day": "day", "week": "week", "month": "month", "quarter": "quarter"}
    return period_of(day, steps[unit])


def _back(day: date, count: int, unit: str) -> date:
    days = {"day": 1, "week": 7, "fortnight": 14}.get(unit)
    if days is not None:
        return day - timedelta(days=days * count)
    return shifted(day, -count * {"month": 1, "quarter": 3, "year": 12}[unit])


def shifted(day: date, months: int) -> date:
    """The same day so many months later, or the last one of that month. Raises ValueError before the year 1."""
    month = day.year * 12 + day.month - 1 + months
    year, number = divmod(month, 12)
    return date(year, number + 1, min(day.day, calendar.monthrange(year, number + 1)[1]))
