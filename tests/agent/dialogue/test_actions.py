from __future__ import annotations

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from agent.dialogue.actions import inert, load_actions
from agent.errors import DomainError
from tests.agent.dialogue.small_app import make_app


def test_an_apps_actions_are_found_by_name(app_folder: Path) -> None:
    assert set(load_actions(app_folder)) == {"loan_status", "check_reservation", "reserve"}


def test_an_apps_actions_reach_the_files_beside_them(app_folder: Path) -> None:
    (app_folder / "shelf.py").write_text("NAME = 'found'\n", encoding="utf-8")
    code = "from agent.dialogue.actions import action\nfrom .shelf import NAME\n@action(NAME)\ndef f(c): ...\n"
    (app_folder / "actions.py").write_text(code, encoding="utf-8")
    assert set(load_actions(app_folder)) == {"found"}


def test_an_app_without_actions_has_none(tmp_path: Path) -> None:
    assert len(load_actions(tmp_path)) == 0


def test_two_apps_of_one_name_keep_their_own_code(tmp_path: Path) -> None:
    first, second = make_app(tmp_path / "a"), make_app(tmp_path / "b")
    assert load_actions(first)["reserve"] is not load_actions(second)["reserve"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nothing_of_that_name", "nothing_of_that_name"),
        ("def f(:\n", "SyntaxError"),
        (
            "from agent.dialogue.actions import action\n@action('a')\ndef f(c): ...\n@action('a')\ndef g(c): ...\n",
            "registered as 'a'",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named(app_folder: Path, code: str, said: str) -> None:
    (app_folder / "actions.py").write_text(code, encoding="utf-8")
    with pytest.raises(DomainError, match=said):
        load_actions(app_folder)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[click](https://evil.example)",
        "![x](https://evil.example/p.png)",
        "**bold** _i_ `code` ~~no~~ a|b",
        "https://evil.example www.evil.example",
        "&lt;b&gt; $x^2$",
        "back\\slash \\[x](y)",
    ],
)
def test_inert_text_is_shown_as_it_was_written(text: str) -> None:
    html = MarkdownIt("gfm-like", {"linkify": False}).render(f"- Item: {inert(text)}")
    shown = html.replace("<ul>\n<li>Item: ", "").replace("</li>\n</ul>\n", "")
    assert "<" not in shown
    assert shown.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&") == text


def test_inert_text_stays_on_one_line() -> None:
    assert inert("a\n\n# b") == "a \\# b"
