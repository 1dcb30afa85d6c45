"""The limit of a link."""
from __future__ import annotations

import pytest

from s3sync.errors import Interrupted
from s3sync.peers.bandwidth import Bandwidth


class Time:
    def __init__(self) -> None:
        self.now = 0.0
        self.ticks = 0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def tick(self) -> None:
        self.ticks += 1


def make(rate: int) -> tuple[Bandwidth, Time]:
    time = Time()
    return Bandwidth(rate, time.sleep, time.tick, lambda: time.now), time


def test_the_average() -> None:
    """10 MB at 100 kB/s take 100 s, less the first second's worth."""
    bandwidth, time = make(100)
    for _ in range(10_000_000 // 65536 + 1):
        bandwidth.take(65536)
    assert 98 < time.now < 101


def test_a_pause_is_not_saved_up() -> None:
    bandwidth, time = make(100)
    time.now = 3600
    bandwidth.take(100_000)
    assert time.now == 3600
    bandwidth.take(200_000)
    assert time.now == pytest.approx(3602)


def test_signs_of_life_while_waiting() -> None:
    bandwidth, time = make(1)
    bandwidth.take(31_000)
    assert time.now == pytest.approx(30) and time.ticks >= 30


def test_no_limit() -> None:
    for rate in (0, -5):
        bandwidth, time = make(rate)
        bandwidth.take(1 << 40)
        assert time.now == 0


def test_waiting_can_be_stopped() -> None:
    def tick() -> None:
        raise Interrupted("enough")

    bandwidth = Bandwidth(1, tick=tick)
    with pytest.raises(Interrupted):
        bandwidth.take(1_000_000)
