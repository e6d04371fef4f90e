"""The API of the news desk, below ``/v1/finance``: items in, figures out, and answers by their id, as figures, rows and
pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from agent.service import AppService

from . import alarm
from .asking import asked_of, day_of, tickers_of, to_dict
from .charts import WIDTH
from .periods import Granularity
from .queries import Answered, Asked, ask, recall
from .setup import Desk, clock_of, score_by
from .tables import csv_text

MOST_ITEMS = 1000
"""Of one request; more go in as a file."""
Companies = Annotated[list[str], Query(description="Tickers or names; none for the whole watch list.")]
Since = Annotated[str | None, Query(description="2014-05-17, 2014-05 or 2014.", examples=["2014-05"])]
Until = Annotated[str | None, Query(description="Likewise, included; to the newest item by default.")]
Width = Annotated[float, Query(ge=3, le=20, description="Inches.")]
_TABLE = "text/csv; charset=utf-8"


class ItemIn(BaseModel):
    """A piece of news or a comment."""

    model_config = ConfigDict(extra="forbid")

    text: str
    published: str = Field(description="ISO 8601; UTC unless it names a zone.", examples=["2026-05-04T09:30:00Z"])
    source: str = ""
    tickers: list[str] = Field(default=[], description="Whom it is on, if that is known; names are found in the text.")
    url: str = ""
    id: str = Field(default="", description="The sender's, which tells two items of one text and time apart.")


class ItemsIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    items: list[ItemIn] = Field(min_length=1, max_length=MOST_ITEMS)


class RejectedOut(BaseModel):
    row: int = Field(description="Its place among those sent, from 1 on.")
    reason: str


class ItemsOut(BaseModel):
    items: int = Field(description="New ones, scored and counted; of a request that was sent before, its own.")
    known: int = Field(description="Those that were stored before.")
    rejected: list[RejectedOut]
    unknown_tickers: dict[str, int] = Field(description="Not on the watch list, with how many items name them.")


def router(service: AppService) -> APIRouter:
    """The routes over the service's items."""
    routes = APIRouter(tags=["finance"])

    @contextmanager
    def opened() -> Iterator[Desk]:
        desk = Desk.open(service.settings.data)
        with closing(desk.file):
            yield desk

    @routes.post("/items", summary="Take in items", dependencies=[Depends(service.require_change)])
    def take(given: ItemsIn) -> ItemsOut:
        """Each is scored for every company that it speaks of. What cannot be taken is named, and the rest is kept; the
        same request again adds nothing. With an API key, signed in, or from this machine."""
        with opened() as desk:
            rows = [{**item.model_dump(), "tickers": " ".join(item.tickers)} for item in given.items]
            report = desk.ingester(score_by(service.predict), clock_of()).take_rows("request", rows)
            rejected = desk.file.read(
                "SELECT row, reason FROM rejects WHERE ingest = ? ORDER BY row", [report.ingest.id]
            )
        return ItemsOut(
            items=report.ingest.items,
            known=report.ingest.known,
            rejected=[RejectedOut(**row) for row in rejected],
            unknown_tickers=dict(report.unknown),
        )

    @routes.get("/index", summary="The index of companies")
    def index(
        company: Companies = [],  # noqa: B006
        since: Since = None,
        until: Until = None,
        by: Granularity = "week",
    ) -> dict[str, Any]:
        """By period, with its band and the items behind each point; ``note`` says where the nearest items lie if there
        are none."""
        return answered(lambda desk: asked_of(desk, "compare", company, since, until, by))

    @routes.get("/movers", summary="Whose index changed the most")
    def movers(
        since: Since = None, until: Until = None, top: Annotated[int, Query(ge=1, le=100)] = 10
    ) -> dict[str, Any]:
        """From as many days before; a week by default."""
        return answered(lambda desk: asked_of(desk, "movers", (), since, until, top=top, usual=timedelta(days=6)))

    @routes.get("/alerts", summary="What fired")
    def alerts(
        company: Companies = [],  # noqa: B006
        since: Since = None,
        until: Until = None,
        most: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> dict[str, Any]:
        """The latest day first, and what is watched."""
        with opened() as desk:
            first = date.min if since is None else day_of(since)
            last = date.max if until is None else day_of(until, last=True)
            names = tickers_of(desk, company) if company else None
            fired = alarm.fired(desk, names, first, last, most=most)
            watched = [{"id": one.id, "subject": one.subject, "rule": str(one)} for one in alarm.rules(desk)]
            return {"fired": [alarm.to_dict(one) for one in fired], "rules": watched}

    @routes.get("/queries/{query_id}", summary="An answer again")
    def query(query_id: str) -> dict[str, Any]:
        """By the id that it came with."""
        with recalled(query_id) as found:
            return to_dict(found)

    def answered(asked: Callable[[Desk], Asked]) -> dict[str, Any]:
        with opened() as desk:
            return to_dict(ask(desk, asked(desk)))

    @contextmanager
    def recalled(query_id: str) -> Iterator[Answered]:
        with opened() as desk:
            yield recall(desk, query_id)

    @routes.get("/queries/{query_id}/chart.svg", summary="An answer as a drawing", response_class=Response)
    def chart_svg(query_id: str, width: Width = WIDTH) -> Response:
        """Its colours are CSS variables of the page that it is put into."""
        with recalled(query_id) as answered:
            return Response(answered.chart(width).svg, media_type="image/svg+xml")

    @routes.get("/queries/{query_id}/chart.png", summary="An answer as a picture", response_class=Response)
    def chart_png(query_id: str, width: Width = WIDTH) -> Response:
        """On white."""
        with recalled(query_id) as answered:
            return Response(answered.chart(width).png, media_type="image/png")

    @routes.get("/queries/{query_id}/table.csv", summary="The figures of an answer", response_class=Response)
    def table(query_id: str) -> Response:
        """As CSV; no cell is taken for a formula."""
        with recalled(query_id) as answered:
            return _csv(f"{query_id}.csv", *answered.table())

    @routes.get("/queries/{query_id}/items.csv", summary="The items behind an answer", response_class=Response)
    def items(query_id: str) -> Response:
        """Every item that its figures rest on, with what was read in it."""
        with recalled(query_id) as answered:
            return _csv(f"{query_id}-items.csv", *answered.items_table())

    return routes


def _csv(name: str, header: list[str], rows: Iterable[list[Any]]) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(csv_text(header, rows), media_type=_TABLE, headers=headers)
