"""A new intent written into an app's ``domain.toml``, behind what stands there; its examples come from reviews.

Taking it back is deleting the two tables. Without reviews that name it, the intent is never learned.
"""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.domain import Domain
from agent.domain_check import NAME
from agent.domain_file import FILE_NAME
from agent.errors import BadInputError, DomainError


def add_intent(folder: Path, name: str, title: str, reply: str) -> None:
    """Declare an intent that is answered with ``reply``. The file is checked before it is replaced, in one step.

    Raises BadInputError if ``name`` is no name or is taken, or a text is empty; DomainError with the mistakes that the
    file would have; OSError if the folder cannot be written to.
    """
    if not NAME.fullmatch(name):
        raise BadInputError(
            "no_name", f"'{name[:60]}' is no name: use letters, digits and _ , beginning with a letter."
        )
    if not title.strip() or not reply.strip():
        raise BadInputError("empty", "An intent needs a title and a reply.")
    path = folder / FILE_NAME
    before = path.read_text(encoding="utf-8")
    tables = tomllib.loads(before)
    for table in ("intents", "responses"):
        if name in tables.get(table, {}):
            raise BadInputError("name_taken", f"There is '{name}' in [{table}] already. Choose another name.")
    text = f"{before.rstrip()}\n\n{_declared(name, title, reply)}"
    with TemporaryDirectory() as scratch:
        trial = Path(scratch) / folder.resolve().name
        shutil.copytree(folder, trial, ignore=shutil.ignore_patterns("__pycache__"))
        (trial / FILE_NAME).write_text(text, encoding="utf-8")
        mistakes = Domain.check(trial)
    if mistakes:
        raise DomainError(folder.resolve().name, mistakes)
    _replace(path, text)


def _declared(name: str, title: str, reply: str) -> str:
    # A JSON string is a TOML string, and a name is a bare key.
    return (
        f"[intents.{name}]\ntitle = {json.dumps(title, ensure_ascii=False)}\n"
        f'route = "reply"\nresponse = {json.dumps(name)}\nfrom_reviews = true\n\n'
        f"[responses.{name}]\nneutral = [{json.dumps(reply, ensure_ascii=False)}]\n"
    )


def _replace(path: Path, text: str) -> None:
    aside = path.with_name(f".{path.name}.new")
    try:
        with aside.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        shutil.copymode(path, aside)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
