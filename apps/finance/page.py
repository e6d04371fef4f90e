"""The page ``/analyst``: its frame, what its scripts ask for, pictures and tables to be saved, and files brought."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from agent.errors import BadInputError, SwitchboardError
from agent.service import AppService
from agent.stream import streamed
from ui.app_page import AppPage

from . import views
from .charts import WIDTH
from .ingest import Report
from .page_words import WORDS
from .periods import Granularity
from .prices import COLUMNS
from .setup import Desk, clock_of, score_by
from .tables import csv_text
from .uploads import Uploads
from .views import Span, Table, View

SCRIPTS = ("plot.js", "bring.js", "choose.js", "analyst.js")
Width = Annotated[float, Query(ge=3, le=16)]
"""Of a picture, in inches."""


def pages(service: AppService) -> APIRouter:
    """The page over the items in the app's data folder, and what belongs to it."""
    desk = Desk.open(service.settings.data)
    page = AppPage(service.name, service.folder, WORDS, styles=("analyst.css",), scripts=SCRIPTS)
    router = APIRouter(prefix="/analyst")
    uploads = Uploads(service.data / "uploads")
    changes = [Depends(service.require_change)]

    def facts(request: Request) -> dict[str, Any]:
        more = {"may_bring": service.may_change(request), "price_columns": COLUMNS}
        return views.facts(desk, service.version) | more

    shown: Mapping[str, Callable[[str, Span], View]] = {
        "index": lambda name, asked: views.index_view(desk, name, asked),
        "heat": lambda name, asked: views.heat_view(desk, asked),
        "movers": lambda name, asked: views.movers_view(desk, asked),
        "alerts": lambda name, asked: views.alerts_view(desk, asked),
        "items": lambda name, asked: views.items_view(desk, name, asked),
        "volatility": lambda name, asked: views.volatility_view(desk),
    }

    def view_of(what: str, since: date, until: date, by: Granularity = "week", name: str = "") -> View:
        if what not in shown:
            raise BadInputError("unknown_view", f"There is no view '{what}'. Known: {', '.join(shown)}.")
        return shown[what](name, Span(since, until, by))

    of_view = Depends(view_of)

    @router.get("")
    def analyst(request: Request) -> HTMLResponse:
        return page.answer(request, {"facts": facts(request)})

    @router.get("/api/facts")
    def found(request: Request) -> dict[str, Any]:
        return facts(request)

    @router.get("/api/{what}")
    def view(view: View = of_view, width: Width = WIDTH) -> JSONResponse:
        picture = {"svg": view.chart(width).svg} if view.chart is not None else {}
        return JSONResponse({**view.shown, **picture}, headers={"Cache-Control": "no-store"})

    @router.get("/files/{what}.png")
    def png(what: str, view: View = of_view, width: Width = WIDTH) -> Response:
        if view.chart is None:
            raise BadInputError("no_picture", f"There is no picture of '{what}' to be saved.")
        return _file(view.chart(width).png, "image/png", f"{what}.png")

    @router.get("/files/{what}.csv")
    def table(what: str, view: View = of_view) -> Response:
        return _csv(view.table(), f"{what}.csv")

    @router.post("/api/files", dependencies=changes)
    async def receive(
        request: Request, name: str, upload: str = "", offset: Annotated[int, Query(ge=0)] = 0
    ) -> dict[str, str]:
        """One piece of a file; the first has no ``upload``, which it is given."""
        return {"upload": uploads.add(name, upload, offset, await request.body())}

    @router.post("/api/files/{upload}", dependencies=changes)
    def take(upload: str) -> StreamingResponse:
        """Take in the file that was sent, and say line by line how far it is."""
        name, path = uploads.whole(upload)

        def work(show: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
            size = path.stat().st_size
            ingester = desk.ingester(score_by(service.predict), clock_of())
            try:
                report = ingester.take_file(path, lambda rows: show(_progress(rows, size)))
            finally:
                uploads.remove(upload)
            return {"report": _report(name, report)}

        return StreamingResponse(_lines(streamed(work, "ingest")), media_type="application/x-ndjson")

    return router


def _lines(pieces: Iterator[dict[str, Any]]) -> Iterator[str]:
    try:
        for piece in pieces:
            yield json.dumps(piece) + "\n"
    except SwitchboardError as error:
        problem = {"code": getattr(error, "code", "failed"), "message": str(error), "remedy": ""}
        yield json.dumps({"error": problem}) + "\n"


def _progress(rows: int, size: int) -> dict[str, Any]:
    # How many rows a file has is known once it has been read.
    return {"rows": rows, "share": min(0.99, rows * 150 / size)}


def _report(name: str, report: Report) -> dict[str, Any]:
    done = report.ingest
    counts = {"items": done.items, "known": done.known, "rejects": report.rejects}
    return {"name": name, **counts, "unknown": dict(list(report.unknown.items())[:10])}


def _csv(table: Table, name: str) -> Response:
    return _file(csv_text(*table).encode("utf-8-sig"), "text/csv; charset=utf-8", name)


def _file(content: bytes, kind: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type=kind, headers=headers)
