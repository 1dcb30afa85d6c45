"""What the commands of the benchmarks have in common: errors in one line, an end in good order when they are stopped."""
from __future__ import annotations

import signal
from typing import Any, Callable

from rich.console import Console

from pair import BenchError
from postgres import PostgresError
from sites import SiteError


def _terminated(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def carry_out(console: Console, work: Callable[[], None]) -> int:
    """Do the work; the exit status: 0 if everything could be measured, whatever came out."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        work()
    except (BenchError, SiteError, PostgresError) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped")
        return 130
    return 0
