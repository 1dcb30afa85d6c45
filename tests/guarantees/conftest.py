"""Sites to try guarantees on."""
from __future__ import annotations

from pathlib import Path

import pytest
from practice import Field


@pytest.fixture
def field(tmp_path: Path) -> Field:
    return Field(tmp_path)
