"""How things stand with the apps of a running service, as pages, clients and health checks are told it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from agent.apps import App
from agent.model.engine import EngineState


@dataclass(frozen=True, slots=True)
class Training:
    """How far the learning of an app has come, which goes on beside the service."""

    state: Literal["running", "failed"]
    step: int = 0
    total: int = 0
    """0 while it is not known yet, or nothing is trained by steps."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A version that could not be served, and why."""

    version: str
    reason: str


def shown(app: App, version: str, training: Training | None) -> dict[str, Any]:
    """What a page or a client may know of an app that ``version`` answers for; ready for JSON."""
    domain, runs = app.domain, training is not None and training.state == "running"
    return {
        "name": domain.name,
        "title": domain.title,
        "description": domain.description,
        "greeting": domain.greeting,
        "examples": list(domain.examples),
        "colour": domain.colour,
        "page": domain.page,
        "locale": domain.locale,
        "model_version": version,
        "training": {"step": training.step, "total": training.total} if training is not None and runs else None,
    }


def readiness(
    apps: Mapping[str, App],
    state: EngineState,
    training: Mapping[str, Training],
    refused: Mapping[str, Refusal],
    queue_limit: int,
) -> tuple[bool, dict[str, Any]]:
    """Whether messages can be answered now, and the figures behind it."""
    missing = [name for name in apps if name not in state.versions]
    details = {
        "models": state.versions,
        "passages": {name: len(app.index) for name, app in apps.items()},
        # A failure's reason may name files of ours: the log has it.
        "training": {name: asdict(one) for name, one in dict(training).items()},
        "refused": {name: refusal.version for name, refusal in dict(refused).items()},
        "waiting": state.waiting,
        "queue_limit": queue_limit,
    }
    return not missing and state.waiting < queue_limit, details
