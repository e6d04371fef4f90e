"""Errors as an HTTP client sees them: ``{"error": {"code", "message", "remedy"}}`` and a fitting status.

``code`` is stable and meant for programs. No path of ours, no exception text and none of the request's
values goes out; what the operator needs is logged.
"""

from __future__ import annotations

import json
import logging
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from agent.errors import (
    BackboneError,
    BadInputError,
    BusyError,
    ConversationError,
    DiskFullError,
    HeldError,
    HolderError,
    LockedError,
    ModelError,
    RateLimitError,
    SignInError,
    StoreError,
    SwitchboardError,
    UnknownAppError,
)
from agent.headers import headers_for

log = logging.getLogger(__name__)

_REMEDIES = {
    "empty": "Write a few words.",
    "too_long": "Shorten the text, or split it into several messages.",
    "not_text": "Send valid Unicode with at least one visible character.",
}
_BY_STATUS = {
    400: ("bad_request", "The request cannot be read.", "See /docs for what each address takes."),
    401: ("key_needed", "An API key is needed.", "Send it as 'Authorization: Bearer <key>'."),
    404: ("not_found", "There is nothing at this address.", "See /docs for the addresses."),
    405: ("method_not_allowed", "This address does not take that method.", "See /docs for the addresses."),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong and what to do, fit to be shown to whoever asked."""

    status: int
    code: str
    message: str
    remedy: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, dict[str, str]]:
        """The problem ready for JSON."""
        return {"error": {"code": self.code, "message": self.message, "remedy": self.remedy}}

    def response(self) -> Response:
        """The problem as JSON in ASCII: a lone surrogate of the request's cannot break it."""
        return Response(json.dumps(self.body()), self.status, dict(self.headers), "application/json")


class NotAllowedError(Exception):
    """Whoever asks may not call this; ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


def explain(error: SwitchboardError) -> Problem:
    """The problem behind an error of ours; logs what must not be shown."""
    match error:
        case BadInputError():
            status = 413 if error.code == "too_long" else 400
            remedy = _REMEDIES.get(error.code, "Change the request and send it again.")
            return Problem(status, error.code, str(error), remedy)
        case UnknownAppError():
            remedy = f"Use one of: {', '.join(error.available) or 'none is installed'}."
            return Problem(404, "unknown_app", f"There is no app '{error.app[:40]}'.", remedy)
        case ConversationError():
            return Problem(
                404,
                "unknown_conversation",
                "There is no such conversation or message for this client.",
                "Leave conversation_id out to begin a new conversation.",
            )
        case HolderError():
            return Problem(409, "held" if error.holder else "not_held", str(error), "Look at the conversation again.")
        case SignInError() if error.retry_after:
            return _later(429, "sign_in_later", "Too many failures to sign in.", error.retry_after)
        case SignInError():
            return Problem(401, "wrong_sign_in", str(error), "Try again, or ask whoever runs this service.")
        case HeldError():
            log.warning("%s", error)
            message = "The law wants these conversations kept for now, so nothing was erased."
            return Problem(409, "held", message, "Ask whoever runs this service until when.")
        case BusyError():
            return _later(503, "busy", "Many people are asking at once.", error.retry_after)
        case RateLimitError():
            return _later(429, "too_many_requests", "You have asked very often.", error.retry_after)
        case DiskFullError():
            log.error("%s", error)
            message = "There is no room left to store this, so nothing was kept."
            return Problem(507, "disk_full", message, "Try later; whoever runs this service needs to free disk space.")
        case LockedError():
            log.warning("%s", error)
            return _later(503, "locked", "Something else works on the same data just now, so nothing was changed.", 60)
        case StoreError():
            log.error("%s", error)
            return _later(503, "store", "This cannot be stored just now, so nothing was kept.", 30)
        case ModelError() | BackboneError():
            log.error("%s", error)
            return _later(503, "model", "The model of this app cannot be used just now.", 30)
        case _:
            return internal(error)


def internal(error: Exception) -> Problem:
    """A mistake of ours. The log has it under a number that the answer names."""
    number = secrets.token_hex(4)
    log.error("Internal error %s", number, exc_info=error)
    return Problem(
        500, "internal", "Something went wrong on our side.", f"Try again; if it stays, report number {number}."
    )


def _later(status: int, code: str, message: str, seconds: float) -> Problem:
    wait = max(1, math.ceil(seconds))
    return Problem(status, code, message, f"Try again in {wait} s.", {"Retry-After": str(wait)})


def of_status(status: int) -> Problem:
    """The problem of an HTTP status that no error of ours stands behind."""
    code, message, remedy = _BY_STATUS.get(status, ("http_error", f"The request failed ({status}).", "See /docs."))
    return Problem(status, code, message, remedy)


def _of_validation(error: RequestValidationError) -> Problem:
    """Where the request is wrong and why, without its values."""
    errors = error.errors()
    if any(found["type"] == "json_invalid" for found in errors):
        message = "The body is not valid JSON."
        return Problem(400, "malformed_json", message, "Send an object as application/json; see /docs.")
    found = [f"{'.'.join(str(part)[:40] for part in item['loc'][1:]) or 'body'}: {item['msg']}" for item in errors[:5]]
    return Problem(422, "invalid_request", "; ".join(found), "See /docs for the fields and their types.")


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` in this form."""

    @app.exception_handler(SwitchboardError)
    def ours(request: Request, error: SwitchboardError) -> Response:
        return explain(error).response()

    @app.exception_handler(NotAllowedError)
    def not_allowed(request: Request, error: NotAllowedError) -> Response:
        return error.problem.response()

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        return _of_validation(error).response()

    @app.exception_handler(HTTPException)
    def of_http(request: Request, error: HTTPException) -> Response:
        response = of_status(error.status_code).response()
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    def unforeseen(request: Request, error: Exception) -> Response:
        # This one is answered outside all middleware, so the headers must be set here.
        response = internal(error).response()
        response.headers.update(headers_for(request.url.path))
        return response
