"""The pictures: parts where the data has them, hostile names, and both forms of one drawing."""

from __future__ import annotations

import io
import re
from datetime import date, timedelta
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from apps.finance.charts import NOTE, Chart, Mark, heat_map, index_chart
from apps.finance.periods import Period
from apps.finance.prices import Prices
from apps.finance.shifts import Shift
from apps.finance.trend import Point

FIRST = date(2014, 5, 1)


def points(count: int = 12) -> list[Point]:
    """The fourth has no items, the fifth has one."""
    made = []
    for number in range(count):
        period = Period(FIRST + timedelta(days=number), FIRST + timedelta(days=number))
        value = np.sin(number) / 2
        made.append(Point(period, 5, 4, value, value - 0.2, value + 0.2, value / 2))
    made[3] = Point(made[3].period, 0, 0, None, None, None, 0.1)
    made[4] = Point(made[4].period, 1, 1, 0.3, None, None, 0.1)
    return made


def titles(chart: Chart) -> list[str]:
    root = ElementTree.fromstring(chart.svg)
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}title")]


def test_every_point_mark_and_shift_says_what_it_is() -> None:
    shift = Shift(FIRST + timedelta(days=6), 0.1, -0.25, FIRST + timedelta(days=11))
    chart = index_chart("JPM", points(), shifts=[shift], marks=[Mark(FIRST + timedelta(days=7), "below -0.30")])
    said = titles(chart)
    assert len(said) == 14
    assert "2014-05-04: no items" in said
    assert "2014-05-05: +0.30, 1 item" in said
    assert "2014-05-01: +0.00 (-0.20 to +0.20), 5 items" in said
    assert "2014-05-07: level shift from +0.10 to -0.25" in said
    assert "2014-05-08: below -0.30" in said
    assert NOTE in chart.svg
    assert "51 items, 2014-05-01 to 2014-05-12." in chart.svg


def test_what_lies_outside_of_the_span_is_left_out() -> None:
    far = FIRST + timedelta(days=99)
    chart = index_chart("JPM", points(), shifts=[Shift(far, 0, 1, far)], marks=[Mark(far, "late")])
    assert len(titles(chart)) == 12


def test_a_png_of_the_same_drawing_has_prices_below_where_given() -> None:
    days = tuple(FIRST + timedelta(days=n) for n in range(-3, 20))
    flat = np.full(len(days), 50.0)
    sizes = []
    for prices in (None, Prices("JPM", days, flat, flat, flat, flat, np.ones(len(days)))):
        chart = index_chart("JPM", points(), prices=prices)
        assert (">close<" in chart.svg) == (prices is not None)
        with Image.open(io.BytesIO(chart.png)) as image:
            sizes.append(image.size)
    assert sizes[0][0] == sizes[1][0] == 1200
    assert sizes[1][1] > sizes[0][1]


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'A & B "C"', "$A_{1}$ costs $5", "苹果"])
def test_a_name_is_text_whatever_it_holds(name: str) -> None:
    chart = index_chart(name, points(), marks=[Mark(FIRST, name)])
    root = ElementTree.fromstring(chart.svg)
    assert name in root.attrib["aria-label"]
    assert f"{FIRST}: {name}" in titles(chart)
    assert any(element.text == name for element in root.iter("{http://www.w3.org/2000/svg}text"))
    assert "<script" not in chart.svg


def test_colours_are_the_pages_and_the_same_data_gives_the_same_bytes() -> None:
    first, second = (index_chart("JPM", points()) for _ in range(2))
    assert first == second
    assert "var(--accent)" in first.svg
    assert "#01fe" not in first.svg


def test_a_heat_map_has_a_cell_for_each_company_and_period_with_items() -> None:
    chart = heat_map({"JPM": points(), "BAC": points()})
    assert len(titles(chart)) == 22
    assert "BAC, 2014-05-05: +0.30, 1 item" in titles(chart)


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(ValueError, match="No periods to draw of JPM"):
        index_chart("JPM", [])
    with pytest.raises(ValueError, match="watch list"):
        heat_map({})
    with pytest.raises(ValueError, match="same periods"):
        heat_map({"JPM": points(), "BAC": points(5)})


def test_a_page_finds_what_a_part_is_of() -> None:
    svg = "{http://www.w3.org/2000/svg}"
    root = ElementTree.fromstring(heat_map({"BAC": points(), 'A "B"': points()}).svg)
    cells = [(one.get("data-name"), one.get("data-at")) for one in root.iter(f"{svg}g") if one.get("data-at")]
    assert len(cells) == 22
    assert cells[0] == ("BAC", "2014-05-01")
    assert cells[-1] == ('A "B"', "2014-05-12")
    root = ElementTree.fromstring(index_chart("JPM", points()).svg)
    assert [one.get("data-at") for one in root.iter(f"{svg}g") if one.get("data-at")][3] == "2014-05-04"
    # A style sheet within a picture would be one of the page around it.
    assert not list(root.iter(f"{svg}style"))


def test_a_narrow_picture_keeps_the_size_of_its_letters() -> None:
    wide, narrow = index_chart("JPM", points()), index_chart("JPM", points(), width=4)
    assert 'width="576pt"' in wide.svg
    assert 'width="288pt"' in narrow.svg
    sizes = [set(re.findall(r"font-size: ([\d.]+)px", chart.svg)) for chart in (wide, narrow)]
    assert sizes[0] == sizes[1]
    assert "11" in sizes[0]
