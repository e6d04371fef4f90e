"""Commands for an app's model versions: retrain, look at, compare, promote, roll back."""

from __future__ import annotations

import getpass
import json
import signal
import time
from contextlib import closing
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from agent.commands.options import AppName, AsJson, Config, Data, out, seconds, settings_of
from agent.errors import BadInputError, LockedError, SwitchboardError
from agent.progress import StepProgress

if TYPE_CHECKING:
    from agent.config import Settings
    from agent.learning.run import Step

Why = Annotated[str, typer.Option("--why", help="The reason, for the history and the audit log.")]
SAY_EVERY = 1.0
"""Seconds between two lines of progress in JSON."""


def retrain(
    name: AppName,
    auto: Annotated[bool, typer.Option("--auto", help="Serve the new version if it passes the gate.")] = False,
    every: Annotated[
        str | None, typer.Option(help="Do it again and again, such as every 24h; Ctrl-C ends. [default: once]")
    ] = None,
    start: Annotated[
        str, typer.Option("--from", help="champion, scratch, or best: try both, keep what held-out examples prefer.")
    ] = "best",
    limit: Annotated[
        str | None, typer.Option(help="Train so long at most, such as 30m, and keep the best so far. [default: none]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Retrain even if little is new.")] = False,
    who: Annotated[
        str | None, typer.Option(help="Who asked for it, for the records. [default: the system's user]")
    ] = None,
    as_json: AsJson = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Train a challenger on examples and reviews and hold it against the champion; Ctrl-C is safe."""
    from agent.retraining import STARTS

    settings = settings_of(config, data=data)
    if start not in STARTS:
        raise BadInputError("bad_start", f"--from is '{start}'; choose {', '.join(STARTS)}.")
    pause = None if every is None else seconds(every, "--every")
    limit_s = None if limit is None else seconds(limit, "--limit")
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        while True:
            began = time.monotonic()
            try:
                _retrain_once(settings, name, auto, start, force, limit_s, who or getpass.getuser(), as_json)
            except LockedError as error:
                if pause is None:
                    raise
                out.print(escape(str(error)), highlight=False, soft_wrap=True)
            if pause is None:
                return
            time.sleep(max(0.0, pause - (time.monotonic() - began)))
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(number: int, frame: FrameType | None) -> None:
    """SIGTERM, as a timer or a service manager sends it, ends the job as Ctrl-C does: with its state kept."""
    raise KeyboardInterrupt


def _retrain_once(
    settings: Settings, name: str, auto: bool, start: Any, force: bool, limit_s: float | None, who: str, as_json: bool
) -> None:
    from agent import retraining

    said = 0.0

    def say(step: Step) -> None:
        nonlocal said
        if time.monotonic() - said >= SAY_EVERY or step.number == step.total:
            said = time.monotonic()
            print(json.dumps({"step": step.number, "total": step.total}), flush=True)

    options: dict[str, Any] = {"auto": auto, "who": who, "start": start, "force": force}
    if as_json:
        try:
            done = retraining.retrain(settings, name, **options, limit_s=limit_s, progress=say)
        except SwitchboardError as error:
            print(json.dumps({"failed": str(error)}), flush=True)
            raise
        verdict = None if done.verdict is None else done.verdict.to_dict()
        shown = {"version": done.version, "promoted": done.promoted, "reason": done.reason, "verdict": verdict}
        print(json.dumps(shown), flush=True)
        return
    with StepProgress(f"retrain {name}") as progress:
        done = retraining.retrain(settings, name, **options, limit_s=limit_s, progress=progress)
    out.print(f"{name}: {escape(done.reason)}", highlight=False, soft_wrap=True)


def versions(name: AppName, as_json: AsJson = False, data: Data = None, config: Config = None) -> None:
    """List an app's model versions: which one serves, which one is on trial, and what the gate said."""
    from agent.learning.registry import ModelRegistry
    from agent.versions import report_of

    settings = settings_of(config, data=data)
    registry = ModelRegistry(settings.data, name)
    found = registry.versions()
    reports = {v.name: report_of(registry, v.name) for v in found}
    verdicts = {name: None if report is None else report["verdict"] for name, report in reports.items()}
    if as_json:
        rows = [
            {
                "version": v.name,
                "created": v.created,
                "champion": v.champion,
                "challenger": v.challenger,
                "figures": v.figures,
                "verdict": verdicts[v.name],
            }
            for v in found
        ]
        print(json.dumps(rows))
        return
    if not found:
        out.print(f"{name}: no versions yet. Run: switchboard train {name}", highlight=False)
        return
    table = Table("version", "created", "", "validation", "gate")
    for v in found:
        figures = ", ".join(f"{k} {x:.3f}" for k, x in v.figures.get("validation", {}).items())
        alias = "champion" if v.champion else "challenger" if v.challenger else ""
        verdict = verdicts[v.name]
        gate = "" if verdict is None else "passed" if verdict["passed"] else escape(verdict["reasons"][0])
        table.add_row(v.name, v.created, alias, figures, gate)
    out.print(table)
    for move in registry.history()[-1:]:
        who = f" by {escape(move.who)}" if move.who else ""
        why = f": {escape(move.why)}" if move.why else ""
        out.print(f"Last move: {move.kind} of {move.after}{who}, {move.at}{why}", highlight=False, soft_wrap=True)


def compare(
    name: AppName,
    first: Annotated[str, typer.Argument(metavar="A", help="A version, such as the one in service.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The version to hold against it.")],
    as_json: AsJson = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Two versions side by side on the test split and the recent reviews, and what the gate says of the second."""
    from agent.trial import compare_versions

    found = compare_versions(settings_of(config, data=data), name, first, second)
    if as_json:
        print(json.dumps(found))
        return
    table = Table(
        "on", "figure", first, second, "difference", "95 % interval", "texts", title=f"{name}: {first}, {second}"
    )
    for c in found["verdict"]["comparisons"]:
        if not c["what"].startswith("recall of "):
            interval = f"{c['low']:+.3f} to {c['high']:+.3f}"
            cells = (f"{c['champion']:.3f}", f"{c['challenger']:.3f}", f"{c['difference']:+.3f}", interval)
            table.add_row(c["texts"], c["what"], *cells, str(c["count"]), style="red" if c["worse"] else None)
    before, after = found["latency_ms"]
    if before is not None:
        table.add_row("", "ms a message", f"{before:.1f}", f"{after:.1f}", f"{after - before:+.1f}")
    out.print(table)
    _print("Intents that changed", ("intent", first, second, "texts"), [
        (row["intent"], f"{row['before']:.3f}", f"{row['after']:.3f}", str(row["texts"]))
        for row in found["intents"]
        if row["before"] != row["after"]
    ])  # fmt: skip
    _print("Confusions that changed", ("true", "taken for", first, second), [
        (row["true"], row["predicted"], str(row["before"]), str(row["after"])) for row in found["confusions"]
    ])  # fmt: skip
    _print("Texts that flipped", ("", "text", "true", first, second), [
        ("lost" if row["lost"] else "gained", row["text"], row["true"], row["before"], row["after"])
        for row in found["flipped"]
    ])  # fmt: skip
    passed = "passes" if found["verdict"]["passed"] else "does not pass"
    out.print(f"{second} {passed} the gate against {first}.", highlight=False)
    for reason in found["verdict"]["reasons"]:
        out.print(f"  {escape(reason)}", highlight=False, soft_wrap=True)


def _print(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    if rows:
        table = Table(*columns, title=title)
        for row in rows:
            table.add_row(*map(escape, row))
        out.print(table)


def promote(
    name: AppName,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="The version to serve.")],
    why: Why,
    data: Data = None,
    config: Config = None,
) -> None:
    """Serve a version; a running service takes it up within seconds."""
    from agent import versions
    from agent.database import DataFile
    from agent.learning.registry import ModelRegistry
    from agent.teach import domain_of

    settings = settings_of(config, data=data)
    domain_of(settings, name)
    with closing(DataFile.open(settings.data)) as file:
        versions.promote(ModelRegistry(settings.data, name), file, version, getpass.getuser(), why)
    out.print(f"{name}: version {version} is in service.", highlight=False)


def rollback(name: AppName, why: Why, data: Data = None, config: Config = None) -> None:
    """Go back to the version that served before the last promotion; twice goes back two."""
    from agent.database import DataFile
    from agent.learning.registry import ModelRegistry
    from agent.teach import domain_of
    from agent.versions import roll_back

    settings = settings_of(config, data=data)
    domain_of(settings, name)
    with closing(DataFile.open(settings.data)) as file:
        version = roll_back(ModelRegistry(settings.data, name), file, getpass.getuser(), why)
    out.print(f"{name}: version {version} is in service again.", highlight=False)
