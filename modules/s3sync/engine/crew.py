"""Other workers, who may share a run with the one that has begun it."""
from __future__ import annotations

import abc


class Crew(abc.ABC):
    """How to call them. All in the caller's transaction."""

    @abc.abstractmethod
    def call(self, run_id: int, number: int) -> None:
        """Up to so many others shall help with this run as soon as they can."""

    @abc.abstractmethod
    def dismiss(self, run_id: int) -> None:
        """Nobody needs to begin to help with this run any more."""
