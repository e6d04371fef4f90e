"""The plots of an evaluation report, each as the text of one inline SVG element.

Colours come out as CSS variables of the page (``--ink``, ``--muted``, ``--line``, ``--accent``, ``--warn``), so
that one drawing serves light and dark. Nothing here touches matplotlib's global state or a screen.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

if TYPE_CHECKING:
    from agent.learning.figures import ClassifierReport, LabelFigures, ScopeReport

MOST_MATRIX_LABELS = 36
"""Larger matrices show only the labels that are confused most."""
MOST_BARS = 40

# Stand-ins that matplotlib can draw with; _svg puts the page's variables in their place.
INK, MUTED, LINE, ACCENT, WARN = "#01fe01", "#01fe02", "#01fe03", "#01fe04", "#01fe05"
_VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", ACCENT: "--accent", WARN: "--warn"}
_SETTINGS = {
    "svg.fonttype": "none",
    "font.size": 9,
    # A dollar sign in a label is a dollar sign.
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
}


def _figure(width: float, height: float) -> tuple[Any, Any]:
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Any, name: str, label: str) -> str:
    """``name`` keeps the ids of several drawings in one page apart; ``label`` is read out by screen readers."""
    stream = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}), warnings.catch_warnings():
        # Letters that the measuring font lacks are drawn by the reader's own fonts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(stream, format="svg", bbox_inches="tight", pad_inches=0.04, transparent=True)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, count=1, flags=re.DOTALL)
    # Ids that matplotlib counts up (figure_1, axes_1, ...) would stand twice in a page; nothing refers to them.
    text = re.sub(r'<g id="[a-zA-Z][\w.]*_\d+"(/?)>', r"<g\1>", text)
    for stand_in, variable in _VARIABLES.items():
        text = text.replace(stand_in, f"var({variable})")
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" class="{escape(name)}" ', 1)


def _unit_square(axes: Any, x: str, y: str) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=x, ylabel=y, aspect="equal")
    axes.grid(True)
    axes.tick_params(length=0)


def reliability(report: ClassifierReport, name: str) -> str:
    """Accuracy against confidence; the lower band holds the share of texts in each bin."""
    with matplotlib.rc_context(_SETTINGS):
        figure, axes = _figure(3.9, 3.9)
        _unit_square(axes, "confidence", "accuracy")
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        for b in report.bins:
            if b.count:
                width = b.high - b.low
                share = b.count / report.count
                axes.add_patch(Rectangle((b.low, 0), width, b.accuracy, facecolor=ACCENT, alpha=0.2 + 0.55 * share))
                axes.plot([b.low, b.high], [b.accuracy] * 2, color=ACCENT, linewidth=2)
        filled = [b for b in report.bins if b.count]
        axes.plot(
            [b.confidence for b in filled],
            [b.accuracy for b in filled],
            color=ACCENT,
            marker="o",
            markersize=4,
            linestyle="none",
            clip_on=False,
        )
        axes.text(0.96, 0.05, f"ECE {report.ece:.3f}", ha="right", fontsize=11, color=INK)
        return _svg(figure, name, f"Reliability diagram; calibration error {report.ece:.3f}")


def scope_curve(report: ScopeReport, name: str) -> str:
    """Out-of-scope texts refused against in-scope texts lost (ROC), the model's threshold marked."""
    with matplotlib.rc_context(_SETTINGS):
        figure, axes = _figure(3.9, 3.9)
        _unit_square(axes, "share of in-scope messages lost", "share of out-of-scope messages refused")
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        lost = [0.0, *(p.in_scope_lost for p in report.curve)]
        recall = [0.0, *(p.recall for p in report.curve)]
        axes.fill_between(lost, recall, color=ACCENT, alpha=0.15, linewidth=0)
        axes.plot(lost, recall, color=ACCENT, linewidth=2, clip_on=False)
        axes.plot([report.in_scope_lost], [report.recall], color=WARN, marker="o", markersize=7, clip_on=False)
        axes.annotate(
            f"threshold {report.threshold:g}",
            (report.in_scope_lost, report.recall),
            textcoords="offset points",
            xytext=(9, -14),
            color=WARN,
        )
        axes.text(0.96, 0.05, f"AUROC {report.auroc:.3f}", ha="right", fontsize=11, color=INK)
        return _svg(figure, name, f"Out-of-scope curve; AUROC {report.auroc:.3f}")


def f1_bars(labels: Sequence[LabelFigures], name: str) -> str:
    """F1 of each label, in the order given, at most MOST_BARS of them."""
    shown = list(labels)[:MOST_BARS]
    with matplotlib.rc_context(_SETTINGS):
        figure, axes = _figure(2.7, 0.5 + 0.21 * len(shown))
        rows = range(len(shown))
        axes.barh(rows, [1.0] * len(shown), color=LINE, alpha=0.35, height=0.66)
        axes.barh(rows, [row.f1 for row in shown], color=ACCENT, height=0.66)
        for i, row in enumerate(shown):
            axes.text(1.02, i, f"{row.f1:.2f}", va="center", fontsize=8.5, color=INK)
        axes.set(xlim=(0, 1), ylim=(len(shown) - 0.4, -0.6), xticks=[])
        axes.set_yticks(rows, [_short(row.label) for row in shown])
        axes.tick_params(length=0, labelcolor=INK)
        axes.spines[:].set_visible(False)
        return _svg(figure, name, "F1 of each label, the worst first")


def matrix_labels(report: ClassifierReport) -> list[int]:
    """Places of the labels that the drawn matrix shows: all, or those that are confused most."""
    if len(report.labels) <= MOST_MATRIX_LABELS:
        return list(range(len(report.labels)))
    wrong = [0] * len(report.labels)
    for t, row in enumerate(report.matrix):
        for p, count in enumerate(row):
            if t != p:
                wrong[t] += count
                wrong[p] += count
    worst = sorted(range(len(wrong)), key=lambda i: -wrong[i])[:MOST_MATRIX_LABELS]
    return sorted(i for i in worst if wrong[i])


def confusion(report: ClassifierReport, name: str) -> str:
    """The confusion matrix, rows true and columns predicted; the deeper a cell, the larger its share of the row."""
    at = matrix_labels(report)
    size = len(at)
    side = max(2.2, 0.27 * size)
    with matplotlib.rc_context(_SETTINGS):
        figure, axes = _figure(side, side)
        for y, t in enumerate(at):
            for x, p in enumerate(at):
                count = report.matrix[t][p]
                if not count:
                    continue
                share = count / sum(report.matrix[t])
                colour, depth = (ACCENT, 0.1 + 0.4 * share) if t == p else (WARN, 0.25 + 0.4 * share)
                axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, alpha=depth, linewidth=0))
                axes.text(x, y, str(count), ha="center", va="center", fontsize=8, color=INK)
        names = [_short(report.labels[i].label) for i in at]
        axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal", xlabel="predicted", ylabel="true")
        axes.set_xticks(range(size), names, rotation=90)
        axes.set_yticks(range(size), names)
        axes.set_xticks([i - 0.5 for i in range(size + 1)], minor=True)
        axes.set_yticks([i - 0.5 for i in range(size + 1)], minor=True)
        axes.grid(True, which="minor", linewidth=0.4)
        axes.tick_params(which="both", length=0, labelcolor=INK)
        axes.spines[:].set_visible(False)
        return _svg(figure, name, "Confusion matrix, rows true and columns predicted")


def _short(label: str, most: int = 30) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"
