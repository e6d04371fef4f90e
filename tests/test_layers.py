"""A module imports only from those that stand above it in the layout; read from the imports."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = (
    ("index",),
    ("agent.errors", "agent.types", "agent.wordings"),
    (
        "agent.config",
        "agent.app_code",
        "agent.tables",
        "agent.items",
        "agent.catalogue",
        "agent.event_rows",
        "agent.wishes",
        "agent.domain",
        "agent.domain_file",
        "agent.domain_check",
        "agent.text",
        "agent.presidio",
        "agent.redaction",
        "agent.grounding",
        "agent.generator",
        "agent.lock",
        "agent.ports",
        "agent.stream",
        "agent.ticker",
        "agent.webhook",
    ),
    ("agent.model",),
    ("agent.dialogue",),
    ("agent.learning",),
    ("agent.migrations", "agent.rows"),
    ("agent.database",),
    (
        "agent.store",
        "agent.audit",
        "agent.handovers",
        "agent.users",
        "agent.jobs",
        "agent.shadow",
        "agent.customers",
        "agent.events",
        "agent.holds",
        "agent.monitor",
        "agent.alerts",
        "agent.backup",
    ),
    ("agent.reviews", "agent.candidates", "agent.export"),
    ("agent.profile", "agent.reasons", "agent.nothing"),
    ("agent.recommend",),
    ("agent.scrub", "agent.privacy", "agent.metrics"),
    ("agent.progress",),
    ("agent.apps", "agent.why", "agent.names", "agent.standing"),
    ("agent.imports",),
    ("agent.inbox", "agent.teach", "agent.new_intent", "agent.refresher", "agent.versions", "agent.retrainer"),
    ("agent.reviewing",),
    ("agent.desk",),
    ("agent.runtime", "agent.service"),
    ("agent.doctor", "agent.load"),
    ("agent.rehearsal", "agent.trial"),
    ("agent.retraining",),
    ("agent.schedule",),
    ("agent.study", "agent.follower"),
    ("agent.background", "agent.watch"),
    ("agent.schema", "agent.recommend_schema", "agent.limits", "agent.identity", "agent.headers", "agent.problems"),
    ("ui",),
    ("agent.pages", "agent.security", "agent.recommend_api", "agent.api", "agent.app_web"),
    ("agent.app_work",),
    ("agent.server",),
    ("agent.commands",),
    ("agent.cli",),
)
OPEN_TO_APPS = {
    *("agent.types", "agent.errors", "agent.text", "agent.database", "agent.progress", "agent.service"),
    *("agent.dialogue.actions", "agent.commands.options", "agent.teach", "agent.stream", "agent.webhook"),
    "ui.app_page",
}
"""What an app's code may import: these keep their names."""
FILES = sorted(p for folder in ("agent", "index", "ui", "apps") for p in (ROOT / folder).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer(name: str) -> int | None:
    """Number of the layer of the longest listed prefix; None for a package root or a foreign module."""
    best: tuple[int, int] | None = None
    for number, names in enumerate(LAYERS):
        for listed in names:
            if (name == listed or name.startswith(listed + ".")) and (best is None or len(listed) > best[0]):
                best = (len(listed), number)
    return best[1] if best else None


def imports(path: Path) -> set[str]:
    """Modules of ours that a file imports, wherever in it; those for type checking alone left out."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for child in node.orelse:
                visit(child)
            return
        if isinstance(node, ast.ImportFrom) and node.module in {"agent", "index", "ui"}:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return {name for name in found if name.split(".")[0] in {"agent", "index", "ui", "apps", "tests"}}


@pytest.mark.parametrize("path", FILES, ids=lambda p: module_name(p))
def test_imports_point_upwards(path: Path) -> None:
    name = module_name(path)
    if name.startswith("apps."):
        assert imports(path) <= OPEN_TO_APPS
        return
    if name in {"agent", "index", "ui"}:
        assert not imports(path)
        return
    own = layer(name)
    assert own is not None, f"{name} has no place in LAYERS"
    for imported in imports(path):
        theirs = layer(imported)
        assert theirs is not None, f"{name} imports {imported}, which has no place in LAYERS"
        assert theirs <= own, f"{name} imports {imported}, which stands below it"


# The API's description shows requests that can be tried as they are, so it names the app that ships.
@pytest.mark.parametrize(
    "path", [p for p in FILES if "apps" not in p.parts and p.stem != "schema"], ids=lambda p: module_name(p)
)
def test_the_core_names_no_app(path: Path) -> None:
    apps = {p.name for p in (ROOT / "apps").iterdir() if p.is_dir()} - {"__pycache__"}
    constants = {
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not constants & apps


def test_types_need_the_standard_library_alone() -> None:
    tree = ast.parse((ROOT / "agent" / "types.py").read_text(encoding="utf-8"))
    modules = {n.module for n in tree.body if isinstance(n, ast.ImportFrom)}
    assert modules == {"__future__", "collections.abc", "dataclasses", "typing"}
