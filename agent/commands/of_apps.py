"""Commands that apps bring: ``switchboard <app> ...``. An app's code runs only when a command of it is asked for."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup
from typer.main import get_command

from agent.app_code import load_part
from agent.config import Settings
from agent.domain import discover


class WithApps(TyperGroup):
    """The service's own commands, then one group for each app with a ``commands.py``; the service's own win."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        folder = discover(Settings.load().apps).get(cmd_name)
        part = load_part(folder, "commands") if folder else None
        return get_command(part.group) if part else None
