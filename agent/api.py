"""The HTTP API for programs, under /v1. Handlers block, so they run in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from itertools import chain
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from agent import schema
from agent.config import Settings
from agent.errors import SwitchboardError, UnknownAppError
from agent.identity import client_of
from agent.problems import NotAllowedError, Problem, explain, of_status
from agent.recommend_api import add_recommendations
from agent.schema import FeedbackIn, MessageIn, PredictIn, SearchIn, problems
from agent.service import Service
from agent.text import clean
from agent.types import Feedback, Gone, Message, Reply

CLIENT_GONE = 499
"""Status of a request whose client hung up before it was read; nobody sees it but the log of a proxy."""


def _events(pieces: Iterator[str | Reply]) -> Iterator[str]:
    """Server-sent events of a reply that comes in pieces."""
    try:
        for piece in pieces:
            if isinstance(piece, Reply):
                yield schema.event("reply", schema.reply_json(piece))
            else:
                yield schema.event("text", {"text": piece})
    except SwitchboardError as error:
        yield schema.event("error", explain(error).body())


async def while_connected(request: Request, work: Callable[[Gone], Reply]) -> Reply:
    """Run ``work``, which blocks, in a thread; what it is given turns true when the client hangs up."""
    gone = threading.Event()

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.set()

    watcher = asyncio.create_task(watch())
    try:
        return await run_in_threadpool(work, gone.is_set)
    finally:
        watcher.cancel()


def key_check(settings: Settings) -> Callable[[Request], None]:
    """A dependency for what is meant for programs that were given a key, or for this machine alone."""

    def require_key(request: Request) -> None:
        if client_of(request).by_key:
            return
        if settings.api_keys:
            raise NotAllowedError(of_status(401))
        if not settings.is_loopback:
            raise NotAllowedError(
                Problem(
                    403,
                    "closed",
                    "This address is closed: the service can be reached from other machines and has no API keys.",
                    "Whoever runs it sets SWITCHBOARD_API_KEYS.",
                )
            )

    return require_key


def create_router(agent: Service) -> APIRouter:
    """The routes of /v1 over ``agent``."""
    settings = agent.settings
    limit = settings.max_message_chars
    require_key = key_check(settings)
    # Only describes the scheme in the OpenAPI document; the guard has checked the key by now.
    bearer = Depends(HTTPBearer(auto_error=False, description="One of SWITCHBOARD_API_KEYS."))

    def known(app: str) -> str:
        if app not in agent.domains:
            raise UnknownAppError(app, list(agent.domains))
        return app

    router = APIRouter(prefix="/v1", dependencies=[bearer], responses=problems(400, 401, 413, 422, 429, 503))
    bulk: dict[str, Any] = {"tags": ["programs"], "dependencies": [Depends(require_key)]}

    @router.post(
        "/messages",
        tags=["chat"],
        summary="Send a message, get a reply",
        response_model=schema.ReplyOut,
        responses={
            200: {"content": {"application/json": {"example": schema.REPLY_EXAMPLE}, "text/event-stream": {}}},
            **problems(404, 507),
        },
    )
    async def messages(body: MessageIn, request: Request) -> Response:
        """Begins a conversation unless `conversation_id` is given.

        Keep the cookie that the first reply sets, or send an API key: from then on the conversation is yours
        alone. Without either, whoever knows its id can go on with it.

        With `Accept: text/event-stream` or `"stream": true` the answer is server-sent events: `text` with a piece of
        the reply's text, as often as there is one, then `reply` with the whole reply, which is what counts, or
        `error`.
        """
        client = client_of(request)
        app = known(body.app if body.app is not None else next(iter(agent.domains), ""))
        message = Message(
            app=app,
            text=clean(body.text, limit),
            client_id=client.id,
            conversation_id=body.conversation_id,
            claimed=client.claimed,
        )
        if body.stream or "text/event-stream" in request.headers.get("accept", ""):
            pieces = agent.reply_stream(message)
            # What fails before the first piece is answered with its own status.
            first = await run_in_threadpool(next, pieces)
            headers = {"X-Accel-Buffering": "no"}
            return StreamingResponse(_events(chain([first], pieces)), headers=headers, media_type="text/event-stream")
        try:
            reply = await while_connected(request, lambda gone: agent.reply(message, gone=gone))
        except CancelledError:
            return Response(status_code=CLIENT_GONE)
        return JSONResponse(schema.reply_json(reply))

    @router.get(
        "/messages/{message_id}/why",
        tags=["chat"],
        summary="Why this answer",
        response_model=schema.WhyOut,
        responses={
            200: {"content": {"application/json": {"example": schema.WHY_EXAMPLE}}},
            **problems(404),
        },
    )
    def why(message_id: str, request: Request) -> Response:
        """For the client that got the reply. The words' weights are computed at each call, by the model's reading
        the message again without each of its words."""
        return JSONResponse(agent.why(message_id, client_of(request).id))

    @router.get(
        "/conversations",
        tags=["chat"],
        summary="The client's own conversations",
        response_model=schema.ConversationsOut,
        responses=problems(404),
    )
    def conversations(
        request: Request,
        app: Annotated[str | None, Query(max_length=100, description="Only those with this app.")] = None,
        limit: Annotated[int, Query(ge=1, le=schema.MOST_CONVERSATIONS, description="Most to return.")] = 50,
    ) -> dict[str, Any]:
        """The last used first. A client is known by its cookie or its key; without either there are none."""
        wanted = None if app is None else known(app)
        return {"conversations": agent.conversations(client_of(request).id, wanted, limit)}

    @router.get(
        "/conversations/{conversation_id}/messages",
        tags=["chat"],
        summary="What was said in a conversation",
        response_model=schema.StoredMessagesOut,
        responses=problems(404),
    )
    def conversation_messages(
        conversation_id: str,
        request: Request,
        after: Annotated[int, Query(ge=0, le=2**53, description="Only those after this `number`.")] = 0,
    ) -> dict[str, Any]:
        """Both sides' messages in order, for the conversation's own client.

        While `holder` is `person`, the bot is silent: ask again every second or two for what the person writes.
        """
        client_id = client_of(request).id
        found = agent.history(conversation_id, client_id, after)
        holder, operator = agent.holder(conversation_id, client_id)
        return {"messages": found, "holder": holder, "operator": operator}

    @router.delete(
        "/conversations/{conversation_id}",
        tags=["chat"],
        summary="Delete a conversation for good",
        status_code=204,
        responses=problems(404, 409, 507),
    )
    def delete_conversation(conversation_id: str, request: Request) -> None:
        """Its text, what the model read in it and what was said of its replies are overwritten, not just hidden."""
        agent.delete_conversation(conversation_id, client_of(request).id)

    @router.get("/me", tags=["chat"], summary="All that is kept of the client", response_class=StreamingResponse)
    def own_data(request: Request) -> Response:
        """One JSON object: `conversations` with their messages and what was read in them, `feedback`, `reviews`, what
        was done with items (`events`), the rows of them that were shown (`exposures`), and `wishes`.

        A client is known by its cookie or its key; with a key it is everything that came with that key.
        """
        pieces = agent.export_client(client_of(request).id)
        return StreamingResponse(pieces, media_type="application/json")

    @router.delete(
        "/me", tags=["chat"], summary="Erase all that is kept of the client", status_code=204, responses=problems(409)
    )
    def erase_own_data(request: Request) -> None:
        """Conversations, feedback and what was learned from them as text, events and wishes: in the database, in its
        backups and in the models' files."""
        agent.erase_client(client_of(request).id)

    @router.post(
        "/feedback",
        tags=["chat"],
        summary="Judge a reply",
        response_model=schema.FeedbackOut,
        responses=problems(404, 507),
    )
    def feedback(body: FeedbackIn, request: Request) -> dict[str, bool]:
        """Raises the reply for review by a person; it is no label by itself. The same said twice counts once."""
        said = Feedback(
            message_id=body.message_id,
            client_id=client_of(request).id,
            kind=body.kind,
            value=body.value,
            reason=clean(body.reason, limit) if body.reason.strip() else "",
            comment=clean(body.comment, limit) if body.comment.strip() else "",
        )
        return {"recorded": agent.feedback(said)}

    @router.post(
        "/predict",
        summary="Intents, scope and sentiment of texts in bulk",
        response_model=schema.PredictOut,
        responses=problems(403, 404),
        **bulk,
    )
    def predict(body: PredictIn) -> Response:
        """One encoder pass a text; nothing is stored."""
        app = known(body.app)
        predictions = agent.predict(app, [clean(text, limit) for text in body.texts])
        return JSONResponse({"predictions": [schema.prediction_json(prediction) for prediction in predictions]})

    @router.post(
        "/search",
        summary="Passages of an app's knowledge",
        response_model=schema.SearchOut,
        responses=problems(403, 404),
        **bulk,
    )
    def search(body: SearchIn) -> Response:
        """Best passages first, each with the sentence that answers best."""
        app = known(body.app)
        hits = agent.search(app, clean(body.text, limit), body.k)
        return JSONResponse({"hits": [schema.hit_json(app, hit) for hit in hits]})

    @router.get("/apps", tags=["chat"], summary="The installed apps")
    def apps() -> list[dict[str, Any]]:
        """Name, title, description, greeting, examples, colour, locale and model version of each.

        `training` is null, or `step` of `total` of the training that goes on in the background (`total` is 0 until
        it is known).
        """
        return agent.apps()

    add_recommendations(router, agent)
    return router


def nothing_else() -> APIRouter:
    """What answers below /v1 where nothing else does, so that no page answers there; to be included last."""
    router = APIRouter(prefix="/v1")

    @router.api_route("/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    def nothing(rest: Annotated[str, "what follows /v1/"]) -> Response:
        return of_status(404).response()

    return router
