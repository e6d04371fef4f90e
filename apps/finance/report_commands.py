"""``switchboard finance report``: the brief, as HTML and as PDF."""

from __future__ import annotations

import os
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from agent.commands.options import Config, Data, settings_of
from agent.errors import BadInputError

from .brief import brief_of
from .brief_html import to_html
from .brief_pdf import to_pdf
from .setup import Desk
from .terminal import line

FOLDER = "reports"


def report(
    week: Annotated[bool, typer.Option("--week/--month", help="Seven days, or thirty.")] = True,
    until: Annotated[
        str | None, typer.Option(help="Its last day, such as 2026-10-30. [default: the last one with items]")
    ] = None,
    tickers: Annotated[str | None, typer.Option(help="Of these, such as JPM,BAC. [default: the watch list]")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for both files. [default: reports in the app's data folder]")
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Write a brief of two pages, as HTML and as PDF: what changed, and the headlines behind it."""
    desk = Desk.open(settings_of(config, data=data).data)
    with closing(desk.file):
        html, pdf = write_report(desk, _tickers(tickers), _day(until), 7 if week else 30, out)
    line(f"{html}\n{pdf}")


def write_report(
    desk: Desk, tickers: tuple[str, ...] = (), until: date | None = None, length: int = 7, out: Path | None = None
) -> tuple[Path, Path]:
    """The HTML and the PDF of ``brief_of``, in the folder ``out`` or in that of the app's data.

    Raises BadInputError as it does, or if the folder cannot be written to.
    """
    brief = brief_of(desk, tickers, until, length)
    folder = out or desk.file.folder / FOLDER
    name = "-".join(["brief", *tickers, str(brief.span.first), str(brief.span.last)])
    paths = folder / f"{name}.html", folder / f"{name}.pdf"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in zip(paths, (to_html(brief).encode(), to_pdf(brief)), strict=True):
            aside = path.with_suffix(f"{path.suffix}.part")
            aside.write_bytes(content)
            os.replace(aside, path)
    except OSError as error:
        raise BadInputError("report", f"The report cannot be written to {folder}: {error.strerror}.") from error
    return paths


def _tickers(given: str | None) -> tuple[str, ...]:
    return tuple(ticker.strip().lstrip("$").upper() for ticker in (given or "").split(",") if ticker.strip())


def _day(given: str | None) -> date | None:
    try:
        return None if given is None else date.fromisoformat(given)
    except ValueError as error:
        raise BadInputError("day", f"--until is '{given}'; write it as 2026-10-30.") from error
