"""Who asks for a page or a figure of the console: the session cookie, the roles, and what keeps other sites out.

Every request that changes something carries the header ``X-Switchboard``, which a form or a page of another site cannot
send. Its value tells whether the person did something (``console``) or the page asked by itself (``poll``): only the
former keeps a session from ending.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from agent.identity import PAGE_HEADER, SESSION_COOKIE
from agent.problems import NotAllowedError, Problem
from agent.users import User, UserBook

BY_ITSELF = "poll"
_SAFE_METHODS = frozenset({"GET", "HEAD"})


def recognise(users: UserBook) -> Callable[[Request], None]:
    """A dependency of all the console's routes: puts the user whose session it is, or None, on the request."""

    def recognised(request: Request) -> None:
        header = request.headers.get(PAGE_HEADER)
        if header is None and request.method not in _SAFE_METHODS:
            raise NotAllowedError(
                Problem(403, "foreign_request", "Only the console's own pages may send this.", "Use the page.")
            )
        token = request.cookies.get(SESSION_COOKIE)
        request.state.user = users.session(token, used=header != BY_ITSELF) if token else None

    return recognised


def user_of(request: Request) -> User | None:
    """The user who is signed in, as ``recognise`` found."""
    user: User | None = request.state.user
    return user


async def operator(request: Request) -> User:
    """Whoever is signed in; 401 otherwise."""
    user = user_of(request)
    if user is None:
        raise NotAllowedError(Problem(401, "not_signed_in", "You are not signed in.", "Sign in at /console."))
    return user


async def admin(request: Request) -> User:
    """An admin; 401 for nobody, 403 for an operator."""
    user = await operator(request)
    if user.role != "admin":
        raise NotAllowedError(Problem(403, "admins_only", "Only an admin may do this.", "Ask one, or sign in as one."))
    return user


Operator = Annotated[User, Depends(operator)]
"""Type of a handler's parameter for which somebody must be signed in."""
Admin = Annotated[User, Depends(admin)]
"""The same, and it must be an admin."""
