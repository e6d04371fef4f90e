"""The folded panel "why this answer": the route's reason, and the figures behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from agent.types import Reply

MOST_INTENTS = 4
MOST_PASSAGES = 3


def why_panel(reply: Reply, words: Mapping[str, str]) -> str:
    """HTML of the panel; parts of ``reply.why`` that are missing are left out."""
    why, route = reply.why, reply.route
    rows = [
        _bars(words["why_understood"], [(i["name"], i["confidence"]) for i in why.get("intents", ())][:MOST_INTENTS]),
        _decided(words, route.score, route.threshold),
        _scope(words, why.get("out_of_scope")),
        _bars(words["why_passages"], [(p["title"], p["score"]) for p in why.get("passages", ())][:MOST_PASSAGES]),
        _feeling(words, why.get("sentiment")),
        _row(words["why_model"], f"<code>{escape(reply.model_version)}</code>"),
    ]
    return (
        f'<details class="why"><summary>{escape(words["why"])}</summary><div class="panel">'
        f'<p class="reason-text">{escape(route.reason)}</p><dl>{"".join(rows)}</dl></div></details>'
    )


def _row(label: str, value: str) -> str:
    return f"<div><dt>{escape(label)}</dt><dd>{value}</dd></div>"


def _bars(label: str, figures: Iterable[tuple[str, float]]) -> str:
    bars = "".join(
        f'<span class="bar"><span class="name">{escape(str(name).replace("_", " "))}</span>'
        f'<span class="track" aria-hidden="true"><i style="width:{min(1.0, max(0.0, share)):.0%}"></i></span>'
        f'<span class="figure">{share:.0%}</span></span>'
        for name, share in figures
    )
    return _row(label, bars) if bars else ""


def _decided(words: Mapping[str, str], score: float | None, threshold: float | None) -> str:
    if score is None:
        return ""
    held_against = f", {escape(words['threshold'])} {threshold:.2f}" if threshold is not None else ""
    return _row(words["why_decided"], f"{score:.2f}{held_against}")


def _scope(words: Mapping[str, str], figures: Any) -> str:
    if not isinstance(figures, Mapping):
        return ""
    value = f"{figures['score']:.2f}, {escape(words['threshold'])} {figures['threshold']:.2f}"
    return _row(words["why_scope"], value)


def _feeling(words: Mapping[str, str], scores: Any) -> str:
    if not isinstance(scores, Mapping) or not scores:
        return ""
    label = max(scores, key=lambda name: scores[name])
    return _row(words["why_feeling"], f"{escape(label)} ({scores[label]:.0%})")
