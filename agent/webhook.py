"""Telling a webhook of alerts: one POST of JSON each, in order, and what it did not take is told again later.

The address is the operator's own choice, so that it may be a private one; it is not followed elsewhere. Knows nothing
of what an alert is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import httpx

log = logging.getLogger("switchboard")

POST_SECONDS = 5.0
MOST_POSTS = 20
"""Of one call of ``tell``, as whoever calls it sees to; what is left waits for the next."""


def tell(
    webhook: str,
    waiting: Iterable[tuple[int, Mapping[str, Any]]],
    told: Callable[[int], None],
    transport: httpx.BaseTransport | None = None,
) -> None:
    """Post what waits, by id, and call ``told`` with each id that was taken. Without an address all count as told.

    The first failure is in the log, and ends it: what is left stays as it is. ``transport`` carries the requests; None
    takes the network.
    """
    with httpx.Client(timeout=POST_SECONDS, transport=transport) as client:
        for one, content in waiting:
            if webhook and not _post(client, webhook, content):
                return
            told(one)


def _post(client: httpx.Client, webhook: str, content: Mapping[str, Any]) -> bool:
    try:
        client.post(webhook, json=content).raise_for_status()
    except httpx.HTTPStatusError as error:
        # The address may hold a secret: neither it nor the error, which quotes it, is shown.
        log.warning("The alert webhook answered %d; tried again later", error.response.status_code)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        log.warning("The alert webhook cannot be reached (%s); tried again later", type(error).__name__)
    else:
        return True
    return False
