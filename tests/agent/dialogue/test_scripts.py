from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from agent.dialogue.actions import load_actions
from agent.dialogue.dialogue import Dialogue
from agent.dialogue.script_file import load_scripts
from agent.dialogue.scripts import Miss, rehearse
from agent.domain import BUILT_IN, Domain
from agent.errors import DomainError
from agent.types import Prediction
from tests.agent.dialogue.small_app import hit, is_word, predict

HEAD = "today: 2026-11-24\nconversations:\n  - name: one\n    turns:\n"
READ = {"where is my book": "loan_status", "when do you open": "hours", "hello": "greeting"}


def write(folder: Path, turns: str, head: str = HEAD) -> Path:
    (folder / "talk.yml").write_text(head + turns, encoding="utf-8")
    return folder


def read(texts: Sequence[str]) -> list[Prediction]:
    return [predict(text, READ.get(text, "person"), 0.9 if text in READ else 0.3) for text in texts]


def run(domain: Domain, folder: Path) -> list[Miss]:
    [script] = load_scripts(folder, domain)
    dialogue = Dialogue(domain, load_actions(domain.folder), folder / "data", lambda: script.today, is_word=is_word)
    return rehearse(script, dialogue, read, lambda *_: [hit()])


def test_a_conversation_that_goes_as_expected_has_no_miss(domain: Domain, tmp_path: Path) -> None:
    turns = """
      - {say: "where is my book", route: action, intent: loan_status, asks: card}
      - {say: "when do you open", route: answer, article: opening, asks: card, text: "nonsense|We open at nine."}
      - {say: "1234", route: action, slots: {card: C-1234}, asks: nothing}
"""
    assert run(domain, write(tmp_path, turns)) == []
    assert load_scripts(tmp_path, domain)[0].today == date(2026, 11, 24)


@pytest.mark.parametrize(
    ("turn", "what", "got"),
    [
        ('{say: "hello", route: handoff}', "route", "answer (greeting with confidence"),
        ('{say: "hello", route: answer, intent: fines}', "intent", "greeting"),
        ('{say: "hello", route: answer, wishes: [hours, fines]}', "wishes", "one"),
        ('{say: "hello", route: answer, slots: {card: C-1234}}', "slot card", "none"),
        ('{say: "hello", route: answer, article: opening}', "article", "none"),
        ('{say: "where is my book", route: action, asks: nothing}', "asks", "card"),
        ('{say: "hello", route: answer, text: "no such words"}', "text", "I am a machine."),
    ],
)
def test_every_expectation_can_fail(domain: Domain, tmp_path: Path, turn: str, what: str, got: str) -> None:
    [miss] = run(domain, write(tmp_path, f"      - {turn}\n"))
    assert (miss.what, miss.turn.number, miss.script.name) == (what, 1, "one")
    assert miss.got.startswith(got)


@pytest.mark.parametrize(
    ("turns", "mistake"),
    [
        ("      - {say: hello, rout: answer}\n", r"talk.yml:5: unknown key 'rout'. Did you mean 'route'?"),
        ("      - {say: hello}\n", "talk.yml:5: 'route' is missing."),
        ("      - {say: hello, route: reply}\n", "talk.yml:5: unknown route 'reply'."),
        (
            "      - {say: a, route: answer}\n      - {say: b, route: answer, intent: hour}\n",
            "talk.yml:6: unknown intent",
        ),
        ("      - {say: hello, route: answer, article: gone}\n", "talk.yml:5: unknown article 'gone'."),
        ("      - {say: hello, route: answer, slots: {cart: 1}}\n", "talk.yml:5: unknown key 'cart'."),
        ("      - {say: hello, route: answer, asks: cart}\n", "talk.yml:5: unknown asks 'cart'."),
        ("      - {say: [hello], route: answer}\n", "talk.yml:5: must be a text."),
        ("      - {say: hello, say: hi, route: answer}\n", "talk.yml:5: the key 'say' stands here twice."),
        ("      - hello\n", "talk.yml:5: must be a table"),
        ("      - {say: hello\n", "is not valid YAML"),
        ("      []\n", "'turns' must be a list, not empty."),
    ],
)
def test_mistakes_are_named_with_file_and_line(domain: Domain, tmp_path: Path, turns: str, mistake: str) -> None:
    with pytest.raises(DomainError) as caught:
        load_scripts(write(tmp_path, turns), domain)
    assert any(mistake in line for line in caught.value.mistakes), caught.value.mistakes


def test_the_day_has_to_be_one(domain: Domain, tmp_path: Path) -> None:
    folder = write(tmp_path, "      - {say: hello, route: answer}\n", HEAD.replace("2026-11-24", "tomorrow"))
    with pytest.raises(DomainError, match="'today' must be a day such as 2026-11-24, not 'tomorrow'"):
        load_scripts(folder, domain)


def test_code_in_yaml_is_not_run(domain: Domain, tmp_path: Path) -> None:
    place = tmp_path / "made"
    turn = f"      - {{say: !!python/object/apply:os.mkdir ['{place}'], route: answer}}\n"
    with pytest.raises(DomainError, match="must be a text"):
        load_scripts(write(tmp_path, turn), domain)
    assert not place.exists()


def test_a_folder_without_conversations_says_so(domain: Domain, tmp_path: Path) -> None:
    (tmp_path / "empty.yml").write_text("")
    with pytest.raises(DomainError, match=r"empty.yml:1: is empty"):
        load_scripts(tmp_path, domain)
    (tmp_path / "empty.yml").unlink()
    with pytest.raises(DomainError, match="there is no conversation here"):
        load_scripts(tmp_path, domain)


@pytest.mark.parametrize("app", [f for f in BUILT_IN.iterdir() if (f / "conversations").is_dir()], ids=lambda f: f.name)
def test_the_conversations_of_the_apps_that_ship_are_well_formed(app: Path) -> None:
    scripts = load_scripts(app / "conversations", Domain.load(app))
    # Enough that a share of them says something.
    assert len(scripts) >= 15
    assert all(len(script.turns) <= 12 for script in scripts)
    assert len({script.name for script in scripts}) == len(scripts)
