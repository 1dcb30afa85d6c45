"""The decision whether, and when, to try again."""
from __future__ import annotations

import pytest

from s3sync import errors
from s3sync.peers.retry import RetryPolicy


def longest(low: float, high: float) -> float:
    return high


def shortest(low: float, high: float) -> float:
    return low


@pytest.mark.parametrize("attempt, wait", [(0, 1.0), (1, 2.0), (2, 4.0), (3, 8.0), (4, None), (5, None)])
def test_backoff_doubles(attempt, wait):
    assert RetryPolicy(uniform=longest).delay(attempt, errors.ConnectError()) == wait


def test_jitter_is_full_and_limited():
    assert RetryPolicy(uniform=shortest).delay(3, errors.ConnectError()) == 0.0
    assert RetryPolicy(retries=2000, uniform=longest).delay(1999, errors.ConnectError()) == 60.0
    assert len({RetryPolicy().delay(3, errors.ConnectError()) for _ in range(20)}) > 10


@pytest.mark.parametrize("asked, wait", [(0.0, 1.0), (30.0, 31.0), (120.0, 121.0), (120.1, None), (1e12, None)])
def test_wait_the_peer_asked_for(asked, wait):
    assert RetryPolicy(uniform=longest).delay(0, errors.PeerBusy(retry_after=asked)) == wait


def test_never_sooner_than_asked():
    assert RetryPolicy(uniform=shortest).delay(0, errors.PeerBusy(retry_after=30.0)) == 30.0


AGAIN = {errors.ConnectError, errors.PeerTimeout, errors.ProxyError, errors.PeerBusy, errors.DocumentTruncated}


@pytest.mark.parametrize("kind", [getattr(errors, name) for name in errors.__all__])
def test_kinds(kind):
    assert (RetryPolicy().delay(0, kind()) is not None) == (kind in AGAIN)


def test_final_after_all():
    error = errors.ProxyError("407")
    error.transient = False
    assert RetryPolicy().delay(0, error) is None
