"""The customer's chat: Gradio's message box and queue, and our own page around them.

The server renders everything to clean HTML and sends it as an *update*, which ``assets/chat.js`` puts into the
page. An update is JSON in base64 inside a Markdown component: that passes Gradio's sanitiser and its Markdown
parser untouched, whereas ``gr.HTML`` compiles its template in the browser and so needs a content policy that
allows ``eval``.

No state is kept on the server: the browser keeps which conversation is shown, the store keeps the conversations.
So a restart in mid-conversation goes unnoticed.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import gradio as gr

from agent.config import Settings
from agent.errors import BadInputError, ConversationError, SwitchboardError
from agent.identity import client_of
from agent.names import MARKS
from agent.problems import explain
from agent.text import clean
from agent.types import Feedback, Holder, Message, Reply
from ui import thread
from ui.frame import frame, past_list, welcome
from ui.theme import theme_of
from ui.words import DEFAULT_LANGUAGE, REASONS, WORDS, Words, language_of

# Messages that are answered at once; the engine batches them.
CONCURRENCY = 40
MOST_COMMENT = 500
# Past conversations in the list.
MOST_PAST = 100
_STORAGE = "switchboard-conversations"
# What the page says by itself, without asking the server.
_SCRIPT_WORDS = (
    *("tag", "assistant", "failed", "failed_remedy", "not_deleted", "training"),
    *("status", "status_waiting", "status_person", "joined", "left", "survey", "survey_mark"),
    *("busy", "too_many_requests", "disk_full", "not_text", "why_words", "why_nearest"),
)


class ChatAgent(Protocol):
    """What the page asks of an Agent. All methods block."""

    @property
    def settings(self) -> Settings: ...

    def reply(self, message: Message) -> Reply: ...

    def feedback(self, feedback: Feedback) -> bool: ...

    def apps(self) -> list[dict[str, Any]]: ...

    def history(self, conversation_id: str, client_id: str, after: int = 0) -> list[dict[str, Any]]: ...

    def holder(self, conversation_id: str, client_id: str) -> tuple[Holder, str | None]: ...

    def conversations(self, client_id: str, app: str | None, most: int) -> list[dict[str, Any]]: ...

    def delete_conversation(self, conversation_id: str, client_id: str) -> None: ...


Kept = dict[str, str]
"""What the browser keeps: app -> id of the conversation that is shown."""


class Chat:
    """The page's events. Each method is one, and returns values of the components that it changes."""

    def __init__(self, agent: ChatAgent) -> None:
        self._agent = agent

    def opened(self, kept: Any, request: gr.Request) -> tuple[str, Kept, Any, Any, Any]:
        """The page was loaded: its frame, and the conversation that the browser remembers or a greeting.

        Returns (update, kept, message box, send button, hint), the last three in the person's language.
        """
        app, kept, words = self._app(request), _checked(kept), _words(request)
        around = frame(app, self._agent.apps(), "", theme_of(request.cookies), words)
        said = json.dumps({name: words[name] for name in _SCRIPT_WORDS})
        return (
            self._shown(app, kept, request, mode="open", frame=around, words=said),
            kept,
            gr.update(label=words["message"], placeholder=words["placeholder"]),
            gr.update(value=words["send"]),
            words["hint"],
        )

    def restarted(self, kept: Any, request: gr.Request) -> tuple[str, Kept]:
        """The person wants a new conversation; the old one stays in the list."""
        app, kept = self._app(request), _checked(kept)
        kept.pop(app["name"], None)
        return self._shown(app, kept, request), kept

    def chosen(self, conversation_id: Any, kept: Any, request: gr.Request) -> tuple[str, Kept]:
        """A conversation was chosen from the list."""
        app, kept = self._app(request), _checked(kept)
        if isinstance(conversation_id, str):
            kept[app["name"]] = conversation_id
        return self._shown(app, kept, request), kept

    def deleted(self, conversation_id: Any, kept: Any, request: gr.Request) -> tuple[str, Kept]:
        """A conversation of the list is to be deleted; if it is shown, a new one takes its place."""
        app, kept, words = self._app(request), _checked(kept), _words(request)
        try:
            self._agent.delete_conversation(str(conversation_id), client_of(request).id)
        except SwitchboardError as error:
            return update("listed", said=f"{words['not_deleted']} {_problem(error, words)}"), kept
        if kept.get(app["name"]) == conversation_id:
            del kept[app["name"]]
            return self._shown(app, kept, request, said=words["deleted"]), kept
        return update("listed", past=self._past(app, kept, request), said=words["deleted"]), kept

    def sent(self, text: str, kept: Any, request: gr.Request) -> Iterator[tuple[Any, Any, Any]]:
        """A message: first shown with dots that stand for the reply, then the reply or a notice.

        Yields (message box, update, kept).
        """
        if not isinstance(text, str) or not text.strip():
            yield gr.skip(), gr.skip(), gr.skip()
            return
        app, kept, words, key = self._app(request), _checked(kept), _words(request), secrets.token_hex(6)
        # Too long a text is not sent back and forth: the notice says how long it may be.
        shown = text[: self._agent.settings.max_message_chars]
        said = thread.user_message(key, shown, words)
        if app["name"] not in kept:
            said = thread.moment(key, datetime.now(UTC)) + said
        yield "", update("merge", said + thread.typing(key, app, words)), gr.skip()
        remark = ""
        try:
            try:
                reply = self._agent.reply(self._message(app, text, kept.get(app["name"]), request))
            except ConversationError:
                # Removed, or begun by another browser: what was asked still deserves an answer.
                remark = thread.remark(key, words["moved_on"])
                reply = self._agent.reply(self._message(app, text, None, request))
        except SwitchboardError as error:
            yield gr.skip(), update("merge", thread.notice(key, _problem(error, words), shown, words)), gr.skip()
            return
        kept[app["name"]] = reply.conversation_id
        # Without a text a person holds the conversation, and the bot says nothing.
        answer = thread.of_reply(key, reply, app, words) if reply.text else thread.delivered(key, words)
        answer = said + remark + answer
        yield gr.skip(), update("merge", answer, past=self._past(app, kept, request)), kept

    def judged(self, signal: str, request: gr.Request) -> str:
        """A thumb, or a mark for the conversation: ``signal`` is JSON with message_id, kind (up, down or csat), for
        thumbs-down a reason and a comment, for csat the mark as value.
        """
        words = _words(request)
        try:
            feedback = _feedback(signal, client_of(request).id)
            self._agent.feedback(feedback)
        except SwitchboardError as error:
            text = f"{words['not_judged']} {_problem(error, words)}"
            mode = "rated" if _part(signal, "kind") == "csat" else "judged"
            return update(mode, text=text, message_id=_part(signal, "message_id"), verdict="")
        if feedback.kind == "csat":
            return update("rated", text=words["thanks_up"], message_id=feedback.message_id, verdict=feedback.value)
        text = words["thanks_up" if feedback.kind == "up" else "thanks"]
        return update("judged", text=text, message_id=feedback.message_id, verdict=feedback.kind)

    def _message(self, app: Mapping[str, Any], text: str, conversation_id: str | None, request: gr.Request) -> Message:
        client = client_of(request)
        return Message(app["name"], text, client.id, conversation_id, client.claimed)

    def _app(self, request: gr.Request) -> dict[str, Any]:
        """The app that the page's address names, else the first."""
        return app_of(self._agent.apps(), request.query_params)

    def _shown(self, app: Mapping[str, Any], kept: Kept, request: gr.Request, mode: str = "reset", **more: str) -> str:
        """The conversation in ``kept`` under the app's greeting; one that cannot be had is dropped from ``kept``."""
        words, html, conversation_id = _words(request), "", kept.get(app["name"])
        if conversation_id is not None:
            try:
                html = thread.of_history(self._agent.history(conversation_id, client_of(request).id), app, words)
            except ConversationError:
                del kept[app["name"]]
            except SwitchboardError as error:
                html = thread.remark("history", _problem(error, words))
        more |= {"past": self._past(app, kept, request), "app": app["name"], "title": app["title"]}
        return update(mode, welcome(app, words) + html, **more)

    def _past(self, app: Mapping[str, Any], kept: Kept, request: gr.Request) -> str:
        conversations = self._agent.conversations(client_of(request).id, app["name"], MOST_PAST)
        return past_list(conversations, kept.get(app["name"]), _words(request))


def app_of(apps: list[dict[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """The app that an address's query names, else the first."""
    wanted = query.get("app")
    return next((app for app in apps if app["name"] == wanted), apps[0])


def update(mode: str, html: str = "", **more: str) -> str:
    """What chat.js is to do, in base64. Each differs from the one before, so that the page notices it."""
    content = {"mode": mode, "html": html, "number": secrets.token_hex(4), **more}
    return base64.b64encode(json.dumps(content).encode()).decode()


def build(agent: ChatAgent) -> gr.Blocks:
    """The page; ``ui.site`` mounts it."""
    chat, words, settings = Chat(agent), WORDS[DEFAULT_LANGUAGE], agent.settings
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    with gr.Blocks(title=agent.apps()[0]["title"], analytics_enabled=False, fill_height=True) as blocks:
        gr.Markdown('<div id="shell"></div>', elem_id="page", sanitize_html=False, latex_delimiters=[])
        with gr.Row(elem_id="composer"):
            box = gr.Textbox(
                label=words["message"],
                show_label=False,
                placeholder=words["placeholder"],
                lines=1,
                max_lines=8,
                max_length=settings.max_message_chars,
                container=False,
                elem_id="message-box",
            )
            send = gr.Button(words["send"], elem_id="send")
        hint = gr.Markdown(words["hint"], elem_id="hint")
        news = gr.Markdown("", elem_id="update", visible="hidden", latex_delimiters=[])
        verdict = gr.Markdown("", elem_id="verdict", visible="hidden", latex_delimiters=[])
        signal = gr.Textbox("", label="signal", elem_id="signal", visible="hidden")
        judge, restart, choose, delete = (
            gr.Button(name, elem_id=name, visible="hidden") for name in ("judge", "restart", "choose", "delete")
        )
        # The same key at every start, or the browser could not read after a restart what it keeps.
        kept = gr.BrowserState({}, storage_key=_STORAGE, secret=_STORAGE)

        blocks.load(chat.opened, kept, [news, kept, box, send, hint], **quiet)
        answered = gr.on([box.submit, send.click], chat.sent, [box, kept], [box, news, kept], **quiet)
        # A mistake of ours: Gradio logs it, and would leave the customer waiting.
        answered.failure(lambda: update("failed"), None, news, **quiet)
        judge.click(chat.judged, signal, verdict, trigger_mode="multiple", **quiet)
        restart.click(chat.restarted, kept, [news, kept], **quiet)
        choose.click(chat.chosen, [signal, kept], [news, kept], **quiet)
        delete.click(chat.deleted, [signal, kept], [news, kept], **quiet)
    limit = settings.queue_limit
    blocks.queue(api_open=False, max_size=limit, default_concurrency_limit=min(CONCURRENCY, limit))
    return blocks


def _words(request: gr.Request) -> Words:
    return WORDS[language_of(request.cookies, request.headers)]


def _problem(error: SwitchboardError, words: Words) -> str:
    """What the person is told of a refusal: in their language where we have words for it."""
    problem = explain(error)
    return words.get(problem.code, f"{problem.message} {problem.remedy}")


def _checked(kept: Any) -> Kept:
    """What the browser sent as its own, as far as it has the right form."""
    if not isinstance(kept, Mapping):
        return {}
    return {str(app): value for app, value in kept.items() if isinstance(value, str)}


def _part(signal: str, name: str) -> str:
    """One value of a signal, as far as it can be read."""
    try:
        read = json.loads(signal)
    except ValueError:
        return ""
    return str(read.get(name, "")) if isinstance(read, dict) else ""


def _feedback(signal: str, client_id: str) -> Feedback:
    """Raises BadInputError for anything but what the page itself sends."""
    try:
        read = json.loads(signal)
        message_id, kind = read["message_id"], read["kind"]
        value, reason, comment = (read.get(name, "") for name in ("value", "reason", "comment"))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise BadInputError("malformed", "The judgement cannot be read.") from None
    known = (kind in ("up", "down") and value == "") or (kind == "csat" and value in MARKS)
    known = known and reason in ("", *REASONS)
    if not (known and isinstance(message_id, str) and isinstance(comment, str)):
        raise BadInputError("malformed", "The judgement cannot be read.")
    comment = clean(comment, MOST_COMMENT) if comment.strip() else ""
    return Feedback(message_id, client_id, kind, value, reason=reason, comment=comment)
