"""The customer's chat: Gradio's message box and queue, and our own thread above it.

The server renders every message to clean HTML and sends it as an *update*, which ``assets/chat.js`` puts into the
page. An update is JSON in base64 inside a Markdown component: that passes Gradio's sanitiser and its Markdown
parser untouched, whereas ``gr.HTML`` compiles its template in the browser and so needs a content policy that
allows ``eval``.

No state is kept on the server: the browser keeps the conversation's id, the store keeps the conversation. So a
restart in mid-conversation goes unnoticed.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Protocol

import gradio as gr

from agent.config import Settings
from agent.errors import BadInputError, ConversationError, SwitchboardError
from agent.identity import client_of
from agent.problems import explain
from agent.text import clean
from agent.types import Feedback, Message, Reply
from ui import thread
from ui.words import DEFAULT_LANGUAGE, REASONS, WORDS

# Messages that are answered at once; the engine batches them.
CONCURRENCY = 40
MOST_COMMENT = 500
_STORAGE = "switchboard-conversations"


class ChatAgent(Protocol):
    """What the page asks of an Agent. All methods block."""

    @property
    def settings(self) -> Settings: ...

    def reply(self, message: Message) -> Reply: ...

    def feedback(self, feedback: Feedback) -> bool: ...

    def apps(self) -> list[dict[str, Any]]: ...

    def history(self, conversation_id: str, client_id: str) -> list[dict[str, Any]]: ...


Kept = dict[str, str]
"""What the browser keeps: app -> conversation id."""


class Chat:
    """The page's events. Each method is one, and returns values of the components that it changes."""

    def __init__(self, agent: ChatAgent) -> None:
        self._agent = agent
        self._words = WORDS[DEFAULT_LANGUAGE]

    def opened(self, kept: Any, request: gr.Request) -> tuple[str, Kept]:
        """The page was loaded: its header, and the conversation that the browser remembers or a greeting."""
        app, kept = self._app(request), _checked(kept)
        html, conversation_id = "", kept.get(app["name"])
        if conversation_id is not None:
            try:
                rows = self._agent.history(conversation_id, client_of(request).id)
                html = thread.of_history(rows, self._words)
            except ConversationError:
                del kept[app["name"]]
            except SwitchboardError as error:
                problem = explain(error)
                html = thread.remark("history", f"{problem.message} {problem.remedy}")
        return self._page(app, html), kept

    def restarted(self, kept: Any, request: gr.Request) -> tuple[str, Kept]:
        """The person wants a new conversation; the old one stays in the store."""
        app, kept = self._app(request), _checked(kept)
        kept.pop(app["name"], None)
        return self._page(app, ""), kept

    def sent(self, text: str, kept: Any, request: gr.Request) -> Iterator[tuple[Any, Any, Any]]:
        """A message: first shown with dots that stand for the reply, then the reply or a notice.

        Yields (message box, update, kept).
        """
        if not isinstance(text, str) or not text.strip():
            yield gr.skip(), gr.skip(), gr.skip()
            return
        app, kept, key = self._app(request), _checked(kept), secrets.token_hex(6)
        # Too long a text is not sent back and forth: the notice says how long it may be.
        shown = text[: self._agent.settings.max_message_chars]
        said = thread.user_message(key, shown, self._words)
        yield "", update("merge", said + thread.typing(key, self._words)), gr.skip()
        remark = ""
        try:
            try:
                reply = self._agent.reply(self._message(app, text, kept.get(app["name"]), request))
            except ConversationError:
                # Removed, or begun by another browser: what was asked still deserves an answer.
                remark = thread.remark(key, self._words["moved_on"])
                reply = self._agent.reply(self._message(app, text, None, request))
        except SwitchboardError as error:
            problem = explain(error)
            said = thread.notice(key, problem.message, problem.remedy, shown, self._words)
            yield gr.skip(), update("merge", said), gr.skip()
            return
        kept[app["name"]] = reply.conversation_id
        yield gr.skip(), update("merge", said + remark + thread.of_reply(key, reply, self._words)), kept

    def judged(self, signal: str, request: gr.Request) -> str:
        """A thumb: ``signal`` is JSON with message_id, kind, and for thumbs-down a reason and a comment."""
        try:
            feedback = _feedback(signal, client_of(request).id)
            self._agent.feedback(feedback)
        except SwitchboardError as error:
            text = f"{self._words['not_judged']} {explain(error).remedy}"
            return update("judged", text=text, message_id=_message_id(signal), verdict="")
        text = self._words["thanks_up" if feedback.kind == "up" else "thanks"]
        return update("judged", text=text, message_id=feedback.message_id, verdict=feedback.kind)

    def _message(self, app: Mapping[str, Any], text: str, conversation_id: str | None, request: gr.Request) -> Message:
        client = client_of(request)
        return Message(app["name"], text, client.id, conversation_id, client.claimed)

    def _app(self, request: gr.Request) -> dict[str, Any]:
        """The app that the page's address names, else the first."""
        apps = self._agent.apps()
        wanted = dict(request.query_params).get("app")
        return next((app for app in apps if app["name"] == wanted), apps[0])

    def _page(self, app: dict[str, Any], html: str) -> str:
        header = thread.header(app, self._agent.apps(), self._words)
        greeting = thread.welcome(app, self._words)
        return update("reset", greeting + html, header=header, app=app["name"], title=app["title"])


def update(mode: str, html: str = "", **more: str) -> str:
    """What chat.js is to do, in base64. Each differs from the one before, so that the page notices it."""
    content = {"mode": mode, "html": html, "number": secrets.token_hex(4), **more}
    return base64.b64encode(json.dumps(content).encode()).decode()


def build(agent: ChatAgent) -> gr.Blocks:
    """The page; ``ui.site`` mounts it."""
    chat, words = Chat(agent), WORDS[DEFAULT_LANGUAGE]
    settings, apps = agent.settings, agent.apps()
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    with gr.Blocks(title=apps[0]["title"], analytics_enabled=False, fill_height=True) as blocks:
        gr.Markdown(_shell(words), elem_id="page", sanitize_html=False, latex_delimiters=[])
        with gr.Row(elem_id="composer"):
            box = gr.Textbox(
                label=words["message"],
                show_label=False,
                placeholder=words["placeholder"],
                lines=1,
                max_lines=6,
                max_length=settings.max_message_chars,
                container=False,
                elem_id="message-box",
            )
            send = gr.Button(words["send"], elem_id="send")
        gr.Markdown(escape(words["hint"]), elem_id="hint")
        news = gr.Markdown("", elem_id="update", visible="hidden", latex_delimiters=[])
        verdict = gr.Markdown("", elem_id="verdict", visible="hidden", latex_delimiters=[])
        signal = gr.Textbox("", label="signal", elem_id="signal", visible="hidden")
        judge = gr.Button("judge", elem_id="judge", visible="hidden")
        restart = gr.Button("restart", elem_id="restart", visible="hidden")
        # The same key at every start, or the browser could not read after a restart what it keeps.
        kept = gr.BrowserState({}, storage_key=_STORAGE, secret=_STORAGE)

        blocks.load(chat.opened, kept, [news, kept], **quiet)
        answered = gr.on([box.submit, send.click], chat.sent, [box, kept], [box, news, kept], **quiet)
        # A mistake of ours: Gradio logs it, and would leave the customer waiting.
        answered.failure(lambda: update("failed"), None, news, **quiet)
        restart.click(chat.restarted, kept, [news, kept], **quiet)
        judge.click(chat.judged, signal, verdict, trigger_mode="multiple", **quiet)
    limit = settings.queue_limit
    blocks.queue(api_open=False, max_size=limit, default_concurrency_limit=min(CONCURRENCY, limit))
    return blocks


def _shell(words: Mapping[str, str]) -> str:
    """The frame that updates fill. One line: a blank one would end the HTML in Markdown."""
    texts = {name: words[name] for name in ("failed", "failed_remedy", "assistant")}
    return (
        f'<div id="shell" data-words="{escape(json.dumps(texts))}"><a class="skip" href="#message-box">'
        f'{escape(words["skip"])}</a><div id="header"></div><div id="scroll"><div id="thread" role="log" '
        f'aria-live="polite" aria-relevant="additions" aria-label="{escape(words["conversation"])}" tabindex="0">'
        "</div></div></div>"
    )


def _checked(kept: Any) -> Kept:
    """What the browser sent as its own, as far as it has the right form."""
    if not isinstance(kept, Mapping):
        return {}
    return {str(app): value for app, value in kept.items() if isinstance(value, str)}


def _message_id(signal: str) -> str:
    """The message that a signal is about, as far as it can be read."""
    try:
        read = json.loads(signal)
    except ValueError:
        return ""
    return str(read.get("message_id", "")) if isinstance(read, dict) else ""


def _feedback(signal: str, client_id: str) -> Feedback:
    """Raises BadInputError for anything but what the page itself sends."""
    try:
        read = json.loads(signal)
        message_id, kind = read["message_id"], read["kind"]
        reason, comment = read.get("reason", ""), read.get("comment", "")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise BadInputError("malformed", "The judgement cannot be read.") from None
    known = kind in ("up", "down") and reason in ("", *REASONS)
    if not (known and isinstance(message_id, str) and isinstance(comment, str)):
        raise BadInputError("malformed", "The judgement cannot be read.")
    comment = clean(comment, MOST_COMMENT) if comment.strip() else ""
    return Feedback(message_id, client_id, kind, reason, comment)
