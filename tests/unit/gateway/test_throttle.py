"""The token bucket of public endpoints."""

from __future__ import annotations

import pytest

from gateway.api.throttle import MAX_CLIENTS, Throttle, client_network
from gateway.errors import RateLimitedError


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_burst_passes_and_the_next_must_wait_as_long_as_it_is_told() -> None:
    seconds = Seconds()
    throttle = Throttle(burst=3, interval=6.0, clock=seconds)
    for _ in range(3):
        throttle.admit("192.0.2.1")
    with pytest.raises(RateLimitedError) as caught:
        throttle.admit("192.0.2.1")
    wait = caught.value.extensions["retry_after"]
    assert isinstance(wait, int)
    assert 6 <= wait <= 7
    seconds.now += wait
    throttle.admit("192.0.2.1")


def test_one_client_does_not_use_up_another_ones_share() -> None:
    throttle = Throttle(burst=1, interval=60.0, clock=Seconds())
    throttle.admit("192.0.2.1")
    throttle.admit("192.0.2.2")


def test_idle_client_saves_no_more_than_a_burst() -> None:
    seconds = Seconds()
    throttle = Throttle(burst=2, interval=1.0, clock=seconds)
    throttle.admit("192.0.2.1")
    seconds.now = 1_000_000.0
    throttle.admit("192.0.2.1")
    throttle.admit("192.0.2.1")
    with pytest.raises(RateLimitedError):
        throttle.admit("192.0.2.1")


def test_refused_attempts_cost_nothing_more() -> None:
    seconds = Seconds()
    throttle = Throttle(burst=1, interval=10.0, clock=seconds)
    throttle.admit("192.0.2.1")
    for _ in range(50):
        with pytest.raises(RateLimitedError):
            throttle.admit("192.0.2.1")
    seconds.now = 10.0
    throttle.admit("192.0.2.1")


def test_memory_stays_bounded_under_many_addresses() -> None:
    throttle = Throttle(burst=1, interval=60.0, clock=Seconds())
    for number in range(MAX_CLIENTS + 50):
        throttle.admit(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(throttle._buckets) == MAX_CLIENTS


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "unknown"),
        ("", "unknown"),
    ],
)
def test_client_is_an_address_or_a_64_network(address: str, network: str) -> None:
    assert client_network(address) == network
