"""Price files: columns, bad rows, splits with and without adj_close, gaps; and which session an item counts for."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from apps.finance.prices import PriceError, Prices, read_prices, session_ends, session_of

HEAD = "ticker,date,open,high,low,close,adj_close\n"


def read(folder: Path, text: str) -> dict[str, Prices]:
    file = folder / "prices.csv"
    file.write_text(text, encoding="utf-8")
    return read_prices(file)


def test_adjusted_closes_compare_over_a_split(tmp_path: Path) -> None:
    rows = "A,2014-06-06,640,650,636,644,92\nA,2014-06-09,92,94,91,92.92,92.92\n"
    prices = read(tmp_path, HEAD + rows)["A"]
    assert np.diff(np.log(prices.adjusted)) == pytest.approx([0.01], abs=1e-4)
    assert prices.splits == ()


@pytest.mark.parametrize(("before", "after", "ratio"), [(644.0, 92.0, 1 / 7), (3.0, 30.1, 10.0)])
def test_a_split_without_adj_close_is_undone_and_named(
    tmp_path: Path, before: float, after: float, ratio: float
) -> None:
    head = HEAD.replace(",adj_close", "")
    rows = "".join(
        f"A,2014-06-0{day},{price},{price * 1.01},{price * 0.99},{price}\n"
        for day, price in ((5, before), (6, before), (9, after))
    )
    prices = read(tmp_path, head + rows)["A"]
    assert prices.splits == (date(2014, 6, 9),)
    assert prices.adjusted[:2] == pytest.approx([before * ratio] * 2)
    assert prices.adjusted[2] == after


def test_a_crash_is_no_split(tmp_path: Path) -> None:
    rows = "A,2014-06-06,100,101,99,100\nA,2014-06-09,58,60,55,57\n"
    assert read(tmp_path, HEAD.replace(",adj_close", "") + rows)["A"].splits == ()


def test_the_calendar_is_that_of_all_companies_and_a_gap_stays_one(tmp_path: Path) -> None:
    rows = "A,2014-06-06,9,9,9,9,9\nA,2014-06-10,9,9,9,9,9\nB,2014-06-09,9,9,9,9,9\n"
    prices = read(tmp_path, HEAD + rows)
    assert prices["A"].days == prices["B"].days == (date(2014, 6, 6), date(2014, 6, 9), date(2014, 6, 10))
    assert np.isnan(prices["A"].close).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ticker,date,open,high,low\n", "no column 'close'. It has: ticker, date, open, high, low."),
        ("", "no column 'date'. It has: none."),
        (HEAD + "A,06/05/2014,9,9,9,9,9\n", "line 2: .*Dates are written 2014-05-31"),
        (HEAD + "A,2014-06-05,9,9,9,n/a,9\n", "line 2: .*n/a"),
        (HEAD + "A,2014-06-05,9,9,9\n", "line 2: "),
        (HEAD + "A,2014-06-05,9,9,0,9,9\n", "not a positive number"),
        (HEAD + "A,2014-06-05,9,nan,9,9,9\n", "not a positive number"),
        (HEAD + "A,2014-06-05,9,8,9,9,9\n", "do not lie within low 9 to high 8"),
        (HEAD + "A,2014-06-05,9,9,9,9,9\n" * 2, "line 3: A has 2014-06-05 twice"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(PriceError, match=says):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("published", "session"),
    [
        ("2014-07-03T19:59:59", 0),  # A second before 16:00 in New York, in summer.
        ("2014-07-03T20:00:00", 1),
        ("2014-07-04T12:00:00", 1),  # A holiday and the weekend after it count for Monday.
        ("2014-07-06T23:00:00", 1),
        ("2014-07-07T20:00:00", 2),
        ("2014-12-01T20:59:59", 2),  # In winter the close is an hour later in UTC.
        ("2014-12-01T21:00:00", 3),
    ],
)
def test_an_item_counts_for_the_first_session_that_ends_after_it(published: str, session: int) -> None:
    ends = session_ends([date(2014, 7, 3), date(2014, 7, 7), date(2014, 12, 1)])
    assert session_of(np.array([published], dtype="datetime64[us]"), ends).tolist() == [session]
