"""ModelRegistry: the versions of one app's model, the aliases that name those in service and on trial, and who moved
them when and why."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from agent.errors import ModelError
from agent.model.storage import read_manifest, verify

CHAMPION = "champion"
CHALLENGER = "challenger"


@dataclass(frozen=True, slots=True)
class Version:
    name: str
    folder: Path
    created: str
    """UTC, ISO 8601."""
    champion: bool
    figures: dict[str, Any]
    challenger: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """The champion's alias was moved."""

    kind: Literal["promote", "rollback"]
    before: str | None
    after: str
    who: str
    """Empty where a program made and promoted the version by itself."""
    why: str
    at: str
    """UTC, ISO 8601."""


@dataclass(frozen=True, slots=True)
class _Aliases:
    champion: str | None = None
    challenger: str | None = None
    moves: tuple[Move, ...] = ()
    """Oldest first. In the same file as the aliases, so that the two never disagree."""


class ModelRegistry:
    """``<data>/models/<app>/versions/<n>/`` and ``aliases.json`` beside them.

    A version is immutable; aliases are moved in one atomic step.
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
        aliases = self._aliases()
        folders = [p for p in (self.folder / "versions").glob("[0-9]*") if (p / "manifest.json").is_file()]
        found = []
        for folder in sorted(folders, key=lambda p: int(p.name)):
            manifest = read_manifest(folder)
            found.append(
                Version(
                    folder.name,
                    folder,
                    manifest.get("created", ""),
                    folder.name == aliases.champion,
                    manifest.get("figures", {}),
                    folder.name == aliases.challenger,
                )
            )
        return found

    def champion(self) -> Path | None:
        """Folder of the version in service; None if nothing was promoted yet."""
        name = self._aliases().champion
        return None if name is None else self.version_folder(name)

    def challenger(self) -> Path | None:
        """Folder of the version on trial; None if there is none."""
        name = self._aliases().challenger
        return None if name is None else self.version_folder(name)

    def history(self) -> list[Move]:
        """Every move of the champion's alias, oldest first."""
        return list(self._aliases().moves)

    def promote(self, name: str, *, who: str = "", why: str = "") -> None:
        """Let ``champion`` point at a version. Raises ModelError if there is no such version, or if it is damaged."""
        with self._locked():
            self._move("promote", name, who, why)

    def follow(self, champion: Path | None, name: str, *, who: str = "", why: str = "") -> bool:
        """Promote a version in the place of ``champion``; False if that is not the champion any more: whatever
        somebody chose meanwhile stays. Raises ModelError if there is no such version, or if it is damaged."""
        with self._locked():
            if self.champion() != champion:
                return False
            self._move("promote", name, who, why)
        return True

    def rollback(self, *, who: str, why: str) -> str:
        """Let ``champion`` point at the version that it pointed at before the last promotion that still stands; its
        name. Twice goes back two promotions. Raises ModelError if there is none, or if it is damaged."""
        with self._locked():
            before = self.previous()
            if before is None:
                raise ModelError(f"App '{self.app}' has no version that served before. Promote one by its name.")
            self._move("rollback", before, who, why)
        return before

    def previous(self) -> str | None:
        """The version that ``rollback`` leads to; None if there is none."""
        stack: list[str | None] = [None]
        for move in self._aliases().moves:
            if move.kind == "promote":
                stack += [move.before, move.after] if stack == [None] else [move.after]
            else:
                stack.pop()
        return stack[-2] if len(stack) > 1 else None

    def set_challenger(self, name: str | None) -> None:
        """Put a version on trial, or none. Raises ModelError if there is no such version."""
        with self._locked():
            if name is not None:
                self.version_folder(name)
            self._write(replace(self._aliases(), challenger=name))

    def sweep(self, keep: int) -> list[str]:
        """Delete old versions with their reports, but for the last ``keep``, those that were ever champion and the
        challenger; the names of those deleted."""
        with self._locked():
            aliases = self._aliases()
            kept = {aliases.champion, aliases.challenger}
            kept |= {name for move in aliases.moves for name in (move.before, move.after)}
            names = [v.name for v in self.versions()]
            swept = [name for name in names[: max(len(names) - keep, 0)] if name not in kept]
            for name in swept:
                # Renamed first: a kill leaves no half version under its name.
                os.replace(self.folder / "versions" / name, self.folder / "versions" / f".{name}.old")
            for left in (self.folder / "versions").glob(".*.old"):
                shutil.rmtree(left)
            for name in swept:
                shutil.rmtree(self.folder / "reports" / name, ignore_errors=True)
        return swept

    def _move(self, kind: Literal["promote", "rollback"], name: str, who: str, why: str) -> None:
        verify(self.version_folder(name))
        aliases = self._aliases()
        if aliases.champion == name:
            return
        move = Move(kind, aliases.champion, name, who, why, now())
        challenger = None if aliases.challenger == name else aliases.challenger
        self._write(_Aliases(name, challenger, (*aliases.moves, move)))

    def _write(self, aliases: _Aliases) -> None:
        aside = self.folder / "aliases.json.new"
        with aside.open("w", encoding="utf-8") as stream:
            json.dump(asdict(aliases), stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(aside, self.folder / "aliases.json")
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)  # the name too must outlive a power cut
        finally:
            os.close(handle)

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

    def _aliases(self) -> _Aliases:
        path = self.folder / "aliases.json"
        if not path.is_file():
            return _Aliases()
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            moves = tuple(Move(**move) for move in raw.pop("moves", ()))
            return _Aliases(**raw, moves=moves)
        except (json.JSONDecodeError, TypeError) as error:
            raise ModelError(f"{path} is damaged: {error}. Delete it and promote a version again.") from error


def now() -> str:
    """UTC time to the second, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
