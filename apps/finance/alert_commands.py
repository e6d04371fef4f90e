"""``switchboard finance alerts`` and ``alert ...``: what is watched, and what fired."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Annotated

import typer
from rich.table import Table

from agent.commands.options import AsJson, Config, Data, out, settings_of
from agent.errors import BadInputError

from . import alarm
from .alerts import Kind, RuleError, Side, rule_of
from .setup import Desk

group = typer.Typer(no_args_is_help=True, help="Add and remove alerts.")


@group.callback()
def main() -> None:
    """Add and remove alerts."""


def alerts(
    most: Annotated[int, typer.Option(help="Of those that fired, the latest.")] = 20,
    as_json: AsJson = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """List what is watched, and what fired."""
    desk = Desk.open(settings_of(config, data=data).data)
    with closing(desk.file):
        watched, fired = alarm.rules(desk), alarm.fired(desk, most=most)
    if as_json:
        rules = [{"id": one.id, "subject": one.subject, "rule": str(one)} for one in watched]
        print(json.dumps({"rules": rules, "fired": [alarm.to_dict(one) for one in fired]}))
        return
    if not watched:
        out.print("Nothing is watched. Add an alert: switchboard finance alert add all --below -0.3", soft_wrap=True)
    table = Table("alert", "watches")
    for one in watched:
        table.add_row(str(one.id), str(one))
    if watched:
        out.print(table)
    for found in fired:
        out.print(f"{found.day}  {found}", highlight=False, markup=False, soft_wrap=True)


@group.command()
def add(
    subject: Annotated[str, typer.Argument(help="A ticker, a company, a sector, or all for each company.")],
    below: Annotated[float | None, typer.Option(help="Fires when the index is below this, -1 to 1.")] = None,
    above: Annotated[float | None, typer.Option(help="Fires when it is above this.")] = None,
    z_score: Annotated[
        bool, typer.Option("--z-score", help="The line is in standard deviations from what is usual for it.")
    ] = False,
    rearm: Annotated[
        float | None, typer.Option(help="Armed again beyond this. [default: 0.1, or 1 z-score, back from the line]")
    ] = None,
    cool_down: Annotated[int, typer.Option(help="Days after it fired without another.")] = 3,
    fewest: Annotated[int, typer.Option(help="Items that a day needs, reposts left out.")] = 3,
    data: Data = None,
    config: Config = None,
) -> None:
    """Watch a company or a sector; what it would have said of the past is kept with the rest."""
    side: Side = "above" if below is None else "below"
    line = above if below is None else below
    if line is None or None not in (below, above):
        raise BadInputError("alert", "An alert has one line. Give it as --below -0.3 or as --above 0.3.")
    kind: Kind = "z_score" if z_score else "threshold"
    try:
        rule = rule_of(kind, side, line, rearm, cool_down, fewest)
    except RuleError as error:
        raise BadInputError("alert", str(error)) from error
    desk = Desk.open(settings_of(config, data=data).data)
    with closing(desk.file):
        watched = alarm.add_rule(desk, subject, rule)
        times = len(alarm.fired(desk, rule=watched.id, most=100_000))
    said = f"On the items so far it fired {times} time{'s' * (times != 1)}."
    out.print(f"Alert {watched.id}: {watched}. {said}", highlight=False, soft_wrap=True)


@group.command()
def remove(
    alert: Annotated[int, typer.Argument(metavar="ALERT", help="Its number in `switchboard finance alerts`.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Watch this no longer; what it fired stays in the list."""
    desk = Desk.open(settings_of(config, data=data).data)
    with closing(desk.file):
        out.print(f"Removed: {alarm.remove_rule(desk, alert)}.", highlight=False, soft_wrap=True)
