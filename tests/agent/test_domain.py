from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from agent import domain as module
from agent.apps import load_domains
from agent.config import Settings
from agent.domain import Domain, discover
from agent.errors import ConfigError, DomainError
from agent.wordings import RESPONSES
from tests.agent.dialogue.small_app import EXAMPLES, TOML, make_app


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return make_app(tmp_path)


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def changed(app: Path, old: str, new: str) -> str:
    """The domain file with one change."""
    assert old in TOML
    text = TOML.replace(old, new, 1)
    (app / "domain.toml").write_text(text, encoding="utf-8")
    return text


def test_a_sound_app_has_no_mistakes_and_all_its_parts(app: Path) -> None:
    assert Domain.check(app) == []
    domain = Domain.load(app)
    assert (domain.name, domain.locale, domain.thresholds.margin) == ("library", "en", 0.2)
    assert list(domain.intents) == ["loan_status", "reserve", "hours", "fines", "person", "greeting"]
    assert domain.forms["reservation"].slots == ("card", "book", "note")
    assert domain.intent_of_document() == {"opening": "hours"}
    assert domain.entities["book"].values["Emma"] == ("emma woodhouse",)


def test_what_the_examples_and_questions_mean_is_known_by_their_words(app: Path) -> None:
    (app / "questions.jsonl").write_text('{"text": "Open on Sundays?", "article": "opening"}\n', encoding="utf-8")
    domain = Domain.load(app)
    assert domain.meaning("WHERE is my book?") == "loan_status"
    assert domain.meaning("open on Sundays") == "hours"
    assert domain.meaning("where is it") is None
    assert domain.meaning("Talk to a person") == "person"


def test_a_quick_reply_that_stands_in_no_example_is_named(app: Path) -> None:
    text = changed(app, 'route = "answer"\n', 'route = "answer"\nfollow_ups = ["Hello", "Is it late?"]\n')
    [mistake] = Domain.check(app)
    assert mistake.startswith(f"domain.toml:{line_of(text, 'follow_ups')}: 'Is it late?' is offered")
    assert "add it to examples.jsonl" in mistake


def test_the_apps_wordings_go_before_the_general_ones(app: Path) -> None:
    changed(
        app, "[responses.greeting]", '[responses.clarify]\nneutral = ["{first}? {second}?"]\n\n[responses.greeting]'
    )
    domain = Domain.load(app)
    assert domain.wordings("clarify", "negative") == ("{first}? {second}?",)
    assert domain.wordings("lead_in", "negative") == RESPONSES["lead_in"]["negative"]
    assert domain.wordings("greeting", "positive") == ("Hello.", "Good day.", "Hi.")


@pytest.mark.parametrize(
    ("old", "new", "at", "said"),
    [
        ('contact = "Call', 'contcat = "Call', "contcat", "Did you mean 'contact'?"),
        ('name = "library"', 'name = "libary"', 'name = "libary"', "the folder is 'library'"),
        ('title = "The library"\n', "", "[app]", "'title' is missing in [app]"),
        ('contact = "Call', 'page = "//x.example"\ncontact = "Call', "page = ", "'page' is a path of this service"),
        ("confidence = 0.5", "confidence = 5", "confidence = 5", "must be a number from 0 to 1"),
        ("confidence = 0.5", "confidence = true", "confidence = true", "must be a number from 0 to 1"),
        ("[thresholds]", "[treshold]", "[treshold]", "unknown table 'treshold'. Did you mean 'thresholds'?"),
        ('route = "handoff"', 'route = "handof"', 'route = "handof"', "Did you mean 'handoff'?"),
        ('action = "loan_status"', 'action = "loan_state"', 'action = "loan_state"', "Did you mean 'loan_status'?"),
        ('action = "loan_status"\n', "", "[intents.loan_status]", "has route 'action' but no 'action'"),
        ('form = "reservation"', 'form = "reservations"', 'form = "reservations"', "Did you mean 'reservation'?"),
        ('slots = ["card"]', 'slots = ["crad"]', 'slots = ["crad"]', "unknown slot 'crad'. Did you mean 'card'?"),
        ('slots = ["card"]', 'takes = ["crad"]', 'takes = ["crad"]', "unknown slot 'crad'. Did you mean 'card'?"),
        ('["card", "book"', '["card", "bok"', '["card", "bok"', "unknown slot 'bok'. Did you mean 'book'?"),
        ('response = "greeting"', 'response = "greting"', 'response = "greting"', "Did you mean 'greeting'?"),
        ('response = "about_fines"\n', "", "[responses.about_fines]", "is used by nothing"),
        ('entity = "book"', 'entity = "boko"', 'entity = "boko"', "unknown entity 'boko'. Did you mean 'book'?"),
        ('prompt = ["Any note?"]\n', "", "[slots.note]", "is asked for, but has no 'prompt'"),
        ('intent = "loan_status"\nprompt', 'intent = "loan"\nprompt', 'intent = "loan"', "unknown intent 'loan'"),
        ("(\\\\d{4})\\\\b', '", "(\\\\d{4}\\\\b', '", "pattern = ", "is no regular expression"),
        ('format = "C-{}"', 'format = "C-"', 'format = "C-"', "lacks the place {}"),
        ('check = "check_reservation"', 'check = "chek_reservation"', "check = ", "Did you mean 'check_reservation'?"),
        ('["About fines:"]', '["About {fnies}:"]', '["About {fnies}', "unknown placeholder 'fnies'"),
        ('neutral = ["About fines:"]\n', "", "[responses.about_fines]", "'neutral' is missing"),
        ('neutral = ["About fines:"]', "neutral = []", "neutral = []", "must be a list of texts, not empty"),
        ('kind = "date"', 'kind = "day"', 'kind = "day"', "unknown kind"),
        ('kind = "text"', 'kind = "gazetteer"', "[entities.anything]", "of kind 'gazetteer' has no 'values'"),
        ('title = "fines"', "title = 3", "title = 3", "'title' in [intents.fines] must be a text"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(app: Path, old: str, new: str, at: str, said: str) -> None:
    text = changed(app, old.replace("\\\\", "\\"), new.replace("\\\\", "\\"))
    [mistake] = [m for m in Domain.check(app) if said in m]
    assert mistake.startswith(f"domain.toml:{line_of(text, at)}: ")
    with pytest.raises(DomainError) as caught:
        Domain.load(app)
    assert mistake in caught.value.mistakes


def test_a_file_that_is_no_toml_is_named_with_its_line(app: Path) -> None:
    text = changed(app, 'title = "fines"', 'title = "fines')
    [mistake] = Domain.check(app)
    line = line_of(text, 'title = "fines\n')
    assert mistake.startswith(f"domain.toml:{line}: is not valid TOML")


def test_feelings_may_say_what_they_are_about(app: Path) -> None:
    row = '{"text": "x", "sentiment": "negative", "aspect": "fees"}'
    (app / "sentiment.jsonl").write_text(row + "\n", encoding="utf-8")
    assert Domain.check(app) == []
    (app / "sentiment.jsonl").write_text(row.replace("aspect", "aspects") + "\n", encoding="utf-8")
    [mistake] = Domain.check(app)
    assert mistake.startswith("sentiment.jsonl:1: unknown key 'aspects'. Did you mean 'aspect'?")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    [mistake] = Domain.check(tmp_path)
    assert mistake.startswith("domain.toml:1: cannot be read")


def test_all_mistakes_come_at_once(app: Path) -> None:
    changed(app, 'contact = "Call', 'contcat = "Call')
    (app / "examples.jsonl").write_text(EXAMPLES + "{\n", encoding="utf-8")
    assert len(Domain.check(app)) == 2


def test_an_intent_without_examples_is_named(app: Path) -> None:
    (app / "examples.jsonl").write_text(EXAMPLES.replace('"fines"', '"hours"'), encoding="utf-8")
    [mistake] = Domain.check(app)
    assert mistake == (
        f"domain.toml:{line_of(TOML, '[intents.fines]')}: intent 'fines' has no example in examples.jsonl; "
        "write at least a few."
    )


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("examples.jsonl", '{"text": "x", "intent": "hous"}', "unknown intent 'hous'. Did you mean 'hours'?"),
        ("examples.jsonl", '{"text": "x", "intent": "hours"', "is not valid JSON"),
        ("examples.jsonl", '["x", "hours"]', "must be an object"),
        ("examples.jsonl", '{"text": " ", "intent": "hours"}', "needs the text 'text'"),
        ("examples.jsonl", '{"text": "x"}', "needs the text 'intent'"),
        (
            "examples.jsonl",
            '{"text": "x", "intent": "hours", "intnet": ""}',
            "unknown key 'intnet'. Did you mean 'intent'?",
        ),
        ("examples.jsonl", '{"text": "Where is  MY book", "intent": "hours"}', "but 'loan_status' in line 1"),
        ("sentiment.jsonl", '{"text": "x", "sentiment": "angry"}', "unknown sentiment 'angry'"),
        (
            "questions.jsonl",
            '{"text": "x", "article": "openings"}',
            "unknown article 'openings'. Did you mean 'opening'?",
        ),
        ("out_of_scope.jsonl", '{"txt": "x"}', "needs the text 'text'"),
        ("test/examples.jsonl", '{"text": "x", "intent": "hous"}', "unknown intent 'hous'"),
    ],
)
def test_a_bad_line_of_data_is_named(app: Path, name: str, line: str, said: str) -> None:
    (app / "test").mkdir()
    before = EXAMPLES if name == "examples.jsonl" else "\n"
    (app / name).write_text(before + line + "\n", encoding="utf-8")
    [mistake] = Domain.check(app)
    assert mistake.startswith(f"{name}:{before.count(chr(10)) + 1}: ")
    assert said in mistake


def test_an_article_of_an_unknown_intent_is_named(app: Path) -> None:
    path = app / "knowledge" / "opening.md"
    path.write_text(path.read_text().replace("intent: hours", "intent: horus"), encoding="utf-8")
    assert Domain.check(app) == ["knowledge/opening.md:3: unknown intent 'horus'. Did you mean 'hours'?"]


def test_a_broken_article_is_named_but_stops_nothing(app: Path) -> None:
    (app / "knowledge" / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    [mistake] = Domain.check(app)
    assert mistake.startswith("knowledge/broken.pdf:1: cannot be read")
    assert set(Domain.load(app).articles) == {"opening"}


def test_actions_that_cannot_be_parsed_are_named(app: Path) -> None:
    (app / "actions.py").write_text("x = (\n", encoding="utf-8")
    assert any(m.startswith("actions.py:1: cannot be parsed") for m in Domain.check(app))


def test_apps_are_found_in_folders_and_folders_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = make_app(tmp_path / "a"), make_app(tmp_path / "b")
    two = two.rename(tmp_path / "b" / "second")
    monkeypatch.setattr(module, "BUILT_IN", tmp_path / "none")
    assert discover((one, tmp_path / "b")) == {"library": one, "second": two}


def test_apps_are_listed_by_their_places_and_then_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUILT_IN", tmp_path / "none")
    places = {"last": "", "second": "place = 7\n", "first": "place = 2\n", "also": "place = 7\n"}
    for name, place in places.items():
        folder = make_app(tmp_path / f"at-{name}").rename(tmp_path / name)
        text = (folder / "domain.toml").read_text().replace('name = "library"', f'name = "{name}"\n{place}', 1)
        (folder / "domain.toml").write_text(text)
    settings = Settings(data=tmp_path / "data", apps=tuple(tmp_path / name for name in places))
    assert list(load_domains(settings)) == ["first", "also", "second", "last"]


def test_a_folder_without_an_app_and_two_of_a_name_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUILT_IN", tmp_path / "none")
    with pytest.raises(ConfigError, match="no app in"):
        discover((tmp_path,))
    one, two = make_app(tmp_path / "a"), make_app(tmp_path / "b")
    with pytest.raises(ConfigError, match="Two apps are named 'library'"):
        discover((one, two))
    assert discover((one, one)) == {"library": one}


def test_installed_packages_bring_apps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = make_app(tmp_path)
    (package / "__init__.py").write_text("raise RuntimeError('looking for an app must not run it')")
    monkeypatch.setattr(module, "BUILT_IN", tmp_path / "none")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    points = [EntryPoint("library", "library", module.ENTRY_POINTS)]
    monkeypatch.setattr(module, "entry_points", lambda group: points if group == module.ENTRY_POINTS else [])
    assert discover() == {"library": package}
    points[0] = EntryPoint("gone", "no_such_package", module.ENTRY_POINTS)
    with pytest.raises(ConfigError, match="installed app 'gone'"):
        discover()
