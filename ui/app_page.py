"""A page that an app brings, in the frame that the console's pages have: the way back to the chat, title, settings.

What an app's ``page.py`` imports to look like the rest of the service. The page draws itself in the browser, as a tab
of the console does; its scripts find what all share in ``Console`` (``assets/console.js``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse

from ui.console.words import FRAME
from ui.document import ASSETS, document, version_of
from ui.frame import settings_choices
from ui.theme import theme_of
from ui.words import WORDS, Words, language_of

_FRAME: Mapping[str, Words] = {
    "en": {"chat": "Back to the chat", "settings": "Settings"},
    "zh": {"chat": "返回对话", "settings": "设置"},
}


class AppPage:
    """One page of an app."""

    def __init__(
        self, app: str, folder: Path, words: Mapping[str, Words], *, styles: Sequence[str], scripts: Sequence[str]
    ) -> None:
        """``words`` by language go to the scripts, with the frame's own; ``title`` is the page's. ``styles`` and
        ``scripts`` are files in the folder ``assets`` of the app's ``folder``."""
        self._app = app
        self._words = words
        self._styles, self._scripts = (
            tuple(f"/ui/app/{quote(app)}/{name}" for name in names) for names in (styles, scripts)
        )
        self._version = version_of(folders=(ASSETS, folder / "assets"))

    def answer(self, request: Request, facts: Mapping[str, Any]) -> HTMLResponse:
        """The page in the language and the colours of whoever asks; ``facts`` go to its scripts, ready for JSON."""
        language, theme = language_of(request.cookies, request.headers), theme_of(request.cookies)
        frame = {**FRAME[language], **_FRAME[language], "no_script": WORDS[language]["no_script"]}
        own = self._words[language]
        body = (
            f'<a class="skip" href="#main">{escape(frame["skip"])}</a><header id="bar">'
            f'<a class="brand" href="/?app={quote(self._app)}" title="{escape(frame["chat"])}">'
            '<img src="/ui/icon.svg" alt="" width="28" height="28">'
            f'<span class="sr-only">{escape(frame["chat"])}</span></a><h1>{escape(own["title"])}</h1>'
            '<details class="account"><summary>'
            f'<span class="who">{escape(frame["settings"])}</span></summary><div class="panel">'
            f"{settings_choices(language, theme, frame)}</div></details></header>"
            f'<main id="main" tabindex="-1"></main><p id="told" role="status"></p>'
        )
        page = document(
            f"{own['title']} · Switchboard",
            body,
            {"words": {**frame, **own}, "user": None, "apps": [], **facts},
            styles=("/ui/apps.css", *self._styles),
            scripts=self._scripts,
            words=frame,
            theme=theme,
            version=self._version,
            app=self._app,
        )
        return HTMLResponse(page, headers={"Vary": "Accept-Language, Cookie"})
