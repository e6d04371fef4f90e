"""The HTML of a conversation: greeting, messages, sources, notices. All that comes from outside is escaped here.

Knows nothing of Gradio; ``assets/chat.js`` puts the pieces into the page by their ``data-key``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from agent.types import Citation, QuickReply, Reply, Route
from ui.markup import excerpt, to_html, with_references
from ui.why import why_panel
from ui.words import REASONS

Words = Mapping[str, str]


def header(app: Mapping[str, Any], apps: Sequence[Mapping[str, Any]], words: Words) -> str:
    """What stands at the top: the app's mark and title, a choice of apps if there are several, a new chat."""
    title = escape(app["title"])
    links = "".join(
        f'<a role="listitem" href="/?app={escape(other["name"])}"'
        f"{' aria-current=page' if other['name'] == app['name'] else ''}>"
        f"<strong>{escape(other['title'])}</strong><span>{escape(other.get('description', ''))}</span></a>"
        for other in apps
    )
    heading = (
        f'<span class="titles"><span class="title" role="heading" aria-level="1">{title}</span>'
        f'<span class="status">{escape(words["status"])}</span></span>'
    )
    if len(apps) > 1:
        heading = (
            f'<details class="apps"><summary aria-label="{escape(words["apps"])}: {title}">{heading}</summary>'
            f'<div role="list">{links}</div></details>'
        )
    return (
        f'<span class="mark" aria-hidden="true">{_initial(app)}</span>{heading}'
        f'<button type="button" id="new-conversation" aria-label="{escape(words["new"])}">'
        f"<span>{escape(words['new'])}</span></button>"
    )


def welcome(app: Mapping[str, Any], words: Words) -> str:
    """What stands before the first message: the greeting and questions to begin with."""
    examples = "".join(
        f'<button type="button" class="example" data-say="{escape(text)}">{escape(text)}</button>'
        for text in app.get("examples", ())
    )
    if examples:
        label = escape(words["try"])
        examples = f'<p class="try">{label}</p><div class="examples" role="group" aria-label="{label}">{examples}</div>'
    return (
        f'<section class="welcome" data-key="welcome"><span class="mark" aria-hidden="true">{_initial(app)}</span>'
        f'<div class="greeting">{to_html(app.get("greeting", ""))}</div>{examples}</section>'
    )


def user_message(key: str, text: str, words: Words) -> str:
    """What the person wrote, as written."""
    return (
        f'<article class="message user-message" data-key="user-{escape(key)}" aria-label="{escape(words["you"])}">'
        f'<div class="bubble">{escape(text)}</div></article>'
    )


def typing(key: str, words: Words) -> str:
    """Stands where the reply will be; has its key, so that the reply replaces it."""
    return (
        f'<div class="message typing" data-key="bot-{escape(key)}"><div class="bubble" role="img" '
        f'aria-label="{escape(words["typing"])}"><i></i><i></i><i></i></div></div>'
    )


def notice(key: str, message: str, remedy: str, text: str, words: Words) -> str:
    """A calm word of the bot's that ``text`` was not taken, with what to do; ``text`` goes back into the box."""
    return (
        f'<article class="message notice" data-key="bot-{escape(key)}" data-restore="{escape(text)}" '
        f'data-undo="user-{escape(key)}" aria-label="{escape(words["assistant"])}"><div class="bubble">'
        f"<p><strong>{escape(message)}</strong> {escape(remedy)}</p>"
        f'<button type="button" class="retry" data-say="{escape(text)}">{escape(words["retry"])}</button>'
        "</div></article>"
    )


def remark(key: str, text: str) -> str:
    """A quiet line between messages."""
    return f'<p class="remark" data-key="remark-{escape(key)}" role="note">{escape(text)}</p>'


def of_reply(key: str, reply: Reply, words: Words) -> str:
    """A reply with its sources, quick replies, thumbs and the reason for it."""
    return _bot_message(
        key,
        reply.message_id,
        reply.text,
        reply.citations,
        reply.quick_replies,
        words,
        reply.route,
        why_panel(reply, words),
    )


def of_history(rows: Sequence[Mapping[str, Any]], words: Words) -> str:
    """A kept conversation: rows with role, text, message_id, citations and quick_replies."""
    parts = []
    for number, row in enumerate(rows):
        key = f"kept-{number}"
        if row["role"] == "user":
            parts.append(user_message(key, row["text"], words))
            continue
        citations = [Citation(**citation) for citation in row["citations"]]
        quick = [QuickReply(**reply) for reply in row["quick_replies"]]
        parts.append(_bot_message(key, row["message_id"], row["text"], citations, quick, words))
    return "".join(parts)


def _bot_message(
    key: str,
    message_id: str,
    text: str,
    citations: Sequence[Citation],
    quick: Sequence[QuickReply],
    words: Words,
    route: Route | None = None,
    why: str = "",
) -> str:
    links = {
        number: f'<a class="reference" href="#source-{escape(key)}-{number}" '
        f'aria-label="{escape(words["to_source"])} {number}">{number}</a>'
        for number in range(1, len(citations) + 1)
    }
    kind = f" route-{escape(route.kind)}" if route else ""
    return (
        f'<article class="message bot-message{kind}" data-key="bot-{escape(key)}" '
        f'data-message-id="{escape(message_id)}" aria-label="{escape(words["assistant"])}">'
        f'<div class="bubble"><div class="text">{with_references(to_html(text), links)}</div>'
        f"{_sources(key, citations, words)}</div>{_quick_replies(quick, words)}{_tools(words, why)}</article>"
    )


def _sources(key: str, citations: Sequence[Citation], words: Words) -> str:
    if not citations:
        return ""
    label = escape(words["sources" if len(citations) > 1 else "source"])
    cards = "".join(
        f'<li class="citation" id="source-{escape(key)}-{number}" tabindex="-1">'
        f'<span class="number" aria-hidden="true">{number}</span><div><p class="origin">'
        f'<a href="{escape(passage_url(citation))}" target="_blank" rel="noopener">{escape(citation.title)}'
        f'<span class="sr-only">: {escape(words["open"])}</span></a><span>{escape(citation.source)}</span></p>'
        f'<p class="passage">{excerpt(citation.text, citation.start, citation.end)}</p></div></li>'
        for number, citation in enumerate(citations, 1)
    )
    return f'<section class="sources" aria-label="{label}"><p class="label">{label}</p><ol>{cards}</ol></section>'


def passage_url(citation: Citation) -> str:
    """Where the passage can be read, at its sentence; ``#`` if the address is not one of this server's."""
    path, question, query = citation.url.replace("#", "%23").partition("?")
    if not path.startswith("/knowledge/"):
        return "#"
    return f"{path}?{query}" if question else f"{path}?s={citation.start}-{citation.end}"


def _quick_replies(quick: Sequence[QuickReply], words: Words) -> str:
    if not quick:
        return ""
    buttons = "".join(
        f'<button type="button" class="quick-reply" data-say="{escape(reply.text)}">{escape(reply.title)}</button>'
        for reply in quick
    )
    return f'<div class="quick-replies" role="group" aria-label="{escape(words["suggestions"])}">{buttons}</div>'


def _tools(words: Words, why: str) -> str:
    reasons = "".join(
        f'<label class="reason"><input type="radio" name="reason" value="{name}">'
        f"<span>{escape(words['reason_' + name])}</span></label>"
        for name in REASONS
    )
    comment = escape(words["comment"])
    return (
        '<div class="tools">'
        f'<button type="button" class="thumb-up" aria-pressed="false" aria-label="{escape(words["helpful"])}" '
        f'title="{escape(words["helpful"])}"></button>'
        f'<button type="button" class="thumb-down" aria-pressed="false" aria-expanded="false" '
        f'aria-label="{escape(words["unhelpful"])}" title="{escape(words["unhelpful"])}"></button>'
        f'<button type="button" class="copy" aria-label="{escape(words["copy"])}" title="{escape(words["copy"])}" '
        f'data-done="{escape(words["copied"])}"></button>'
        f'{why}<p class="verdict" role="status"></p></div>'
        f'<form class="reasons" hidden><fieldset><legend>{escape(words["what_wrong"])}</legend>'
        f'<div class="choices">{reasons}</div></fieldset>'
        f'<input type="text" name="comment" maxlength="500" aria-label="{comment}" placeholder="{comment}">'
        f'<div class="actions"><button type="submit" class="send-reason">{escape(words["send_feedback"])}</button>'
        f'<button type="button" class="cancel-reason">{escape(words["cancel"])}</button></div></form>'
    )


def _initial(app: Mapping[str, Any]) -> str:
    return escape(app["title"].strip()[:1].upper() or "?")
