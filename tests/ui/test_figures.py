"""The HTML of charts: labelled, linked, and closed to addresses of others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.agent.samples import figure
from ui.figures import figures
from ui.words import WORDS

EN = WORDS["en"]


def test_a_chart_has_its_title_note_image_and_links() -> None:
    html = figures((figure(),), "en-GB", EN)
    assert '<figcaption lang="en-GB">Parcels by day</figcaption>' in html
    assert 'data-svg="/v1/demo/queries/q-0123456789ab/chart.svg"' in html
    assert '<img src="/v1/demo/queries/q-0123456789ab/chart.png" alt="Parcels by day"' in html
    assert "48 parcels in May" in html
    assert '<a href="/v1/demo/queries/q-0123456789ab/table.csv" download>' in html
    assert '<p class="note"' not in figures((replace(figure(), note=""),), "en-GB", EN)


def test_title_and_note_are_text() -> None:
    html = figures((replace(figure(), title='"><script>', note="<b>"),), "en-GB", EN)
    assert "<script>" not in html
    assert "<b>" not in html


@pytest.mark.parametrize(
    "path",
    [
        *("https://evil.example/chart.svg", "//evil.example/v1/chart.svg", "/v1//evil.example/chart.svg"),
        *("/v1/../console/chart.svg", "/ui/chart.svg", "/v1/chart.svg#x", "javascript:alert(1)", "/v1/chart .svg", ""),
    ],
)
@pytest.mark.parametrize("field", ["svg", "png", "table"])
def test_a_chart_from_elsewhere_is_left_out(field: str, path: str) -> None:
    assert figures((replace(figure(), **{field: path}),), "en-GB", EN) == ""
