"""The tab Monitor: an app's traffic, speed, judgements and drift over a period, and its alerts."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query

from agent.alerts import to_dict
from agent.service import AlertsService, MonitorService
from ui.console.monitor_words import MONITOR
from ui.console.session import Operator
from ui.console.shell import Tab, require_app

MOST_FAR = 10


class MonitorAgent(Protocol):
    """What the tab asks of an Agent. All methods block."""

    @property
    def monitor(self) -> MonitorService: ...

    @property
    def alerts(self) -> AlertsService: ...

    def apps(self) -> list[dict[str, Any]]: ...


def routes(agent: MonitorAgent) -> APIRouter:
    """The tab's JSON over ``agent``."""
    router = APIRouter()

    @router.get("/monitor/{app}")
    def figures(app: str, user: Operator, days: Annotated[int, Query(ge=1, le=30)] = 1) -> dict[str, Any]:
        """The figures of the last ``days`` days, in all and by the hour or day; what lies far from what is known; and
        the alerts, the newest first."""
        require_app(agent.apps(), app)
        return {
            "figures": agent.monitor.figures(app, days),
            "series": agent.monitor.series(app, days),
            "far": agent.monitor.far(app, days, MOST_FAR),
            "alerts": [to_dict(alert) for alert in agent.alerts.alerts(app)],
        }

    return router


TAB = Tab("monitor", MONITOR, routes)
