"""``switchboard finance ...``."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from agent.commands.options import Config, Data, out, settings_of
from agent.progress import Bar
from agent.teach import serve_champion

from . import alert_commands, demo_stream, intake_commands, query_commands, report_commands
from . import rescore as rescoring
from .setup import NAME, Desk, clock_of, score_by
from .terminal import say, take

group = typer.Typer(no_args_is_help=True, help="Sentiment of companies from a stream of news.")
group.add_typer(alert_commands.group, name="alert")
for command in (
    *(intake_commands.ingest, intake_commands.watch, intake_commands.import_stocknet),
    *(alert_commands.alerts, report_commands.report),
    *(query_commands.index, query_commands.movers, query_commands.query),
):
    group.command()(command)


@group.callback()
def main() -> None:
    """Sentiment of companies from a stream of news."""


@group.command()
def demo(
    remove: Annotated[bool, typer.Option("--remove", help="Remove it, and nothing else.")] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Take in the demo stream of twelve invented companies, beside items of your own if there are any."""
    settings = settings_of(config, data=data)
    desk = Desk.open(settings.data)
    with closing(desk.file):
        if remove:
            out.print(f"{demo_stream.send_away(desk.file)} items of the demo stream were removed.", highlight=False)
            return
        model = serve_champion(settings, NAME)
        demo_stream.invite(desk.file)
        say(take(desk.ingester(score_by(model.predict), clock_of()), demo_stream.ITEMS, demo=True))


@group.command()
def rescore(data: Data = None, config: Config = None) -> None:
    """Score all items anew that another version of the model scored. A running service does so by itself; what was
    stopped goes on where it was."""
    settings = settings_of(config, data=data)
    model = serve_champion(settings, NAME)
    desk = Desk.open(settings.data)
    with closing(desk.file), Bar("rescore", "passages") as bar:
        stale = rescoring.waiting(desk.file, model.version)
        done = rescoring.rescore(
            desk.file, score_by(model.predict), model.version, lambda count: bar.update(count, max(count, stale))
        )
    out.print(f"{done} passages were scored anew by version {model.version}.", highlight=False, soft_wrap=True)
