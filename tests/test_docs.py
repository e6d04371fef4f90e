"""README and docs tell the truth: commands, options, settings, file tree, version.

``UPDATE_DOCS=1 pytest tests/test_docs.py`` writes docs/commands.md anew.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from agent.app_code import load_part
from agent.cli import app
from agent.config import Settings

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(group: Any, before: str = "") -> dict[str, Any]:
    """Every command by its whole name; those of a group one by one."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        found |= commands(command, f"{before}{name} ") if hasattr(command, "commands") else {before + name: command}
    return found


COMMANDS = commands(get_command(app))


def reference() -> str:
    """docs/commands.md: each command with its help, arguments and options."""
    lines = ["# Commands", "", "Written from the commands' own help; a test keeps it so.", ""]
    for name, command in COMMANDS.items():
        words = [name]
        rows = []
        for p in command.params:
            if p.param_type_name == "argument":
                shown = p.metavar or (p.name or "").upper()
                words.append(f"[{shown}]..." if p.nargs == -1 else shown)
                rows.append((f"`{words[-1]}`", p.help or ""))
            elif p.name != "help":
                flags = ", ".join([*p.opts, *p.secondary_opts])
                default = "" if p.default in (None, False) or "default" in (p.help or "") else f" Default: {p.default}."
                rows.append((f"`{flags}`", (p.help or "") + default))
        lines += [f"## switchboard {' '.join(words)}", "", (command.help or "").strip(), ""]
        lines += ["| | |", "|---|---|", *(f"| {flag} | {text.replace('|', '&#124;')} |" for flag, text in rows), ""]
    return "\n".join(lines)


def test_the_command_reference_is_up_to_date() -> None:
    path = ROOT / "docs" / "commands.md"
    if os.environ.get("UPDATE_DOCS"):
        path.write_text(reference(), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == reference(), "run: UPDATE_DOCS=1 pytest tests/test_docs.py"


@pytest.mark.parametrize("name", COMMANDS)
def test_readme_names_every_command(name: str) -> None:
    assert f"switchboard {name}" in README


def test_no_text_names_a_command_that_does_not_exist() -> None:
    texts = [README, *(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))]
    line = re.compile(r"^ *(?:\.venv/bin/)?switchboard ([a-z-]+)(?: ([a-z-]+))?", re.MULTILINE)
    for first, second in {found for text in texts for found in line.findall(text)}:
        of_app = load_part(ROOT / "apps" / first, "commands")
        if of_app is not None:
            assert second in get_command(of_app.group).commands, f"{first} {second}"
        else:
            assert first in {name.split()[0] for name in COMMANDS}, first


@pytest.mark.parametrize("field", dataclasses.fields(Settings), ids=lambda f: f.name)
def test_readme_names_every_setting(field: dataclasses.Field[object]) -> None:
    assert f"`{field.name}`" in README


def test_the_file_tree_of_the_readme_exists_and_is_whole() -> None:
    block = re.search(r"<!-- tree -->\n```\n(.*?)```", README, re.DOTALL)
    assert block
    listed = set()
    folders: list[str] = []
    for line in block.group(1).splitlines():
        name = line.split()[0] if line.strip() else ""
        if not name:
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        folders = folders[:depth]
        path = "/".join([*folders, name.rstrip("/")])
        if name.endswith("/"):
            folders.append(name.rstrip("/"))
        listed.add(path)
        assert (ROOT / path).exists(), path
    modules = {str(p.relative_to(ROOT)) for f in ("agent", "index", "ui") for p in (ROOT / f).rglob("*.py")}
    assert not {m for m in modules if not m.endswith("__init__.py")} - listed


def test_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", README):
        assert (ROOT / target).exists(), target


def test_version_and_changelog_agree() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert first
    assert first.group(1) == version


def test_every_dependency_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    dependencies = [line for line in text.splitlines() if re.match(r'    "[A-Za-z][\w-]*([<>=].*)?",  ', line)]
    assert len(dependencies) > 30
    assert not [line for line in dependencies if "#" not in line]


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    pinned = {
        re.split("==", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    }
    assert not [w for w in wanted if re.split(r"[<>=\[]", w)[0].lower().replace("_", "-") not in pinned]
