"""How long the fuzz tests hunt, and what they do about examples that take for ever."""
from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import Any, Iterator

#: examples per fuzz test; `make fuzz` sets more
FUZZ = int(os.environ.get("FUZZ_EXAMPLES", "300"))


@contextmanager
def in_time(seconds: int, example: object) -> Iterator[None]:
    """Fail, naming the example, if what is inside takes longer than this."""
    def late(number: int, frame: Any) -> None:
        raise AssertionError(f"it takes longer than {seconds} s: {example!r:.2000}")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
