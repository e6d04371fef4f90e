"""Commands for what is kept of customers: shown, exported, erased, held, backed up, swept."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from agent.commands.options import AsJson, Config, Data, err, out, settings_of
from agent.errors import BadInputError, ConfigError

if TYPE_CHECKING:
    from agent.customers import Subject
    from agent.privacy import Erased, Privacy

customer = typer.Typer(help="What is kept of a customer: show, export or erase it.", no_args_is_help=True)
hold = typer.Typer(help="Legal holds: whose conversations must not be erased.", no_args_is_help=True)

Client = Annotated[str | None, typer.Argument(metavar="CLIENT", help="Id of the client, as conversations name it.")]
Conversation = Annotated[str | None, typer.Option("--conversation", help="One conversation, by its id, instead.")]
Held = Annotated[str, typer.Argument(metavar="CLIENT", help="Id of the client, as conversations name it.")]


@contextmanager
def _opened(data: Path | None, config: Path | None) -> Iterator[Privacy]:
    from agent.database import DataFile
    from agent.privacy import Privacy
    from agent.redaction import make_redactor

    settings = settings_of(config, data=data)
    file = DataFile.open(settings.data)
    try:
        yield Privacy(file, make_redactor(settings.redactor))
    finally:
        file.close()


def _subject(client: str | None, conversation: str | None) -> Subject:
    from agent.customers import Subject

    if (client is None) == (conversation is None):
        raise BadInputError("whose", "Give a client's id, or --conversation with a conversation's id; not both.")
    return Subject("conversation", conversation) if conversation is not None else Subject("client", str(client))


@customer.command("show")
def show_customer(
    client: Client = None,
    conversation: Conversation = None,
    as_json: AsJson = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """List what is kept of a customer, without the texts."""
    subject = _subject(client, conversation)
    with _opened(data, config) as privacy:
        found = privacy.show(subject)
    if as_json:
        print(json.dumps(found))
        return
    table = Table()
    for name in ("conversation", "app", "client", "turns", "begun", "last used"):
        table.add_column(name, overflow="fold")  # an id that is cut names nobody
    for row in found["conversations"]:
        table.add_row(
            row["id"], row["app"], row["client_id"], str(row["turns"]), row["begun_at"][:19], row["updated_at"][:19]
        )
    out.print(table)
    counts = ", ".join(f"{found[name]} {name}" for name in ("messages", "feedback", "reviews", "events"))
    out.print(f"{counts}; in backups: {', '.join(found['backups']) or 'none'}", highlight=False, soft_wrap=True)
    if found["held"]:
        out.print(f"Held, so that nothing can be erased: {', '.join(found['held'])}", highlight=False)


@customer.command("export")
def export_customer(
    client: Client = None,
    conversation: Conversation = None,
    file: Annotated[Path | None, typer.Option("--file", help="Where to write. [default: standard output]")] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Write all that the database has of a customer as JSON, to be handed out."""
    subject = _subject(client, conversation)
    with _opened(data, config) as privacy:
        if file is None:
            sys.stdout.writelines(privacy.export(subject))
            return
        try:
            with file.open("x", encoding="utf-8") as stream:
                stream.writelines(privacy.export(subject))
        except OSError as error:
            raise BadInputError("file", f"Cannot write {file}: {error.strerror}. Give another with --file.") from error
    out.print(f"Written: {file}", highlight=False, soft_wrap=True)


@customer.command("erase")
def erase_customer(
    client: Client = None,
    conversation: Conversation = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether that is meant.")] = False,
    as_json: AsJson = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Erase all that is kept of a customer: database, backups, and the texts in models and reports."""
    subject = _subject(client, conversation)
    if not yes:
        typer.confirm(f"Erase all there is of {subject.kind} {subject.value}, for good?", abort=True)
    with _opened(data, config) as privacy:
        erased = privacy.erase(subject, getpass.getuser())
    if not erased:
        raise BadInputError("nothing", f"Nothing is kept of {subject.kind} {subject.value}.")
    _report(erased, as_json)


def sweep(as_json: AsJson = False, data: Data = None, config: Config = None) -> None:
    """Erase the conversations that rested longer than the setting retention_days allows; the server does it daily."""
    days = settings_of(config, data=data).retention_days
    if not days:
        raise ConfigError("Setting 'retention_days' is 0, which keeps conversations for ever. Set it to a number.")
    with _opened(data, config) as privacy:
        erased = privacy.sweep(days, getpass.getuser())
    _report(erased, as_json)


def _report(erased: Erased, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(erased)))
    else:
        counts = ", ".join(
            f"{getattr(erased, name)} {name}" for name in ("conversations", "messages", "feedback", "reviews", "events")
        )
        out.print(f"Erased: {counts}.", highlight=False)
        for name in (*erased.files, *erased.backups):
            out.print(f"  also in {name}", highlight=False, soft_wrap=True)
    if not erased.whole:
        err.print(
            "Another process reads the database, whose log of changes still holds a copy. Run this again in a while.",
            soft_wrap=True,
        )
        raise typer.Exit(1)


@hold.command("add")
def add_hold(
    client: Held,
    why: Annotated[str, typer.Option("--why", help="The reason, such as a case's number.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Keep a client's conversations from being erased."""
    with _opened(data, config) as privacy:
        privacy.holds.add(client, getpass.getuser(), why)
    out.print(f"Held: {client}", highlight=False)


@hold.command("remove")
def remove_hold(client: Held, data: Data = None, config: Config = None) -> None:
    """Let a client's conversations be erased again."""
    with _opened(data, config) as privacy:
        privacy.holds.remove(client, getpass.getuser())
    out.print(f"No longer held: {client}", highlight=False)


@hold.command("list")
def list_holds(as_json: AsJson = False, data: Data = None, config: Config = None) -> None:
    """List the clients that are held, by whom, since when and why."""
    with _opened(data, config) as privacy:
        found = privacy.holds.holds()
    if as_json:
        print(json.dumps([asdict(one) for one in found]))
        return
    table = Table("client", "since", "who", "why")
    for one in found:
        table.add_row(one.client_id, one.since[:19], one.who, one.why)
    out.print(table)


def backup(
    listed: Annotated[bool, typer.Option("--list", help="List the backups instead of making one.")] = False,
    as_json: AsJson = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Copy the database to the data folder's backups, while the service runs; erasures reach these copies too."""
    from agent.backup import backups, make_backup
    from agent.database import DataFile

    settings = settings_of(config, data=data)
    if listed:
        found = backups(settings.data)
    else:
        file = DataFile.open(settings.data)
        try:
            found = [make_backup(file)]
        finally:
            file.close()
    if as_json:
        print(json.dumps([{"path": str(one.path), "bytes": one.bytes} for one in found]))
        return
    for one in found:
        out.print(f"{one.path}  {one.bytes / 1e6:.1f} MB", highlight=False, soft_wrap=True)
