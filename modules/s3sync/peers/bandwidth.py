"""No more of a paid or shared link than the administrator allows."""
from __future__ import annotations

import time
from typing import Callable

#: seconds between two signs of life while waiting
STEP = 1.0


class Bandwidth:
    """A token bucket: so many bytes a second on average, and after a pause one second's worth at once.

    Parameters
    ----------
    rate : kB (1000 bytes) a second, in both directions together; 0 = no limit
    sleep : waits so many seconds
    tick : called while waiting; what it raises ends the wait
    clock : seconds, only growing
    """

    def __init__(self, rate: int, sleep: Callable[[float], None] = time.sleep, tick: Callable[[], None] = lambda: None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = max(0, rate) * 1000
        self._sleep = sleep
        self._tick = tick
        self._clock = clock
        self._tokens = float(self.rate)
        self._filled = clock()

    def take(self, size: int) -> None:
        """So many bytes were transferred: wait until the next may follow."""
        if not self.rate:
            return
        now = self._clock()
        self._tokens = min(self.rate, self._tokens + (now - self._filled) * self.rate) - size
        self._filled = now
        wait = -self._tokens / self.rate
        while wait > 0:
            self._tick()
            step = min(wait, STEP)
            self._sleep(step)
            wait -= step
