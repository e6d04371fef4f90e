"""An app's declaration: intents, slots, entities, forms, responses, thresholds and articles; and where apps are.

``Domain.load`` reads it, and raises with every mistake at once. Knows nothing of models.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

from agent.catalogue import own_mistakes
from agent.domain_check import check_articles, check_data, check_offers, check_references
from agent.domain_file import FILE_NAME, Declaration, as_texts, read
from agent.errors import ConfigError, DomainError
from agent.text import bare_words
from agent.types import SentimentLabel
from agent.wordings import CANCEL, NO, PERSON_TITLE, RESPONSES, YES
from index.documents import Document, DocumentError, load_folder

IntentRoute = Literal["answer", "action", "form", "handoff", "reply"]
EntityKind = Literal["pattern", "gazetteer", "date", "text"]
LAST_PLACE = 100
"""Of an app that names none."""
ENTRY_POINTS = "switchboard.apps"
BUILT_IN = Path(__file__).resolve().parent.parent / "apps"


@dataclass(frozen=True, slots=True)
class Intent:
    """What a person may want, and what to do then."""

    name: str
    title: str
    """A noun phrase: "Do you mean ...?"."""
    route: IntentRoute
    action: str | None = None
    form: str | None = None
    slots: tuple[str, ...] = ()
    """For an action: what has to be known first; asked for one at a time."""
    takes: tuple[str, ...] = ()
    """For an action: what it also understands and never asks for. After it, a short message that is hardly more than
    such a value ("by week") is for it again."""
    response: str | None = None
    """The whole reply of route ``reply``; before the passage for ``answer``."""
    explain: bool = False
    """For an action: answer from the knowledge too, when it has to ask something first."""
    follow_ups: tuple[str, ...] = ()
    """Messages offered as quick replies after an answer."""
    from_reviews: bool = False
    """Its examples are reviewed messages, so that examples.jsonl need not have any; it is learned once there are."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A piece of information, filled from an entity."""

    name: str
    entity: str
    title: str
    prompt: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    """Quick replies under the prompt."""
    intent: str | None = None
    """What a message that is hardly more than such a value stands for."""
    remember: bool = True
    """Whether the value outlives its form or action."""


@dataclass(frozen=True, slots=True)
class Entity:
    """How to find a value in a text."""

    name: str
    kind: EntityKind
    patterns: tuple[re.Pattern[str], ...] = ()
    """Tried in order; the first group is the value, or the whole match if there is none."""
    format: str = "{}"
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Canonical value -> other names."""
    threshold: float = 0.88
    """Least similarity, 0 to 1, for a name with typos."""
    open: bool = False
    """Take the whole text if the value was asked for and no known one is in it."""


@dataclass(frozen=True, slots=True)
class Form:
    """Slots that are asked for one at a time, then handed to an action."""

    name: str
    title: str
    slots: tuple[str, ...]
    action: str
    check: str | None = None
    """An action run after every new value; see ``agent.dialogue.actions.ActionResult``."""
    confirm: bool = True


@dataclass(frozen=True, slots=True)
class Thresholds:
    """All 0 to 1; chosen by hand where an app states none."""

    confidence: float = 0.4
    """Least confidence to follow an intent."""
    margin: float = 0.15
    """Least lead of the first intent over the second; less asks back."""
    knowledge: float = 0.3
    """Least score of a passage to answer from it."""
    unknown_share: float = 0.2
    """Share of unknown tokens from which a text in another script counts as another language."""


@dataclass(frozen=True, slots=True)
class Handoff:
    """When a person takes over."""

    anger_turns: int = 2
    failures: int = 2
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Article:
    """A knowledge document as the dialogue sees it."""

    id: str
    title: str
    intent: str | None


@dataclass(frozen=True)
class Domain:
    """A whole app's declaration; build it with ``Domain.load``."""

    folder: Path
    name: str
    title: str
    description: str
    greeting: str
    disclosure: str
    """Says that this is a machine; begins the first reply."""
    examples: tuple[str, ...]
    colour: str
    page: str
    """Path of the app's own page (``page.py``); empty without one."""
    locale: str
    contact: str
    place: int
    """Among the service's apps, which are listed by it and then by name; the first one is what a visitor meets."""
    intents: Mapping[str, Intent]
    slots: Mapping[str, Slot]
    entities: Mapping[str, Entity]
    forms: Mapping[str, Form]
    responses: Mapping[str, Mapping[str, tuple[str, ...]]]
    """name -> mood -> wordings; the app's own over the general ones."""
    thresholds: Thresholds
    handoff: Handoff
    articles: Mapping[str, Article]
    """By document id."""
    moods: bool
    """Whether the sentiment of a message is the mood of who writes it; false where the model learns the feeling in
    other texts, such as news."""
    meanings: Mapping[str, str]
    """What the texts to learn from mean: bare words -> intent."""
    yes: tuple[str, ...] = YES
    no: tuple[str, ...] = NO
    cancel: tuple[str, ...] = CANCEL

    @classmethod
    def load(cls, folder: Path) -> Domain:
        """The domain in ``folder``. Raises DomainError with every mistake; broken articles are not among them."""
        found, documents, _, meanings = _examine(folder)
        if found.mistakes:
            raise DomainError(folder.resolve().name, found.mistakes)
        return _build(found, documents, meanings)

    @staticmethod
    def check(folder: Path) -> list[str]:
        """Every mistake in the app's files as ``file:line: what``, articles that cannot be read among them."""
        found, _, broken, _ = _examine(folder)
        unreadable = [f"knowledge/{_inside(error.path, folder)}:1: cannot be read: {error}" for error in broken]
        return [*found.mistakes, *unreadable]

    def wordings(self, name: str, mood: SentimentLabel) -> tuple[str, ...]:
        """The wordings of a response for a mood; the neutral ones if there are none of that mood."""
        response = self.responses[name]
        return response.get(mood) or response["neutral"]

    @property
    def texts(self) -> Iterator[str]:
        """What the app's people write and read: its examples, its articles' titles, and the names of its entities."""
        yield from self.meanings
        yield from (article.title for article in self.articles.values())
        for entity in self.entities.values():
            for name, others in entity.values.items():
                yield from (name, *others)

    def topics(self, most: int = 5) -> list[str]:
        """Titles of the first intents that do something, for "I can help with ..."."""
        return [i.title for i in self.intents.values() if i.route in ("answer", "action", "form")][:most]

    def meaning(self, offered: str) -> str | None:
        """The intent of a message that the app or its dialogue offers to send; None where it stands in no example."""
        if offered == PERSON_TITLE:
            return next((intent.name for intent in self.intents.values() if intent.route == "handoff"), None)
        return self.meanings.get(bare_words(offered))

    def intent_of_document(self) -> dict[str, str]:
        """Document id -> intent, for those articles that name one."""
        return {a.id: a.intent for a in self.articles.values() if a.intent is not None}


def _inside(path: Path, folder: Path) -> str:
    knowledge = folder / "knowledge"
    return path.relative_to(knowledge).as_posix() if path.is_relative_to(knowledge) else path.name


def _examine(folder: Path) -> tuple[Declaration, list[Document], list[DocumentError], dict[str, str]]:
    """The declaration with its mistakes, the articles, those that cannot be read, and what the examples mean."""
    found = read(folder)
    knowledge = folder / "knowledge"
    documents, broken = load_folder(knowledge) if knowledge.is_dir() else ([], [])
    meanings: dict[str, str] = {}
    if found.tables:
        check_references(found)
        meanings = check_data(found, documents)
        check_offers(found, meanings)
        check_articles(found, documents)
    found.mistakes.extend(own_mistakes(folder))
    return found, documents, broken, meanings


def _build(found: Declaration, documents: Sequence[Document], meanings: Mapping[str, str]) -> Domain:
    app, words = found.tables["app"], found.tables.get("words", {})
    own = {
        name: {mood: as_texts(wordings) for mood, wordings in moods.items()}
        for name, moods in found.named("responses").items()
    }
    return Domain(
        folder=found.folder,
        name=app["name"],
        title=app["title"],
        description=app["description"],
        greeting=app["greeting"],
        disclosure=app["disclosure"],
        examples=as_texts(app["examples"]),
        colour=app.get("colour", "#2563eb"),
        page=app.get("page", ""),
        locale=app.get("locale", "en"),
        contact=app.get("contact", ""),
        place=app.get("place", LAST_PLACE),
        moods=app.get("moods", True),
        intents={n: Intent(n, **_tuples(t, "slots", "takes", "follow_ups")) for n, t in found.named("intents").items()},
        slots={
            n: Slot(n, **({"title": n.replace("_", " ").capitalize()} | _tuples(t, "prompt", "options")))
            for n, t in found.named("slots").items()
        },
        entities={n: _entity(n, t) for n, t in found.named("entities").items()},
        forms={n: Form(n, **_tuples(t, "slots")) for n, t in found.named("forms").items()},
        responses={name: dict(moods) for name, moods in RESPONSES.items()} | own,
        thresholds=Thresholds(**found.tables.get("thresholds", {})),
        handoff=Handoff(**found.tables.get("handoff", {})),
        articles={d.id: Article(d.id, d.title, d.metadata.get("intent")) for d in documents},
        meanings=meanings,
        yes=as_texts(words.get("yes")) or YES,
        no=as_texts(words.get("no")) or NO,
        cancel=as_texts(words.get("cancel")) or CANCEL,
    )


def _tuples(table: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return dict(table) | {key: as_texts(table[key]) for key in keys if key in table}


def _entity(name: str, table: Mapping[str, Any]) -> Entity:
    rest = {key: table[key] for key in ("kind", "format", "threshold", "open") if key in table}
    return Entity(
        name,
        patterns=tuple(re.compile(p, re.IGNORECASE) for p in as_texts(table.get("pattern"))),
        values={value: tuple(names) for value, names in table.get("values", {}).items()},
        **rest,
    )


def discover(folders: Sequence[Path] = ()) -> dict[str, Path]:
    """All apps by name (that of their folder): those installed beside this package, those in ``folders``
    (each an app's folder or a folder of such), and those of installed packages (entry points "switchboard.apps",
    each naming a package whose folder is the app's).

    Raises ConfigError if a folder holds no app, or if two apps have one name.
    """
    found: dict[str, Path] = {}
    places = [*_apps_in(BUILT_IN)] if BUILT_IN.is_dir() else []
    for folder in folders:
        apps = _apps_in(folder) if folder.is_dir() else []
        if not apps:
            raise ConfigError(f"There is no app in {folder}: an app is a folder with a {FILE_NAME}.")
        places += apps
    for point in entry_points(group=ENTRY_POINTS):
        spec = importlib.util.find_spec(point.module)
        inside = spec.submodule_search_locations if spec else None
        if not inside or not (Path(inside[0]) / FILE_NAME).is_file():
            raise ConfigError(
                f"The installed app '{point.name}' names {point.value}, which is no package with a {FILE_NAME}."
            )
        places.append(Path(inside[0]))
    for place in places:
        other = found.setdefault(place.resolve().name, place)
        if other.resolve() != place.resolve():
            raise ConfigError(f"Two apps are named '{place.resolve().name}': {other} and {place}. Rename one of them.")
    return found


def _apps_in(folder: Path) -> list[Path]:
    if (folder / FILE_NAME).is_file():
        return [folder]
    return sorted(f for f in folder.iterdir() if (f / FILE_NAME).is_file())
