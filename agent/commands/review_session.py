"""The terminal's review: one key a decision, typed by a person or piped in line by line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.text import Text

from agent.domain import Domain
from agent.errors import BadInputError, DomainError
from agent.learning.labels import Suggestion
from agent.learning.queue import Item
from agent.names import check_review
from agent.new_intent import add_intent
from agent.reviewing import Wish
from agent.reviews import ReviewBook
from agent.store import Store
from agent.types import SENTIMENTS, Review
from index.knowledge import KnowledgeIndex

KEYS = (
    "[b]1[/b] right   [b]2 3[/b] that guess   [b]i[/b] another intent   [b]o[/b] out of scope   [b]n[/b] new intent   "
    "[b]s[/b] sentiment   [b]p[/b] right article   [b]w[/b] wrong article   [b]k[/b] skip   [b]u[/b] undo   "
    "[b]q[/b] quit"
)
LABEL_KEYS = (
    "[b]1[/b] right as it is   [b]2[/b] as suggested   [b]i[/b] another intent   [b]o[/b] out of scope   "
    "[b]k[/b] skip   [b]u[/b] undo   [b]q[/b] quit"
)
WISH_KEYS = (
    "[b]n[/b] make an intent of them   [b]i[/b] an intent there is   [b]o[/b] out of scope   [b]k[/b] skip   "
    "[b]u[/b] undo   [b]q[/b] quit"
)
_REPLY_CHARS = 400


class _Quit(Exception):
    """The reviewer has had enough, or the input has ended."""


class ReviewSession:
    """One reviewer at work on one app."""

    def __init__(
        self, console: Console, store: Store, domain: Domain, index: KnowledgeIndex, reviewer: str, app: str
    ) -> None:
        self._out = console
        self._store = store
        self._book = ReviewBook(store.file)
        self._domain = domain
        self._index = index
        self._reviewer = reviewer
        self._app = app
        self._place = 0
        # Of each review in this sitting: the place where it was given, its id, itself.
        self._done: list[tuple[int, int, Review]] = []

    # What is gone through

    def messages(self, items: Sequence[Item]) -> None:
        """Go through a queue of messages until its end or until the reviewer quits."""
        self._each(len(items), lambda place: self._message(items[place], f"{place + 1} of {len(items)}"))

    def labels(self, found: Sequence[tuple[str, Suggestion]]) -> None:
        """Go through the app's examples whose intent looks wrong."""
        self._each(len(found), lambda place: self._label(*found[place], f"{place + 1} of {len(found)}"))

    def wishes(self, found: Sequence[Wish]) -> None:
        """Go through the groups of messages that the app has no intent for."""
        self._each(len(found), lambda place: self._wish(found[place], f"{place + 1} of {len(found)}"))

    def _each(self, count: int, show: Callable[[int], int]) -> None:
        try:
            while self._place < count:
                self._place += show(self._place)
        except _Quit:
            pass
        self._say_progress()

    def _say_progress(self) -> None:
        day = datetime.now(UTC).date().isoformat()
        counts = ", ".join(f"{who} {n}" for who, n in self._book.progress(self._app, day).items())
        self._say(f"\nReviews today: {counts or 'none'}.")
        for disputed in self._book.disagreements(self._app):
            said = ", ".join(
                f"{r.reviewer}: {r.intent or r.sentiment or r.document or r.verdict}" for r in disputed.reviews
            )
            self._say(f"Reviewers disagree on '{disputed.text}' ({said}); it is not learned from.")

    def _say(self, text: str, style: str = "") -> None:
        self._out.print(Text(text, style), highlight=False)

    # One thing each; each gives the step to the next one

    def _message(self, item: Item, place: str) -> int:
        candidate = item.candidate
        messages = self._store.messages(candidate.conversation_id)
        reply = next((m for m in messages if m["message_id"] == candidate.message_id), None)
        if reply is None:
            self._say(f"\n{place}: its conversation has been deleted meanwhile.", "dim")
            return 1
        times = f", said {item.count} times" if item.count > 1 else ""
        self._say(f"\n{place}{times}: {'; '.join(item.reasons)}", "dim")
        self._say(candidate.text, "bold")
        self._say(f"> {reply['text'][:_REPLY_CHARS]}", "dim")
        for number, (name, confidence) in enumerate(candidate.intents, 1):
            self._say(f"  {number}  {name} {confidence:.2f}")
        self._out.print(KEYS, highlight=False)
        document_of = {passage.id: passage.document_id for passage in self._index.passages()}
        cited = [document_of[c["passage_id"]] for c in reply["citations"] if c["passage_id"] in document_of]
        review = Review(self._app, candidate.text, "corrected", self._reviewer, candidate.message_id)
        return self._decide(review, [name for name, _ in candidate.intents], [*dict.fromkeys(cited)])

    def _label(self, text: str, suggestion: Suggestion, place: str) -> int:
        self._say(f"\n{place}: another intent is {suggestion.times:.0f} times as likely", "dim")
        self._say(text, "bold")
        self._say(f"  1  {suggestion.label}, as it is\n  2  {suggestion.better}")
        self._out.print(LABEL_KEYS, highlight=False)
        review = Review(self._app, text, "corrected", self._reviewer)
        return self._decide(review, [suggestion.label, suggestion.better], [])

    def _wish(self, wish: Wish, place: str) -> int:
        self._say(f"\n{place}: {len(wish.messages)} messages, and no intent for them", "dim")
        for text in wish.typical:
            self._say(f"  {text}")
        self._out.print(WISH_KEYS, highlight=False)
        app, who = self._app, self._reviewer
        first, *others = [Review(app, c.text, "out_of_scope", who, c.message_id) for c in wish.messages]
        step = self._decide(first, [], [])
        if step == 1:
            _, _, decided = self._done[-1]
            for review in others:
                self._add(replace(review, verdict=decided.verdict, intent=decided.intent))
        return step

    def _decide(self, review: Review, names: Sequence[str], cited: Sequence[str]) -> int:
        """Ask until something is decided; the step to what comes next.

        The first of ``names`` is what the message or example counts as now. Sentiment and articles are noted and leave
        the question open.
        """
        while True:
            key = self._key()
            try:
                if key == "u":
                    return self._undo()
                if key in ("s", "p", "w"):
                    self._note(key, review, cited)
                    continue
                decided = self._decided(key, review, names)
                if decided is None:
                    self._say("That key means nothing here.")
                    continue
                self._add(decided)
            except (BadInputError, DomainError) as error:
                self._say(str(error), "red")
                continue
            return 1

    def _decided(self, key: str, review: Review, names: Sequence[str]) -> Review | None:
        """The review that a key makes; None if it makes none."""
        if key.isdigit() and 0 < int(key) <= len(names):
            return replace(review, verdict="confirmed" if key == "1" else "corrected", intent=names[int(key) - 1])
        match key:
            case "i":
                return replace(review, verdict="corrected", intent=self._pick("intent", list(self._domain.intents)))
            case "n":
                return replace(review, verdict="corrected", intent=self._new_intent())
            case "o":
                return replace(review, verdict="out_of_scope")
            case "k":
                return replace(review, verdict="skipped")
        return None

    def _note(self, key: str, review: Review, cited: Sequence[str]) -> None:
        review = replace(review, verdict="corrected")
        if key == "s":
            chosen = self._pick("sentiment", SENTIMENTS)
            self._add(replace(review, sentiment=next(s for s in SENTIMENTS if s == chosen)))
        elif key == "w":
            self._add(replace(review, wrong_document=self._pick("article", cited)))
        else:
            others = [document.id for document in self._index.documents()]
            self._add(replace(review, document=self._pick("article", [*dict.fromkeys([*cited, *others])])))
        self._say("Noted. And the intent?")

    # Decisions

    def _add(self, review: Review) -> None:
        check_review(review, self._domain, self._index)
        self._done.append((self._place, self._book.add(review), review))

    def _undo(self) -> int:
        """Take back all that was said at the last place where anything was; the step to there."""
        if not self._done:
            self._say("There is nothing to undo.")
            return 0
        place = self._done[-1][0]
        while self._done and self._done[-1][0] == place:
            self._book.undo(self._done[-1][1], self._reviewer)
            self._done.pop()
        self._say("Undone.")
        return place - self._place

    def _new_intent(self) -> str:
        name = self._ask("The intent's name")
        title = self._ask("Its title, as in 'Do you mean ...?'")
        reply = self._ask("The reply to it")
        add_intent(self._domain.folder, name, title, reply)
        self._domain = Domain.load(self._domain.folder)
        return name

    # Input

    def _key(self) -> str:
        if sys.stdin.isatty():
            key = typer.getchar().lower()
            if key in ("\x03", "\x04"):
                raise _Quit
        else:
            key = self._line().strip()[:1].lower()
        if key == "q":
            raise _Quit
        return key

    def _pick(self, what: str, options: Sequence[str]) -> str:
        """One of ``options``, by number or by how its name begins. Raises BadInputError."""
        if not options:
            raise BadInputError("nothing_to_pick", f"There is no {what} to choose from.")
        self._say("  ".join(f"{n} {option}" for n, option in enumerate(options, 1)))
        said = self._ask(f"The {what}, by number or name")
        if said.isdigit() and 0 < int(said) <= len(options):
            return options[int(said) - 1]
        if said in options:
            return said
        begun = [option for option in options if option.startswith(said)] if said else []
        if len(begun) == 1:
            return begun[0]
        found = f"Several begin so: {', '.join(begun)}." if begun else "Give a number or how its name begins."
        raise BadInputError("unclear", f"No {what} '{said[:60]}'. {found}")

    def _ask(self, what: str) -> str:
        self._out.print(f"{what}: ", end="", highlight=False)
        return self._line().strip()

    @staticmethod
    def _line() -> str:
        line = sys.stdin.readline()
        if not line:
            raise _Quit
        return line
