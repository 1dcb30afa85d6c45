"""When a run has to come to an end before it is done: its time is over, or somebody has asked for it."""
from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import Callable, Iterator

from ..errors import Interrupted


class Stop:
    """Knows the deadlines of a run and the signals to it; the run asks at every point where nothing would be lost.

    Parameters
    ----------
    clock : seconds, only growing
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._limits: list[tuple[float, str]] = []
        self._asked = ""
        self._waits: list[Callable[[], None]] = []
        self._watches: list[Callable[[], str]] = []

    def after(self, seconds: float, reason: str) -> None:
        """It has to end so many seconds from now; `reason` is for the log."""
        self._limits.append((self._clock() + seconds, reason))

    def ask(self, reason: str) -> None:
        """It has to end now. May be called by a signal handler or another thread."""
        self._asked = self._asked or reason
        self._break()

    def breaks(self, wait: Callable[[], None]) -> None:
        """`wait` is called once the run has to end: it breaks off what another thread is waiting for."""
        self._waits.append(wait)

    def watch(self, reason: Callable[[], str]) -> None:
        """`reason` is asked by `look`: why the run has to end, or an empty text."""
        self._watches.append(reason)

    def look(self) -> None:
        """Ask those who watch; only where no transaction is open, by the thread that has the database."""
        for watch in self._watches:
            reason = watch()
            if reason:
                self.ask(reason)

    @property
    def reason(self) -> str:
        """Why it has to end, empty if it need not."""
        now = self._clock()
        return self._asked or next((reason for end, reason in self._limits if now >= end), "")

    def check(self) -> None:
        """Raise Interrupted if the run has to end."""
        reason = self.reason
        if reason:
            self._break()
            raise Interrupted(reason)

    def _break(self) -> None:
        waits, self._waits = self._waits, []
        for wait in waits:
            wait()

    @contextmanager
    def heeding_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the run in good order; a second one ends the process as it would without us.

        Only the main thread can hear signals: a run within a web request goes on until its server is killed.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def heard(number: int, frame: object) -> None:
            self.ask(f"its process received {signal.Signals(number).name}")
            signal.signal(number, before[signal.Signals(number)] or signal.SIG_DFL)

        try:
            for number, handler in before.items():
                if handler is not signal.SIG_IGN:
                    signal.signal(number, heard)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler or signal.SIG_DFL)
