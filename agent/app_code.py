"""Code that an app brings: modules of its own folder, which is a package whatever its name.

    actions.py    what the dialogue may do (``agent.dialogue.actions``)
    commands.py   ``group``, a Typer, reached as ``switchboard <app> ...``
    routes.py, page.py, background.py   what it adds to a running service (``agent.app_web``, ``agent.app_work``)

Each may import the files beside it (``from .items import find``); they are loaded once and shared.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.machinery
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

from agent.errors import DomainError


def load_part(folder: Path, part: str, *, again: bool = False) -> ModuleType | None:
    """The module ``folder/<part>.py``, None if there is no such file. Runs the file unless it was loaded before.

    With ``again`` the whole folder is read anew, as its files may have changed; what was loaded before goes on to
    work for whoever holds it.

    Raises DomainError if it cannot be imported.
    """
    if not (folder / f"{part}.py").is_file():
        return None
    package = _package(folder)
    if again:
        for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
            del sys.modules[name]
    if package not in sys.modules:
        spec = importlib.machinery.ModuleSpec(package, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[package] = importlib.util.module_from_spec(spec)
    # A file that was written within the last moment would else be taken for missing.
    importlib.invalidate_caches()
    try:
        return importlib.import_module(f"{package}.{part}")
    except (ImportError, SyntaxError, NameError, AttributeError, TypeError, ValueError) as error:
        raise DomainError(folder.name, [f"{part}.py: cannot be imported: {type(error).__name__}: {error}"]) from error


def _package(folder: Path) -> str:
    """Two apps of one name in two folders must not share a module."""
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
    return f"switchboard_app_{re.sub(r'[^0-9a-zA-Z]', '_', folder.name)}_{place}"
