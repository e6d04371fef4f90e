"""The frame around the console's tabs, and the sign-in page. All that comes from outside is escaped here.

A tab draws itself in the browser: the server gives its words, its script (``assets/<name>.js``), its style
(``assets/<name>.css``) and an empty place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from fastapi import APIRouter

from agent.errors import UnknownAppError
from agent.users import Role, User
from ui.console.words import FRAME
from ui.document import document
from ui.frame import settings_choices
from ui.words import Words


@dataclass(frozen=True, slots=True)
class Tab:
    """A section of the console at ``/console/<name>``."""

    name: str
    words: Mapping[str, Words]
    """Language -> key -> text, all of it also for its script; ``tab`` is the tab's title."""
    routes: Callable[[Any], APIRouter]
    """From the Agent to its JSON routes, which go under ``/console/api``."""
    role: Role = "operator"
    """Who sees it; its routes check for themselves, by ``Operator`` or ``Admin``."""
    scripts: tuple[str, ...] = ()
    """Further scripts in ``assets``, loaded before its own."""


def page(
    tab: Tab,
    tabs: Sequence[Tab],
    user: User,
    apps: Sequence[Mapping[str, Any]],
    language: str,
    theme: str,
    version: str,
) -> str:
    """The page of a tab for whoever is signed in; ``version`` changes with our styles and scripts."""
    frame, own = FRAME[language], tab.words[language]
    links = "".join(
        f'<li><a href="/console/{other.name}" data-tab="{other.name}"{" aria-current=page" if other is tab else ""}>'
        f'<span>{escape(other.words[language]["tab"])}</span><span class="count" hidden></span></a></li>'
        for other in tabs
        if may_see(user, other)
    )
    facts = {
        "words": {**frame, **own},
        "user": {"name": user.name, "role": user.role},
        "apps": [{"name": app["name"], "title": app["title"]} for app in apps],
    }
    account = (
        f'<details class="account"><summary><span class="mark" aria-hidden="true">{escape(user.name[:1].upper())}'
        f'</span><span class="who">{escape(user.name)}</span><span class="sr-only">{escape(frame["account"])}</span>'
        f'</summary><div class="panel"><p><strong>{escape(user.name)}</strong> '
        f"<span>{escape(frame['role_' + user.role])}</span></p>"
        f'{settings_choices(language, theme, frame)}<button type="button" class="sign-out">{escape(frame["sign_out"])}'
        "</button></div></details>"
    )
    body = (
        f'<a class="skip" href="#main">{escape(frame["skip"])}</a><header id="bar"><span class="brand">'
        f'<img src="/ui/icon.svg" alt="" width="28" height="28"><span>Switchboard</span></span>'
        f'<nav aria-label="{escape(frame["sections"])}"><ul>{links}</ul></nav>{account}</header>'
        f'<main id="main" class="{tab.name}" tabindex="-1"><h1 class="sr-only">{escape(own["tab"])}</h1></main>'
        '<p id="told" role="status"></p>'
    )
    return document(
        f"{own['tab']} · Switchboard",
        body,
        facts,
        styles=(f"/ui/{tab.name}.css",),
        scripts=tuple(f"/ui/{name}.js" for name in (*tab.scripts, tab.name)),
        words=frame,
        theme=theme,
        version=version,
    )


def sign_in_page(any_user: bool, language: str, theme: str, version: str) -> str:
    """The page for whoever is not signed in; says how the first user is made while there is none."""
    words = FRAME[language]
    if any_user:
        form = (
            '<form id="sign-in" novalidate>'
            f'<label for="name">{escape(words["name"])}</label>'
            '<input id="name" name="name" autocomplete="username" autocapitalize="none" spellcheck="false" autofocus>'
            f'<label for="password">{escape(words["password"])}</label>'
            '<input id="password" name="password" type="password" autocomplete="current-password">'
            f'<label class="show"><input type="checkbox" id="show"> {escape(words["show_password"])}</label>'
            '<p class="refusal" role="alert"></p>'
            f'<button type="submit" class="primary">{escape(words["sign_in"])}</button></form>'
        )
    else:
        form = f"<p>{escape(words['no_users'])}</p><pre><code>switchboard user add NAME --role admin</code></pre>"
    body = (
        '<main id="door"><div class="card"><img src="/ui/icon.svg" alt="" width="44" height="44">'
        f"<h1>Switchboard</h1><p class='lead'>{escape(words['sign_in_lead'])}</p>{form}</div>"
        f'<div class="choices">{settings_choices(language, theme, words)}</div></main>'
    )
    return document(
        f"{words['sign_in']} · Switchboard",
        body,
        {"words": words},
        styles=(),
        scripts=("/ui/sign-in.js",),
        words=words,
        theme=theme,
        version=version,
    )


def require_app(apps: Sequence[Mapping[str, Any]], name: str) -> None:
    """Raises UnknownAppError if none of ``apps`` has that name."""
    names = [app["name"] for app in apps]
    if name not in names:
        raise UnknownAppError(name, names)


def may_see(user: User, tab: Tab) -> bool:
    """Whether the tab is there for this user."""
    return user.role in (tab.role, "admin")
