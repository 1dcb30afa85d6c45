"""Marks the steps of a tour that failed, so that those after it do not start."""
from __future__ import annotations

from typing import Any, Generator

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        item.step_failed = True        # type: ignore[attr-defined]
