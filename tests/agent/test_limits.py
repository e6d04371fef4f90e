from __future__ import annotations

import pytest

from agent.errors import RateLimitError
from agent.limits import RateLimit, network


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def spend(limit: RateLimit, key: str, times: int) -> None:
    for _ in range(times):
        limit.take(key)


def test_a_minutes_worth_at_once_then_one_at_a_time(clock: Clock) -> None:
    limit = RateLimit(60, clock=clock)
    spend(limit, "a", 60)
    with pytest.raises(RateLimitError) as caught:
        limit.take("a")
    assert (caught.value.limit, caught.value.retry_after) == (60, 1.0)
    clock.now += 1.0
    limit.take("a")
    with pytest.raises(RateLimitError):
        limit.take("a")


def test_asking_while_refused_costs_nothing(clock: Clock) -> None:
    limit = RateLimit(60, clock=clock)
    spend(limit, "a", 60)
    for _ in range(100):
        with pytest.raises(RateLimitError):
            limit.take("a")
    clock.now += 60
    spend(limit, "a", 60)


def test_an_idle_hour_saves_up_one_minute_only(clock: Clock) -> None:
    limit = RateLimit(5, clock=clock)
    limit.take("a")
    clock.now += 3600
    spend(limit, "a", 5)
    with pytest.raises(RateLimitError):
        limit.take("a")


def test_keys_do_not_share(clock: Clock) -> None:
    limit = RateLimit(1, clock=clock)
    limit.take("a")
    limit.take("b")


def test_memory_is_bounded_and_the_idlest_goes_first(clock: Clock) -> None:
    limit = RateLimit(1, most_keys=2, clock=clock)
    for key in "abc":
        limit.take(key)
    assert list(limit._buckets) == ["b", "c"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_an_ipv6_household_is_one_address(address: str, expected: str) -> None:
    assert network(address) == expected
