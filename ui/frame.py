"""The HTML around a conversation: header, list of conversations, settings, and the greeting before the first message.

Knows nothing of Gradio; all that comes from outside is escaped here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from ui.markup import to_html
from ui.theme import THEME_COOKIE, THEMES
from ui.words import LANGUAGE_COOKIE, WORDS, Words


def frame(app: Mapping[str, Any], apps: Sequence[Mapping[str, Any]], past: str, theme: str, words: Words) -> str:
    """The whole page but its messages; ``past`` is the list of conversations, ``theme`` one of THEMES."""
    language = next(name for name, known in WORDS.items() if known is words)
    return (
        f'<a class="skip" href="#message-box">{escape(words["skip"])}</a>'
        f'<nav id="side" aria-label="{escape(words["menu"])}"><div class="side-head">'
        f'<button type="button" class="new">{escape(words["new"])}</button>{icon_button("close", words["close"])}</div>'
        f'<div class="past"><p class="label" id="past-label">{escape(words["past"])}</p>'
        f'<div id="past" role="group" aria-labelledby="past-label">{past}</div></div>'
        f'<div class="settings">{settings_choices(language, theme, words)}</div></nav>'
        f'<div id="scrim"></div><div id="header">{_header(app, apps, words)}</div><div id="scroll"><div id="thread" '
        f'role="log" aria-live="polite" aria-relevant="additions" aria-label="{escape(words["conversation"])}" '
        f'tabindex="0"></div></div>{_dialog(words)}<p id="announce" class="sr-only" role="status"></p>'
    )


def past_list(conversations: Sequence[Mapping[str, Any]], current: str | None, words: Words) -> str:
    """The client's conversations; the one that is shown is marked."""
    if not conversations:
        return f'<p class="none">{escape(words["past_none"])}</p>'
    items = "".join(
        f'<li><button type="button" class="open" data-conversation="{escape(one["id"])}"'
        f"{' aria-current=true' if one['id'] == current else ''}>"
        f'<span class="name">{escape(one["title"])}</span><time datetime="{escape(one["updated_at"])}"></time></button>'
        + icon_button("delete", f"{words['delete']}: {one['title']}", f'data-conversation="{escape(one["id"])}"')
        + "</li>"
        for one in conversations
    )
    return f"<ul>{items}</ul>"


def welcome(app: Mapping[str, Any], words: Words) -> str:
    """What stands before the first message: the greeting and questions to begin with."""
    locale = escape(app["locale"])
    examples = "".join(
        f'<button type="button" class="example" data-say="{escape(text)}">{escape(text)}</button>'
        for text in app.get("examples", ())
    )
    if examples:
        label = escape(words["try"])
        examples = (
            f'<p class="try">{label}</p><div class="examples" role="group" aria-label="{label}">'
            f'<div lang="{locale}">{examples}</div></div>'
        )
    return (
        f'<section class="welcome" data-key="welcome">{mark(app)}'
        f'<div class="greeting" lang="{locale}">{to_html(app.get("greeting", ""))}</div>{examples}</section>'
    )


def mark(app: Mapping[str, Any]) -> str:
    """The app's sign: its initial on its colour."""
    return f'<span class="mark" aria-hidden="true">{escape(app["title"].strip()[:1].upper() or "?")}</span>'


def icon_button(kind: str, name: str, more: str = "") -> str:
    """A button without text: its class ``kind`` has the icon, ``name`` is for screen readers and on hovering."""
    return (
        f'<button type="button" class="icon {kind}" aria-label="{escape(name)}" title="{escape(name)}" {more}></button>'
    )


def _header(app: Mapping[str, Any], apps: Sequence[Mapping[str, Any]], words: Words) -> str:
    """The app's mark and title, a choice of apps if there are several, the app's own page; on a phone the list's button
    and a new chat."""
    title = escape(app["title"])
    links = "".join(
        f'<li><a href="/?app={escape(other["name"])}" data-app="{escape(other["name"])}"'
        f"{' aria-current=page' if other['name'] == app['name'] else ''}>{mark(other)}"
        f"<span><strong>{escape(other['title'])}</strong> <small>{escape(other.get('description', ''))}</small></span>"
        "</a></li>"
        for other in apps
    )
    heading = (
        f'<span class="titles"><span class="title" role="heading" aria-level="1">{title}</span> '
        f'<span class="status">{escape(words["status"])}</span></span>'
    )
    if len(apps) > 1:
        heading = (
            f'<details class="apps"><summary title="{escape(words["apps"])}">{mark(app)}{heading}</summary>'
            f'<ul aria-label="{escape(words["apps"])}">{links}</ul></details>'
        )
    else:
        heading = mark(app) + heading
    menu = icon_button("menu", words["menu"], 'aria-expanded="false" aria-controls="side"')
    page = (
        f'<a class="own-page" href="{escape(app["page"])}">{escape(words["own_page"])}</a>' if app.get("page") else ""
    )
    return menu + heading + page + icon_button("new", words["new"])


def settings_choices(language: str, theme: str, words: Words) -> str:
    """The choice of language and of appearance; ``words`` name the themes and the two choices."""
    languages = [(name, WORDS[name]["language"], WORDS[name]["tag"]) for name in WORDS]
    themes = [(name, words[f"theme_{name}"], words["tag"]) for name in THEMES]
    return _choice(LANGUAGE_COOKIE, words["language_choice"], languages, language) + _choice(
        THEME_COOKIE, words["theme"], themes, theme
    )


def _choice(cookie: str, label: str, options: Iterable[tuple[str, str, str]], chosen: str) -> str:
    """One of several (value, text, language tag) that the browser keeps in a cookie."""
    buttons = "".join(
        f'<button type="button" data-cookie="{cookie}" data-value="{value}" lang="{tag}" '
        f'aria-pressed="{"true" if value == chosen else "false"}">{escape(text)}</button>'
        for value, text, tag in options
    )
    return f'<div class="segments" role="group" aria-label="{escape(label)}">{buttons}</div>'


def _dialog(words: Words) -> str:
    return (
        '<dialog id="delete-dialog" aria-labelledby="delete-ask" aria-describedby="delete-means">'
        f'<p class="ask" id="delete-ask">{escape(words["delete_ask"])}</p><p class="which"></p>'
        f'<p class="means" id="delete-means">{escape(words["delete_means"])}</p><div class="actions">'
        f'<button type="button" class="keep" autofocus>{escape(words["cancel"])}</button>'
        f'<button type="button" class="confirm">{escape(words["delete_yes"])}</button></div></dialog>'
    )
