"""When to try a request again, and after how long."""
from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Callable

from ..errors import ConnectError, DocumentTruncated, PeerBusy, ProxyError, SyncError

__all__ = ["RetryPolicy"]

# A peer that fails with 500 would most likely do the same work and fail again: that is left to the next run.
WORTH_IT = (ConnectError, PeerBusy, DocumentTruncated, ProxyError)


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with full jitter (a random time up to a limit that doubles with each attempt).

    Waiting a random time keeps field offices from returning all at once when headquarters is back.
    """

    retries: int = 4                #: further attempts after the first
    backoff: float = 1.0            #: seconds, limit of the first wait
    ceiling: float = 60.0           #: seconds, limit of any wait of our own choice
    patience: float = 120.0         #: seconds, longest wait a peer may ask for; beyond it the next run tries again
    uniform: Callable[[float, float], float] = random.uniform

    def delay(self, attempt: int, error: SyncError) -> float | None:
        """Seconds to wait before trying again, None to give up.

        Parameters
        ----------
        attempt
            Number of failed attempts before this one, from 0.
        error
            What the attempt ended with.
        """
        if attempt >= self.retries or not error.transient or not isinstance(error, WORTH_IT):
            return None
        limit = min(self.ceiling, self.backoff * 2 ** min(attempt, 30))
        if error.retry_after is not None:
            if error.retry_after > self.patience:
                return None
            return max(0.0, error.retry_after) + self.uniform(0.0, min(limit, self.backoff))
        return self.uniform(0.0, limit)
