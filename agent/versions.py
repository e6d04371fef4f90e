"""An app's model versions as people see and move them: what made them, what the gate said, who put them in service.

Every move of the champion by a person goes through ``promote`` and ``roll_back``, from a terminal as from a page, so
that none is missing in the audit log.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.audit import AuditLog
from agent.config import Settings
from agent.database import DataFile
from agent.errors import ModelError, UnknownAppError
from agent.jobs import JobBook
from agent.learning.registry import ModelRegistry
from agent.model.backbone import Backbone
from agent.model.serving import open_version
from agent.model.storage import read_manifest
from agent.reviews import ReviewBook
from agent.shadow import ShadowBook

KIND = "retrain"
"""Of a retraining's job."""
REPORT = "comparison.json"
"""In the folder ``reports/<version>``: the challenger beside the champion, with the verdict."""


def promote(registry: ModelRegistry, file: DataFile, version: str, who: str, why: str) -> None:
    """Let the champion be ``version``, on record. Raises ModelError if there is none of that name, or it is damaged."""
    before = registry.champion()
    registry.promote(version, who=who, why=why)
    old = None if before is None else before.name
    AuditLog(file).write(who, "promote", registry.app, version=version, before=old, why=why)


def roll_back(registry: ModelRegistry, file: DataFile, who: str, why: str) -> str:
    """Let the champion be the one before, on record; its name. Raises ModelError as ``ModelRegistry.rollback``."""
    version = registry.rollback(who=who, why=why)
    AuditLog(file).write(who, "rollback", registry.app, version=version, why=why)
    return version


def report_of(registry: ModelRegistry, version: str) -> dict[str, Any] | None:
    """A version beside the champion of its time (``agent.trial.side_by_side``); None if it was never held against
    one."""
    path = registry.folder / "reports" / version / REPORT
    if not path.is_file():
        return None
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report


def count_new(file: DataFile, app: str) -> int:
    """Reviews of an app that came after its last retraining had collected what it learned from, skipped ones not
    counted."""
    last = JobBook(file).last(app, KIND)
    since = last.recipe["until"] if last else None
    return sum(review.verdict != "skipped" for review in ReviewBook(file).reviews(app, since))


class Versions:
    """The versions of the apps of a running service. All methods block; all raise UnknownAppError."""

    def __init__(
        self,
        settings: Settings,
        file: DataFile,
        backbone: Backbone,
        apps: Collection[str],
        serving: Callable[[str], str],
        serve: Callable[[str], None],
    ) -> None:
        """``serving`` names the version that answers for an app, ``serve`` puts its champion in service."""
        self._settings = settings
        self._file = file
        self._backbone = backbone
        self._apps = apps
        self._serving = serving
        self._serve = serve

    def overview(self, app: str) -> dict[str, Any]:
        """What there is of an app, ready for JSON: ``versions`` and ``moves``, the newest first, ``serving``,
        ``champion``, ``challenger``, ``previous`` (what a roll-back leads to, or None), ``new_reviews`` since the last
        retraining and ``needed``, how many a retraining by itself waits for."""
        registry = self._registry(app)
        makers = {job.version: job.who for job in JobBook(self._file).jobs(app) if job.version}
        champion, challenger = registry.champion(), registry.challenger()
        return {
            "versions": [self._row(registry, version.folder, makers) for version in reversed(registry.versions())],
            "moves": [asdict(move) for move in reversed(registry.history())],
            "serving": self._serving(app),
            "champion": None if champion is None else champion.name,
            "challenger": None if challenger is None else challenger.name,
            "previous": registry.previous(),
            "new_reviews": count_new(self._file, app),
            "needed": self._settings.fewest_reviews,
        }

    def _row(self, registry: ModelRegistry, folder: Path, makers: dict[str, str]) -> dict[str, Any]:
        manifest, report = read_manifest(folder), report_of(registry, folder.name)
        return {
            "name": folder.name,
            "created": manifest.get("created", ""),
            "who": makers.get(folder.name, ""),
            "base": manifest.get("base"),
            "adapter": manifest["adapter"]["method"],
            "examples": manifest.get("data", {}).get("train"),
            "figures": manifest.get("figures", {}).get("validation", {}),
            "against": None if report is None else report["versions"][0],
            "verdict": None if report is None else {key: report["verdict"][key] for key in ("passed", "reasons")},
        }

    def comparison(self, app: str, version: str) -> dict[str, Any] | None:
        """A version beside the champion of its time (see ``report_of``). Raises ModelError if there is no such
        version."""
        registry = self._registry(app)
        registry.version_folder(version)
        return report_of(registry, version)

    def shadow(self, app: str, version: str) -> dict[str, Any]:
        """How a version read live messages beside the champion (see ``agent.shadow.Summary``), ready for JSON."""
        self._registry(app)
        return asdict(ShadowBook(self._file).summary(app, version))

    def promote(self, app: str, version: str, who: str, why: str) -> None:
        """Put a version in service. Raises ModelError if it is missing or damaged, or does not read as when it was
        saved: the one in service then stays the champion."""
        registry = self._registry(app)
        open_version(registry.version_folder(version), self._backbone)
        promote(registry, self._file, version, who, why)
        self._serve(app)

    def roll_back(self, app: str, who: str, why: str) -> str:
        """Put the version of before in service; its name. Raises ModelError as ``promote``, and if there is none."""
        registry = self._registry(app)
        previous = registry.previous()
        if previous is None:
            raise ModelError(f"App '{app}' has no version that served before.")
        open_version(registry.version_folder(previous), self._backbone)
        version = roll_back(registry, self._file, who, why)
        self._serve(app)
        return version

    def _registry(self, app: str) -> ModelRegistry:
        if app not in self._apps:
            raise UnknownAppError(app, list(self._apps))
        return ModelRegistry(self._settings.data, app)
