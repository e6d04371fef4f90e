"""Colours and fonts: each app's one colour made legible on light and dark, and Gradio's theme around it.

Contrast is WCAG 2's: (L1 + 0.05) / (L2 + 0.05) over relative luminance. No font or style comes from elsewhere.
"""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterable, Mapping
from typing import Any

import gradio as gr

Rgb = tuple[int, int, int]
"""Each 0 to 255."""

THEME_COOKIE = "switchboard_theme"
THEMES = ("auto", "light", "dark")
"""What a person may choose; ``auto`` follows the system."""

FONTS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "Cascadia Code", "Menlo", "Consolas", "monospace")

# The pages' surfaces; the same values stand in assets/frame.css.
LIGHT_PAGE, DARK_PAGE = "#ffffff", "#14161a"
_LIGHT: Rgb = (0xE9, 0xEC, 0xF1)  # the darkest light surface that carries coloured text
_DARK: Rgb = (0x2A, 0x2F, 0x38)  # the lightest dark surface that does
_WHITE: Rgb = (255, 255, 255)
# WCAG AA asks 4.5 for text; a little more, because hover and selection tint the surfaces.
_ENOUGH = 4.8


def parse(colour: str) -> Rgb:
    """``#rgb`` or ``#rrggbb``; raises ValueError for anything else."""
    found = re.fullmatch(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", colour)
    if found is None:
        raise ValueError(f"'{colour}' is no colour. Write #rrggbb.")
    digits = found[1] if len(found[1]) == 6 else "".join(digit * 2 for digit in found[1])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def contrast(one: Rgb, other: Rgb) -> float:
    """1 (the same) to 21 (black on white)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def legible(colour: Rgb, surface: Rgb) -> Rgb:
    """``colour`` in its own hue, just so much darker or lighter that it can be read on ``surface``."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(part / 255 for part in colour))
    end = 0.0 if _luminance(surface) > 0.2 else 1.0
    for step in range(100):
        tone = lightness + (end - lightness) * step / 100
        red, green, blue = (round(part * 255) for part in colorsys.hls_to_rgb(hue, tone, saturation))
        if contrast((red, green, blue), surface) >= _ENOUGH:
            return red, green, blue
    return (0, 0, 0) if end == 0.0 else _WHITE


def accents(colour: str) -> dict[str, str]:
    """What the style sheet needs of an app's colour, by name.

    ``fill`` carries white text; ``ink`` and ``ink-dark`` are text on light and on dark surfaces.
    """
    rgb = parse(colour)
    return {
        "fill": _hex(legible(rgb, _WHITE)),
        "ink": _hex(legible(rgb, _LIGHT)),
        "ink-dark": _hex(legible(rgb, _DARK)),
    }


def app_styles(apps: Iterable[Mapping[str, Any]]) -> str:
    """A style sheet that gives each app its accents inside of an element with ``data-app="NAME"``."""
    rules = []
    for app in apps:
        values = "".join(f"--accent-{name}:{value};" for name, value in accents(app["colour"]).items())
        name = re.sub(r"[^\w-]", lambda found: f"\\{ord(found[0]):x} ", app["name"])
        rules.append(f'[data-app="{name}"]{{{values}}}')
    return "\n".join(rules)


def theme_of(cookies: Mapping[str, str]) -> str:
    """The one of THEMES that the person chose."""
    chosen = cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else "auto"


def theme() -> gr.themes.Base:
    """Gradio's part of the look: system fonts, our page colours, nothing else of its own."""
    base = gr.themes.Base(
        font=[gr.themes.Font(name) for name in FONTS], font_mono=[gr.themes.Font(name) for name in MONO]
    )
    return base.set(
        body_background_fill=LIGHT_PAGE,
        body_background_fill_dark=DARK_PAGE,
        body_text_color="#1b1f24",
        body_text_color_dark="#e8eaed",
    )


def _luminance(colour: Rgb) -> float:
    """Relative luminance, 0 to 1."""
    linear = [part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _hex(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
