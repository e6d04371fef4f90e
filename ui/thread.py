"""The HTML of a conversation: messages, sources, notices. All that comes from outside is escaped here.

Knows nothing of Gradio; ``assets/chat.js`` puts the pieces into the page by their ``data-key``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Any

from agent.types import Citation, Figure, QuickReply, Reply, Route
from ui.figures import figures
from ui.frame import icon_button, mark
from ui.markup import excerpt, to_html, with_references
from ui.why import why_panel
from ui.words import REASONS, Words

# After so long a silence the time is said again.
PAUSE = timedelta(hours=1)


def user_message(key: str, text: str, words: Words) -> str:
    """What the person wrote, as written."""
    return (
        f'<article class="message user-message" data-key="user-{escape(key)}" aria-label="{escape(words["you"])}">'
        f'<div class="bubble">{escape(text)}</div></article>'
    )


def moment(key: str, when: datetime) -> str:
    """A line that says when what follows was said; the browser puts it in the reader's own time."""
    return f'<p class="moment" data-key="moment-{escape(key)}"><time datetime="{when.isoformat()}"></time></p>'


def typing(key: str, app: Mapping[str, Any], words: Words) -> str:
    """Stands where the reply will be; has its key, so that the reply replaces it."""
    return (
        f'<div class="message typing" data-key="bot-{escape(key)}">{mark(app)}<div class="bubble" role="img" '
        f'aria-label="{escape(words["typing"])}"><i></i><i></i><i></i></div></div>'
    )


def notice(key: str, why: str, text: str, words: Words) -> str:
    """A calm word of the bot's that ``text`` was not taken, and what to do; ``text`` goes back into the box."""
    return (
        f'<article class="message notice" data-key="bot-{escape(key)}" data-restore="{escape(text)}" '
        f'data-undo="user-{escape(key)}" aria-label="{escape(words["assistant"])}"><div class="bubble">'
        f"<p>{escape(why)}</p>"
        f'<button type="button" class="retry" data-say="{escape(text)}">{escape(words["retry"])}</button>'
        "</div></article>"
    )


def remark(key: str, text: str) -> str:
    """A quiet line between messages."""
    return f'<p class="remark" data-key="remark-{escape(key)}" role="note">{escape(text)}</p>'


def delivered(key: str, words: Words) -> str:
    """Stands where a reply would be while a person holds the conversation, who answers when there is time."""
    return f'<p class="remark delivered" data-key="bot-{escape(key)}">{escape(words["delivered"])}</p>'


def of_person(row: Mapping[str, Any], words: Words) -> str:
    """What an operator wrote: a row as ``Store.messages`` gives it."""
    key, name = escape(row["message_id"]), escape(row["author"])
    return (
        f'<article class="message person-message" data-key="person-{key}" data-number="{row["number"]}" '
        f'aria-label="{name}"><span class="mark" aria-hidden="true">{name[:1].upper()}</span>'
        f'<div class="bubble"><p class="author">{name} <span>{escape(words["person"])}</span></p>'
        f'<div class="text">{escape(row["text"])}</div></div></article>'
    )


def of_reply(key: str, reply: Reply, app: Mapping[str, Any], words: Words, judged: str | None = None) -> str:
    """A reply with its sources, quick replies, thumbs (``judged``: up or down) and the reason for it."""
    links = {
        number: f'<a class="reference" href="#source-{escape(key)}-{number}" '
        f'aria-label="{escape(words["to_source"])} {number}">{number}</a>'
        for number in range(1, len(reply.citations) + 1)
    }
    locale = escape(app["locale"])
    return (
        f'<article class="message bot-message route-{escape(reply.route.kind)}" data-key="bot-{escape(key)}" '
        f'data-message-id="{escape(reply.message_id)}" aria-label="{escape(words["assistant"])}">{mark(app)}'
        f'<div class="bubble"><div class="text" lang="{locale}">{with_references(to_html(reply.text), links)}</div>'
        f"{figures(reply.figures, locale, words)}{_sources(key, reply.citations, locale, words)}</div>"
        f"{_quick_replies(reply.quick_replies, locale, words)}"
        f"{_tools(words, why_panel(reply, words), judged)}</article>"
    )


def of_history(rows: Sequence[Mapping[str, Any]], app: Mapping[str, Any], words: Words) -> str:
    """A kept conversation: rows as ``Store.messages`` gives them."""
    parts, before = [], None
    for number, row in enumerate(rows):
        key, when = f"kept-{number}", datetime.fromisoformat(row["created_at"])
        if before is None or when - before >= PAUSE:
            parts.append(moment(key, when))
        before = when
        if row["role"] == "user":
            parts.append(user_message(key, row["text"], words))
            continue
        if row["author"]:
            parts.append(of_person(row, words))
            continue
        reply = Reply(
            conversation_id="",
            message_id=row["message_id"],
            text=row["text"],
            route=Route(**row["route"]),
            model_version=row["model_version"],
            citations=tuple(Citation(**citation) for citation in row["citations"]),
            quick_replies=tuple(QuickReply(**quick) for quick in row["quick_replies"]),
            figures=tuple(Figure(**figure) for figure in row["figures"]),
            why=row["why"],
        )
        parts.append(of_reply(key, reply, app, words, row["judged"]))
    return "".join(parts)


def _sources(key: str, citations: Sequence[Citation], locale: str, words: Words) -> str:
    if not citations:
        return ""
    label = escape(words["sources" if len(citations) > 1 else "source"])
    cards = "".join(
        f'<li class="citation" id="source-{escape(key)}-{number}" tabindex="-1">'
        f'<span class="number" aria-hidden="true">{number}</span><div><p class="origin">'
        f'<a href="{escape(passage_url(citation))}" target="_blank" rel="noopener">'
        f'<span lang="{locale}">{escape(citation.title)}</span>'
        f'<span class="sr-only">: {escape(words["open"])}</span></a><span>{escape(citation.source)}</span></p>'
        f'<p class="passage" lang="{locale}">{excerpt(citation.text, citation.start, citation.end)}</p></div></li>'
        for number, citation in enumerate(citations, 1)
    )
    return f'<section class="sources" aria-label="{label}"><p class="label">{label}</p><ol>{cards}</ol></section>'


def passage_url(citation: Citation) -> str:
    """Where the passage can be read, scrolled to its sentence; ``#`` if the address is not one of this server's."""
    path, question, query = citation.url.replace("#", "%23").partition("?")
    if not path.startswith("/knowledge/"):
        return "#"
    return f"{path}?{query if question else f's={citation.start}-{citation.end}'}#sentence"


def _quick_replies(quick: Sequence[QuickReply], locale: str, words: Words) -> str:
    if not quick:
        return ""
    buttons = "".join(
        f'<button type="button" class="quick-reply" data-say="{escape(reply.text)}">{escape(reply.title)}</button>'
        for reply in quick
    )
    return (
        f'<div class="quick-replies" role="group" aria-label="{escape(words["suggestions"])}">'
        f'<div lang="{locale}">{buttons}</div></div>'
    )


def _tools(words: Words, why: str, judged: str | None) -> str:
    reasons = "".join(
        f'<label class="reason"><input type="radio" name="reason" value="{name}">'
        f"<span>{escape(words['reason_' + name])}</span></label>"
        for name in REASONS
    )
    comment = escape(words["comment"])
    pressed = {kind: f'aria-pressed="{"true" if judged == kind else "false"}"' for kind in ("up", "down")}
    return (
        '<div class="tools">'
        + icon_button("thumb-up", words["helpful"], pressed["up"])
        + icon_button("thumb-down", words["unhelpful"], f'{pressed["down"]} aria-expanded="false"')
        + icon_button("copy", words["copy"], f'data-done="{escape(words["copied"])}"')
        + icon_button("again", words["again"])
        + f'{why}<p class="verdict" role="status"></p></div>'
        f'<form class="reasons" hidden><fieldset><legend>{escape(words["what_wrong"])}</legend>'
        f'<div class="choices">{reasons}</div></fieldset>'
        f'<input type="text" name="comment" maxlength="500" aria-label="{comment}" placeholder="{comment}">'
        f'<div class="actions"><button type="submit" class="send-reason">{escape(words["send_feedback"])}</button>'
        f'<button type="button" class="cancel-reason">{escape(words["cancel"])}</button></div></form>'
    )
