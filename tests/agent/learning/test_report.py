from __future__ import annotations

import html
import io
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from agent.learning import plots
from agent.learning.evaluate import classifier_report
from agent.learning.figures import (
    ClassifierReport,
    CurvePoint,
    RankingFigures,
    Report,
    RetrievalReport,
    ScopeReport,
)
from agent.learning.report import print_report, worst_first, write_html

NASTY = "<img src=x onerror=alert(1)>"
CURVE = (CurvePoint(0.9, 0.0, 0.6), CurvePoint(0.5, 0.1, 0.8), CurvePoint(0.1, 1.0, 1.0))


def classifier(names: tuple[str, ...], wrong: dict[int, int], each: int = 2, text: str = "hi") -> ClassifierReport:
    """``each`` texts of every label; those of label ``i`` in ``wrong`` are all taken for ``wrong[i]``."""
    true = [i for i in range(len(names)) for _ in range(each)]
    best = [wrong.get(i, i) for i in true]
    probabilities = np.full((len(true), len(names)), 0.2 / len(names), np.float32)
    probabilities[np.arange(len(true)), best] += 0.8
    return classifier_report(probabilities, names, [names[i] for i in true], [text] * len(true))


def report(names: tuple[str, ...] = ("order_status", "refund", "greeting"), text: str = "where is it") -> Report:
    return Report(
        model_version="7",
        created="2025-11-24T00:00:00+00:00",
        seconds=1.5,
        counts={"texts": 12, "in_scope": 6, "questions": 0},
        intent=classifier(names, {1: 0}, text=text),
        sentiment=classifier(("negative", "neutral", "positive"), {}),
        out_of_scope=ScopeReport(6, 4, 0.912, 0.5, 0.75, None, 0.1, 0.05, CURVE),
        retrieval=RetrievalReport(5, 9, RankingFigures(0.8, 0.85, 0.9), RankingFigures(0.6, 0.65, 0.7), ("gone",)),
    )


def printed(shown: Report, app: str = "") -> str:
    stream = io.StringIO()
    print_report(shown, Console(file=stream, width=120, color_system=None), app)
    return stream.getvalue()


def page(shown: Report, tmp_path: Path, app: str = "") -> str:
    write_html(shown, tmp_path / "report.html", app)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in {"meta"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_terminal_shows_every_part() -> None:
    shown = printed(report(), "support")
    for expected in ("support, model 7", "66.7 %", "0.912", "75.0 %", "+0.200", "left out: gone", "12 messages"):
        assert expected in shown
    assert "right article" not in shown.splitlines()[1]  # no questions are counted


def test_the_worst_label_comes_first() -> None:
    part = report().intent
    assert part is not None
    assert [row.label for row in worst_first(part)] == ["refund", "order_status", "greeting"]
    shown = printed(report())
    assert shown.index("refund") < shown.index("order_status") < shown.index("greeting")


def test_labels_without_texts_are_not_listed() -> None:
    part = classifier_report(np.eye(2, dtype=np.float32)[:1], ("used", "unused"), ["used"], ["x"])
    assert "unused" not in printed(Report("1", "", 0.0, {}, part))


def test_data_is_no_console_markup() -> None:
    shown = printed(report(("[red]order[/red]", "[/]", "c"), text="[bold]hi"))
    assert "[red]order[/red]" in shown
    assert "[bold]hi" in shown


def test_missing_parts_are_left_out(tmp_path: Path) -> None:
    empty = Report("1", "2025-11-24", 0.0, {"texts": 0})
    assert "Retrieval" not in printed(empty)
    text = page(empty, tmp_path)
    assert "<svg" not in text
    assert "Evaluation of model 1" in text


def test_the_page_holds_all_plots_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    text = page(report(), tmp_path, "support")
    found = Elements(text)
    assert found.open == []
    # F1 and reliability of both classifiers, one confusion matrix (sentiment has no mistake), the scope curve.
    assert found.tags.count("svg") == 6
    assert not {"script", "link", "img", "image", "iframe"} & set(found.tags)
    assert not [v for name, v in found.attributes if name in {"href", "src", "xlink:href"} and not v.startswith("#")]
    assert not re.search(r"url\((?!#)|@import|<!DOCTYPE svg|<\?xml", text)
    assert "prefers-color-scheme: dark" in text
    assert "width=device-width" in text


def test_ids_stand_once_and_every_reference_has_its_target(tmp_path: Path) -> None:
    text = page(report(), tmp_path)
    ids = [value for name, value in Elements(text).attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)


def test_colours_follow_the_page(tmp_path: Path) -> None:
    text = page(report(), tmp_path)
    assert "fill: var(--accent)" in text
    assert "#01fe0" not in text
    declared, used = set(re.findall(r"(--\w+):", text)), set(re.findall(r"var\((--\w+)\)", text))
    assert used <= declared


def test_what_comes_from_data_is_escaped(tmp_path: Path) -> None:
    shown = report((NASTY, "$x$ & \"y\" 'z'", "退货"), text=f"{NASTY}</td>")
    text = page(shown, tmp_path, app=NASTY)
    found = Elements(text)
    assert "img" not in found.tags
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert html.escape(NASTY) in text
    assert "$x$" in text  # a dollar sign starts no formula in a plot
    assert "退货" in text


def test_a_page_is_the_same_each_time(tmp_path: Path) -> None:
    assert page(report(), tmp_path) == page(report(), tmp_path)


def test_a_large_matrix_shows_the_confused_labels_only(tmp_path: Path) -> None:
    names = tuple(f"intent_{n:02d}" for n in range(60))
    part = classifier(names, {3: 4, 50: 7}, each=1)
    assert plots.matrix_labels(part) == [3, 4, 7, 50]
    text = page(Report("1", "", 0.0, {}, part), tmp_path)
    assert "Shown are the 4 of 60 labels" in text
    assert f"The {plots.MOST_BARS} worst of 60." in text
    assert plots.matrix_labels(classifier(("a", "b"), {})) == [0, 1]


@pytest.mark.parametrize("module", ["report", "plots", "figures"])
def test_showing_a_report_needs_no_torch(module: str) -> None:
    code = f"import sys, agent.learning.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
