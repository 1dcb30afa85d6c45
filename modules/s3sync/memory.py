"""Python's search for reference cycles, put off while records pass through.

Each batch makes tens of thousands of objects, none of them in a cycle. With Python's usual thresholds they set off a
search through everything the application has in memory, again and again: up to a fifth of the time of a batch.
"""
from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import Iterator

#: new objects between two searches, instead of Python's 700: some batches' worth
PATIENT = 200_000

_lock = threading.Lock()
_inside = 0
_usual = gc.get_threshold()


@contextmanager
def few_collections() -> Iterator[None]:
    """Search for cycles less often inside; for all threads, until the last one that is inside has left."""
    global _inside, _usual
    with _lock:
        if not _inside:
            _usual = gc.get_threshold()
            if _usual[0]:                        # 0: the application has switched it off
                gc.set_threshold(max(PATIENT, _usual[0]), *_usual[1:])
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                gc.set_threshold(*_usual)
