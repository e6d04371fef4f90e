"""Token buckets: so many requests a minute for each key, with bursts up to a minute's worth.

Not safe to share between threads; the event loop is its only caller.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from agent.errors import RateLimitError

MOST_KEYS = 20_000


class RateLimit:
    """A bucket for each key. The one that has waited longest is forgotten when there are too many."""

    def __init__(
        self, per_minute: int, most_keys: int = MOST_KEYS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``per_minute`` 0 switches the limit off; ``clock`` returns seconds."""
        self._per_minute = per_minute
        self._most_keys = most_keys
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> (tokens, when)

    def take(self, key: str) -> None:
        """Take one token of ``key``; raises RateLimitError, with the seconds until the next, if there is none."""
        if self._per_minute == 0:
            return
        now = self._clock()
        tokens, then = self._buckets.pop(key, (float(self._per_minute), now))
        tokens = min(float(self._per_minute), tokens + (now - then) * self._per_minute / 60)
        allowed = tokens >= 1
        self._buckets[key] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > self._most_keys:
            self._buckets.popitem(last=False)
        if not allowed:
            raise RateLimitError(self._per_minute, (1 - tokens) * 60 / self._per_minute)


def network(address: str) -> str:
    """The key of an address: itself, or for IPv6 its /64, which is what one household gets."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))
