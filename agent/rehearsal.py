"""An app's scripted conversations, held with its model in service and its knowledge, away from the served data."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from agent.app_code import load_part
from agent.apps import PASSAGES, open_index
from agent.config import Settings
from agent.dialogue.actions import load_actions
from agent.dialogue.dialogue import Dialogue
from agent.dialogue.script_file import load_scripts
from agent.dialogue.scripts import Miss, Script, rehearse
from agent.teach import domain_of, load_champion
from index.knowledge import Hit

FOLDER = "conversations"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How all conversations of a folder went."""

    scripts: list[Script]
    misses: list[Miss]

    @property
    def passed(self) -> int:
        """Conversations without a miss."""
        failed = {(miss.script.file, miss.script.line) for miss in self.misses}
        return len(self.scripts) - len(failed)


def rehearse_app(settings: Settings, name: str, folder: Path | None = None) -> Rehearsal:
    """Hold the conversations in ``folder`` (default: the app's own), each with action data of its own: an empty folder,
    or what the app's ``rehearsal.py`` puts there.

    Raises UnknownAppError, DomainError (mistakes in the scripts among them), and ModelError without a model.
    """
    domain = domain_of(settings, name)
    scripts = load_scripts(folder or domain.folder / FOLDER, domain)
    model = load_champion(settings, name)
    index = open_index(domain, settings.data, model.backbone)
    actions = load_actions(domain.folder)

    def search(text: str, vector: NDArray[np.float32]) -> list[Hit]:
        return index.search(text, vector, PASSAGES)

    def hold(script: Script, ready: Path) -> list[Miss]:
        with TemporaryDirectory() as data:
            shutil.copytree(ready, data, dirs_exist_ok=True)
            dialogue = Dialogue(domain, actions, Path(data), lambda: script.today, is_word=model.backbone.is_word)
            return rehearse(script, dialogue, model.predict, search)

    with TemporaryDirectory() as ready:
        part = load_part(domain.folder, "rehearsal")
        if part is not None:
            part.prepare(Path(ready), model.predict)
        return Rehearsal(scripts, [miss for script in scripts for miss in hold(script, Path(ready))])
