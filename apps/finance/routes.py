"""The API of the news desk, below ``/v1/finance``: answers by their id, as figures, rows and pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from agent.service import AppService

from .charts import WIDTH
from .items import harmless
from .queries import Answered, recall
from .setup import Desk

Width = Annotated[float, Query(ge=3, le=20, description="Inches.")]
_TABLE = "text/csv; charset=utf-8"


def router(service: AppService) -> APIRouter:
    """The routes over the service's items."""
    routes = APIRouter(prefix="/queries/{query_id}", tags=["finance"])

    @contextmanager
    def recalled(query_id: str) -> Iterator[Answered]:
        desk = Desk.open(service.settings.data)
        with closing(desk.file):
            yield recall(desk, query_id)

    @routes.get("/chart.svg", summary="An answer as a drawing", response_class=Response)
    def chart_svg(query_id: str, width: Width = WIDTH) -> Response:
        """Its colours are CSS variables of the page that it is put into."""
        with recalled(query_id) as answered:
            return Response(answered.chart(width).svg, media_type="image/svg+xml")

    @routes.get("/chart.png", summary="An answer as a picture", response_class=Response)
    def chart_png(query_id: str, width: Width = WIDTH) -> Response:
        """On white."""
        with recalled(query_id) as answered:
            return Response(answered.chart(width).png, media_type="image/png")

    @routes.get("/table.csv", summary="The figures of an answer", response_class=Response)
    def table(query_id: str) -> Response:
        """As CSV; no cell is taken for a formula."""
        with recalled(query_id) as answered:
            return _csv(f"{query_id}.csv", *answered.table())

    @routes.get("/items.csv", summary="The items behind an answer", response_class=Response)
    def items(query_id: str) -> Response:
        """Every item that its figures rest on, with what was read in it."""
        with recalled(query_id) as answered:
            return _csv(f"{query_id}-items.csv", *answered.items_table())

    return routes


def _csv(name: str, header: list[str], rows: Iterable[list[Any]]) -> Response:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.getvalue(), media_type=_TABLE, headers=headers)
