"""Shows an evaluation: tables in the terminal, and one self-contained HTML page with plots.

It measures nothing and loads no model. Whatever comes from data is escaped in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from agent.learning.figures import ClassifierReport, LabelFigures, Report, RetrievalReport, ScopeReport

SHOWN_CONFUSIONS = 10
"""In the terminal; the page shows all that the report holds."""
NONE = "–"

_COUNTED = {
    "texts": "messages",
    "in_scope": "in scope",
    "out_of_scope": "out of scope",
    "sentiment": "with a sentiment",
    "questions": "with a right article",
    "documents": "documents",
    "passages": "passages",
}
_STYLE = """
:root { color-scheme: light dark; --ink: #1b2330; --muted: #5b6675; --line: #d5dbe3; --page: #f6f7f9; --card: #fff;
  --accent: #2563c9; --warn: #c2410c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf1; --muted: #9ba7b6; --line: #38424f; --page: #12161c;
  --card: #1b2129; --accent: #6ea8fe; --warn: #fb8c4b; } }
* { box-sizing: border-box; }
body { font: 1rem/1.55 system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 0; }
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 0 0 .25rem; } h3 { font-size: 1rem; margin: 0; }
p { margin: .25rem 0 .75rem; max-width: 46rem; } .muted, figcaption, dt { color: var(--muted); font-size: .9rem; }
section, dl.cards div { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
section { padding: 1.1rem; margin-top: 1rem; }
dl.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; }
dl.cards { margin: 1.25rem 0 0; }
dl.cards div { display: flex; flex-direction: column; justify-content: space-between; padding: .7rem .9rem; }
dd { margin: 0; font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 1.25rem; }
.pair > * { min-width: 0; }
figure { margin: .75rem 0 0; } svg { display: block; max-width: 100%; height: auto; margin: 0 auto; overflow: visible; }
svg text { font-family: system-ui, sans-serif !important; }
.bars svg { width: 100%; max-width: 32rem; }
.scroll { overflow-x: auto; } .scroll svg.wide { min-width: 40rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--muted); font-weight: 500; white-space: nowrap; } .number { text-align: right; white-space: nowrap; }
td.text { color: var(--muted); min-width: 14rem; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  .confused thead { display: none; }
  .confused tr { display: block; border-bottom: 1px solid var(--line); padding: .4rem 0; }
  .confused td { display: inline; border: 0; padding: 0; overflow-wrap: anywhere; }
  .confused td:nth-child(2)::before { content: " → "; } .confused td.number::before { content: " × "; }
  .confused td.text { display: block; }
}
details { margin-top: 1rem; } summary { cursor: pointer; color: var(--accent); }
"""


def worst_first(report: ClassifierReport) -> list[LabelFigures]:
    """The labels that occur in the test split, by F1 and then by name."""
    return sorted((row for row in report.labels if row.support), key=lambda row: (row.f1, row.label))


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{100 * value:.1f} %"


def _summary(report: Report) -> list[tuple[str, str]]:
    rows = []
    for name, part in (("Intent", report.intent), ("Sentiment", report.sentiment)):
        if part:
            rows += [
                (f"{name} accuracy", _percent(part.accuracy)),
                (f"{name} macro F1", f"{part.f1:.3f}"),
                (f"{name} calibration error", f"{part.ece:.3f}"),
            ]
    if report.out_of_scope:
        rows.append(("Out-of-scope AUROC", f"{report.out_of_scope.auroc:.3f}"))
        rows.append(("Out of scope refused", _percent(report.out_of_scope.recall)))
    if report.retrieval:
        rows.append(("Right article first", _percent(report.retrieval.query.accuracy_at_1)))
    return rows


def _scope_rows(scope: ScopeReport) -> list[tuple[str, str]]:
    return [
        ("AUROC", f"{scope.auroc:.3f}"),
        (f"Refused of {scope.out_of_scope} out of scope (recall)", _percent(scope.recall)),
        ("Out of scope among the refused (precision)", _percent(scope.precision)),
        (f"Lost of {scope.in_scope} in scope", _percent(scope.in_scope_lost)),
        ("Lost of those understood", _percent(scope.understood_lost)),
    ]


def _retrieval_rows(retrieval: RetrievalReport) -> list[tuple[str, str, str, str]]:
    rows = []
    for name, query, frozen in (
        ("Right article first (acc@1)", retrieval.query.accuracy_at_1, retrieval.frozen.accuracy_at_1),
        ("MRR@10", retrieval.query.mrr_at_10, retrieval.frozen.mrr_at_10),
        ("nDCG@10", retrieval.query.ndcg_at_10, retrieval.frozen.ndcg_at_10),
    ):
        rows.append((name, f"{query:.3f}", f"{frozen:.3f}", f"{query - frozen:+.3f}"))
    return rows


def _label_rows(report: ClassifierReport) -> list[tuple[str, str, str, str, str]]:
    return [
        (row.label, f"{row.precision:.3f}", f"{row.recall:.3f}", f"{row.f1:.3f}", str(row.support))
        for row in worst_first(report)
    ]


def _bin_rows(report: ClassifierReport) -> list[tuple[str, str, str, str]]:
    return [
        (f"{b.low:.2f} to {b.high:.2f}", f"{b.confidence:.3f}", f"{b.accuracy:.3f}", str(b.count))
        for b in report.bins
        if b.count
    ]


def _unknown_note(retrieval: RetrievalReport) -> str:
    return "Not in the knowledge base, and left out: " + ", ".join(retrieval.unknown) + "."


LABEL_COLUMNS = ("label", "precision", "recall", "F1", "texts")
BIN_COLUMNS = ("confidence", "mean", "accuracy", "texts")
CONFUSION_COLUMNS = ("true", "taken for", "times", "such as")
RETRIEVAL_COLUMNS = ("", "query vector", "frozen", "gain")
RELIABILITY_NOTE = "On the diagonal, confidence equals accuracy. Deeper bars hold more messages."


def _heading(report: Report, app: str) -> str:
    return f"{app + ', ' if app else ''}model {report.model_version}"


def _counts(report: Report) -> str:
    return ", ".join(f"{n} {_COUNTED.get(k, k)}" for k, n in report.counts.items() if n)


def print_report(report: Report, console: Console, app: str = "") -> None:
    """Print the figures as tables. Parts without data are left out."""
    console.print(Text(_heading(report, app), style="bold"))
    console.print(Text(f"{_counts(report)}; {report.seconds:.1f} s", style="dim"))
    _print(console, "Summary", ("", ""), _summary(report), numbers=1)
    for name, part in (("Intent", report.intent), ("Sentiment", report.sentiment)):
        if part is None:
            continue
        _print(console, f"{name}, worst first", LABEL_COLUMNS, _label_rows(part), numbers=4)
        confusions = [
            (c.true, c.predicted, str(c.count), c.texts[0] if c.texts else "")
            for c in part.confusions[:SHOWN_CONFUSIONS]
        ]
        if confusions:
            _print(console, f"{name}: most confused", CONFUSION_COLUMNS, confusions, numbers=1, first_number=2)
        title = f"{name}: calibration (error {part.ece:.3f})"
        _print(console, title, BIN_COLUMNS, _bin_rows(part), numbers=3)
    if report.out_of_scope:
        title = f"Out of scope, at the threshold {report.out_of_scope.threshold:g}"
        _print(console, title, ("", ""), _scope_rows(report.out_of_scope), numbers=1)
    if report.retrieval:
        title = f"Retrieval: {report.retrieval.count} questions, {report.retrieval.documents} documents"
        _print(console, title, RETRIEVAL_COLUMNS, _retrieval_rows(report.retrieval), numbers=3)
        if report.retrieval.unknown:
            console.print(Text(_unknown_note(report.retrieval), style="yellow"))


def _print(
    console: Console,
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: int,
    first_number: int = 1,
) -> None:
    """``numbers`` columns from ``first_number`` on are set to the right. Cells are plain, never markup."""
    table = Table(title=Text(title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, show_header=any(columns))
    for i, column in enumerate(columns):
        right = first_number <= i < first_number + numbers
        table.add_column(column, justify="right" if right else "left", no_wrap=right)
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def write_html(report: Report, path: Path, app: str = "") -> None:
    """Write the report with its plots as one file that needs no other."""
    title = f"Evaluation of {_heading(report, app)}"
    cards = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in _summary(report))
    parts = [
        f"<h1>{escape(title)}</h1><p class='muted'>{escape(_counts(report))}. "
        f"Measured {escape(report.created.replace('T', ' '))} in {report.seconds:.1f} s.</p>"
        f"<dl class='cards'>{cards}</dl>"
    ]
    if report.intent:
        parts += _classifier_sections(report.intent, "Intent")
    if report.out_of_scope:
        parts.append(_scope_section(report.out_of_scope))
    if report.retrieval:
        parts.append(_retrieval_section(report.retrieval))
    if report.sentiment:
        parts += _classifier_sections(report.sentiment, "Sentiment")
    page = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )
    path.write_text(page, encoding="utf-8")


def _classifier_sections(part: ClassifierReport, name: str) -> list[str]:
    from agent.learning import plots  # matplotlib is slow to import and the terminal needs none of it

    key = name.lower()
    worst = worst_first(part)
    bars_note = f"The {plots.MOST_BARS} worst of {len(worst)}." if len(worst) > plots.MOST_BARS else "Worst first."
    bars = _plot(plots.f1_bars(worst, f"{key}-f1"), bars_note)
    diagram = _plot(plots.reliability(part, f"{key}-reliability"), RELIABILITY_NOTE)
    by_confidence = _more("Figures by confidence", _table(BIN_COLUMNS, _bin_rows(part), {1, 2, 3}))
    by_label = _more("Precision, recall and F1 by label", _table(LABEL_COLUMNS, _label_rows(part), {1, 2, 3, 4}))
    figures = (
        f"<section><h2>{name}</h2><p class='muted'>Over {part.count} messages: accuracy {_percent(part.accuracy)}; "
        f"macro precision {part.precision:.3f}, recall {part.recall:.3f}, F1 {part.f1:.3f}.</p><div class='pair'>"
        f"<div class='bars'><h3>F1 by label</h3>{bars}</div>"
        f"<div><h3>Calibration</h3>{diagram}{by_confidence}</div></div>{by_label}</section>"
    )
    if not part.confusions:
        return [figures]
    shown = len(plots.matrix_labels(part))
    note = "Rows are true, columns predicted; deeper cells are a larger share of their row."
    if shown < len(part.labels):
        note += f" Shown are the {shown} of {len(part.labels)} labels that are confused most."
    rows = [(c.true, c.predicted, str(c.count), " · ".join(c.texts)) for c in part.confusions]
    matrix = _plot(plots.confusion(part, key + "-confusion" + (" wide" if shown > 12 else "")), note)
    table = f"<div class='confused'>{_table(CONFUSION_COLUMNS, rows, {2})}</div>"
    confused = f"<section><h2>{name}: what is confused</h2>{table}{matrix}</section>"
    return [figures, confused]


def _scope_section(scope: ScopeReport) -> str:
    from agent.learning import plots

    curve = _plot(plots.scope_curve(scope, "scope-curve"), "Each point is a threshold; the marked one is in use.")
    return (
        "<section><h2>Out of scope</h2><div class='pair'>"
        f"<div><p class='muted'>At the model's threshold, {scope.threshold:g}.</p>"
        f"{_table(('', ''), _scope_rows(scope), {1})}</div><div>{curve}</div></div></section>"
    )


def _retrieval_section(retrieval: RetrievalReport) -> str:
    unknown = f"<p>{escape(_unknown_note(retrieval))}</p>" if retrieval.unknown else ""
    return (
        f"<section><h2>Retrieval</h2><p class='muted'>{retrieval.count} questions against {retrieval.documents} "
        "documents, each by its best passage: the model's query vector beside "
        "the frozen embedding of the same question.</p>"
        f"{_table(RETRIEVAL_COLUMNS, _retrieval_rows(retrieval), {1, 2, 3})}{unknown}</section>"
    )


def _plot(svg: str, caption: str) -> str:
    return f"<figure><div class='scroll'>{svg}</div><figcaption>{escape(caption)}</figcaption></figure>"


def _more(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: set[int]) -> str:
    def cell(tag: str, i: int, text: str) -> str:
        kind = " class='number'" if i in numbers else " class='text'" if columns[i] == "such as" else ""
        return f"<{tag}{kind}>{escape(text)}</{tag}>"

    head = "".join(cell("th", i, column) for i, column in enumerate(columns))
    body = "".join("<tr>" + "".join(cell("td", i, value) for i, value in enumerate(row)) + "</tr>" for row in rows)
    header = f"<thead><tr>{head}</tr></thead>" if any(columns) else ""
    return f"<div class='scroll'><table>{header}<tbody>{body}</tbody></table></div>"
