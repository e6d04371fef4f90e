"""Any colour of an app stays legible, and nothing is fetched from elsewhere."""

from __future__ import annotations

import re

import pytest

from ui.document import ASSETS
from ui.theme import DARK_PAGE, LIGHT_PAGE, accents, app_styles, contrast, parse, theme

COLOURS = ["#2f7d5b", "#f5b301", "#ffffff", "#000000", "#fff", "#ff0000", "#2563eb", "#808080"]


def test_contrast_is_wcags() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((118, 118, 118), (255, 255, 255)) == pytest.approx(4.54, abs=0.01)
    assert contrast((9, 9, 9), (9, 9, 9)) == 1


@pytest.mark.parametrize("colour", COLOURS)
def test_every_accent_can_be_read(colour: str) -> None:
    values = {name: parse(value) for name, value in accents(colour).items()}
    assert contrast(values["fill"], parse("#ffffff")) >= 4.5
    for surface in (LIGHT_PAGE, "#ffffff", "#eef0f4"):
        assert contrast(values["ink"], parse(surface)) >= 4.5
    for surface in (DARK_PAGE, "#1a1d23", "#20242b", "#15181d"):
        assert contrast(values["ink-dark"], parse(surface)) >= 4.5


def test_a_legible_colour_is_left_alone() -> None:
    assert accents("#1d4ed8")["fill"] == "#1d4ed8"


@pytest.mark.parametrize("text", ["green", "#12", "#12345g", "url(x)", "#2f7d5b;}"])
def test_what_is_no_colour_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        parse(text)


def test_an_apps_name_cannot_leave_its_rule() -> None:
    styles = app_styles([{"name": 'x"]{}*{display:none}', "colour": "#123456"}])
    assert styles.count("{") == 1
    assert "--accent-fill:#123456" in styles


def test_the_surfaces_in_the_style_sheet_are_those_that_are_checked() -> None:
    assert f"--page: light-dark({LIGHT_PAGE}, {DARK_PAGE});" in (ASSETS / "frame.css").read_text()


def test_no_style_script_or_theme_names_another_site() -> None:
    texts = {asset.name: asset.read_text() for asset in ASSETS.iterdir()} | {"theme": theme()._get_theme_css()}
    for name, text in texts.items():
        own = text.replace("http://www.w3.org/2000/svg", "")
        assert not re.findall(r"https?://|url\(['\"]?//|@import", own), name
    assert theme()._stylesheets == []
