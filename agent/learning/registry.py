"""ModelRegistry: the versions of one app's model and the alias that names the one in service."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import ModelError
from agent.model.storage import read_manifest

CHAMPION = "champion"


@dataclass(frozen=True, slots=True)
class Version:
    name: str
    folder: Path
    created: str
    """UTC, ISO 8601."""
    champion: bool
    figures: dict[str, Any]


class ModelRegistry:
    """``<data>/models/<app>/versions/<n>/`` and ``aliases.json`` beside them.

    A version is immutable; an alias is moved in one atomic step.
    """

    def __init__(self, data: Path, app: str) -> None:
        self.folder = data / "models" / app
        self.app = app

    def next_folder(self) -> Path:
        """Where the next version is to be saved."""
        numbers = [int(p.name) for p in (self.folder / "versions").glob("[0-9]*") if p.name.isdigit()]
        (self.folder / "versions").mkdir(parents=True, exist_ok=True)
        return self.folder / "versions" / str(max(numbers, default=0) + 1)

    def versions(self) -> list[Version]:
        """All versions, oldest first."""
        champion = self._aliases().get(CHAMPION)
        folders = [p for p in (self.folder / "versions").glob("[0-9]*") if (p / "manifest.json").is_file()]
        found = []
        for folder in sorted(folders, key=lambda p: int(p.name)):
            manifest = read_manifest(folder)
            found.append(
                Version(
                    folder.name,
                    folder,
                    manifest.get("created", ""),
                    folder.name == champion,
                    manifest.get("figures", {}),
                )
            )
        return found

    def champion(self) -> Path | None:
        """Folder of the version in service; None if nothing was promoted yet."""
        name = self._aliases().get(CHAMPION)
        return None if name is None else self.version_folder(name)

    def promote(self, name: str) -> None:
        """Let ``champion`` point at a version. Raises ModelError if there is no such version."""
        with self._locked():
            self._promote(name)

    def follow(self, champion: Path | None, name: str) -> bool:
        """Promote a version in the place of ``champion``; False if that is not the champion any more: whatever
        somebody chose meanwhile stays. Raises ModelError if there is no such version."""
        with self._locked():
            if self.champion() != champion:
                return False
            self._promote(name)
        return True

    def _promote(self, name: str) -> None:
        self.version_folder(name)
        aliases = self._aliases() | {CHAMPION: name}
        aside = self.folder / "aliases.json.new"
        with aside.open("w", encoding="utf-8") as stream:
            json.dump(aliases, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(aside, self.folder / "aliases.json")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One move of an alias at a time, among all processes; the next one waits."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "aliases.lock").open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def version_folder(self, name: str) -> Path:
        """Folder of a version. Raises ModelError naming those there are."""
        folder = self.folder / "versions" / name
        if not (folder / "manifest.json").is_file():
            there = ", ".join(v.name for v in self.versions()) or "none"
            raise ModelError(f"App '{self.app}' has no version '{name}'. Available: {there}.")
        return folder

    def _aliases(self) -> dict[str, str]:
        path = self.folder / "aliases.json"
        if not path.is_file():
            return {}
        try:
            aliases: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ModelError(f"{path} is damaged: {error}. Delete it and promote a version again.") from error
        return aliases


def now() -> str:
    """UTC time to the second, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
