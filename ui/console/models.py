"""The tab Models: an app's versions, the champion beside the challenger, retraining, and what is in service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, StringConstraints

from agent.errors import LockedError, ModelError
from agent.problems import NotAllowedError, Problem
from agent.service import RetrainerService, VersionsService
from ui.console.models_words import MODELS
from ui.console.session import Admin, Operator
from ui.console.shell import Tab, require_app

VersionName = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}$")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class ModelsAgent(Protocol):
    """What the tab asks of an Agent. All methods block."""

    @property
    def versions(self) -> VersionsService: ...

    @property
    def retrainer(self) -> RetrainerService: ...

    def quick(self, app: str) -> dict[str, Any] | None: ...

    def apps(self) -> list[dict[str, Any]]: ...


class Promotion(BaseModel):
    version: VersionName
    why: Reason = Field(description="For the history and the audit log.")


class Rollback(BaseModel):
    why: Reason


def routes(agent: ModelsAgent) -> APIRouter:
    """The tab's JSON over ``agent``."""
    router = APIRouter()

    @router.get("/models/{app}")
    def overview(app: str, user: Operator) -> dict[str, Any]:
        """``Versions.overview``, with the retraining under way and what was learned of reviews meanwhile."""
        found = agent.versions.overview(app)
        return found | {"retraining": agent.retrainer.state(app), "quick": agent.quick(app)}

    @router.get("/models/{app}/retraining")
    def retraining(app: str, user: Operator) -> dict[str, Any] | None:
        return agent.retrainer.state(app)

    @router.get("/models/{app}/versions/{version}")
    def version(app: str, version: Annotated[VersionName, Path()], user: Operator) -> dict[str, Any]:
        """A version beside the champion of its time, and what it read of live messages."""
        with _refusing():
            comparison = agent.versions.comparison(app, version)
        return {"comparison": comparison, "shadow": agent.versions.shadow(app, version)}

    @router.post("/models/{app}/retraining", status_code=204)
    def retrain(app: str, user: Operator) -> None:
        """Train a challenger now, however little is new; a person decides whether it serves."""
        require_app(agent.apps(), app)
        try:
            agent.retrainer.start(app, user.name, force=True)
        except LockedError:
            problem = Problem(409, "in_training", "This app is being trained just now.", "Wait for its end.")
            raise NotAllowedError(problem) from None

    @router.delete("/models/{app}/retraining", status_code=204)
    def stop(app: str, user: Operator) -> None:
        agent.retrainer.stop(app)

    @router.post("/models/{app}/champion", status_code=204)
    def promote(app: str, body: Promotion, user: Admin) -> None:
        with _refusing():
            agent.versions.promote(app, body.version, user.name, body.why)

    @router.post("/models/{app}/rollback", status_code=204)
    def roll_back(app: str, body: Rollback, user: Admin) -> None:
        with _refusing():
            agent.versions.roll_back(app, user.name, body.why)

    return router


@contextmanager
def _refusing() -> Iterator[None]:
    """A version that is not there or cannot serve is the person's choice here, and no failure of the service."""
    try:
        yield
    except ModelError as error:
        problem = Problem(409, "version_refused", str(error), "The version in service goes on; choose another one.")
        raise NotAllowedError(problem) from None


TAB = Tab("models", MODELS, routes)
