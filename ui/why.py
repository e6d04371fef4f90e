"""The folded panel "why this answer": in plain words what was decided, with the figures behind it as small bars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from agent.types import Reply
from ui.words import Words

MOST_INTENTS = 4
MOST_PASSAGES = 3


def why_panel(reply: Reply, words: Words) -> str:
    """HTML of the panel; parts of ``reply.why`` that are missing are left out."""
    why, route = reply.why, reply.route
    rows = [
        _bars(words["why_understood"], [(i["name"], i["confidence"]) for i in why.get("intents", ())][:MOST_INTENTS]),
        _bars(words["why_passages"], [(p["title"], p["score"]) for p in why.get("passages", ())][:MOST_PASSAGES]),
        _scope(words, why.get("out_of_scope")),
        _feeling(words, why.get("sentiment")),
    ]
    learned = why.get("learned") or {"reviews": 0, "changed": False}
    changed = f'<p class="plainly">{escape(words["why_learned"])}</p>' if learned["changed"] else ""
    reviews = f" {escape(words['why_reviews'].format(count=learned['reviews']))}" if learned["reviews"] else ""
    figures = f"<dl>{''.join(rows)}</dl>" if any(rows) else ""
    return (
        f'<details class="why"><summary>{escape(words["why"])}</summary><div class="panel">'
        f'<p class="plainly">{escape(words[f"why_{route.kind}"])}</p>{changed}{figures}'
        f'<p class="fine"><span lang="en">{escape(route.reason)}</span> <span>{escape(words["why_model"])} '
        f"<code>{escape(reply.model_version)}</code>{reviews}</span></p></div></details>"
    )


def _row(label: str, value: str) -> str:
    return f"<div><dt>{escape(label)}</dt><dd>{value}</dd></div>"


def _bar(name: str, share: float, limit: float | None = None) -> str:
    """A name, a bar of ``share`` (0 to 1) with a tick at ``limit``, and the share in per cent."""
    tick = "" if limit is None else f'<b style="left:{_within(limit):.0%}"></b>'
    return (
        f'<span class="bar"><span class="name">{escape(name)}</span><span class="track" aria-hidden="true">'
        f'<i style="width:{_within(share):.0%}"></i>{tick}</span><span class="figure">{share:.0%}</span></span>'
    )


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))


def _bars(label: str, figures: Iterable[tuple[str, float]]) -> str:
    bars = "".join(_bar(str(name).replace("_", " "), share) for name, share in figures)
    return _row(label, bars) if bars else ""


def _scope(words: Words, figures: Any) -> str:
    if not isinstance(figures, Mapping):
        return ""
    limit = words["why_limit"].format(threshold=f"{figures['threshold']:.0%}")
    return _row(words["why_scope"], _bar(limit, figures["score"], figures["threshold"]))


def _feeling(words: Words, scores: Any) -> str:
    if not isinstance(scores, Mapping) or not scores:
        return ""
    label = max(scores, key=lambda name: scores[name])
    return _row(words["why_feeling"], _bar(words.get(f"feeling_{label}", label), scores[label]))
