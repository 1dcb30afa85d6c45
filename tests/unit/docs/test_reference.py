"""The reference lists everything there is, as it is."""
from __future__ import annotations

import ast
import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

from s3sync import errors
from s3sync.settings import Settings

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.SyncError)]


def rows(page: str) -> list[list[str]]:
    """The cells of all table rows of a page."""
    lines = (REFERENCE / page).read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error(kind):
    row, = [row for row in rows("errors.md") if len(row) > 2 and row[2] == f"`{kind.__name__}`"]
    message, code, _, again, meaning = row
    assert message == inspect.cleandoc(kind.__doc__)
    assert code == f"`{kind.code}`"
    assert again == ("again" if kind.transient else "final")
    assert len(meaning) > 15


def test_no_error_that_is_not():
    listed = [row[2].strip("`") for row in rows("errors.md") if row[2].startswith("`")]
    assert sorted(listed) == sorted(kind.__name__ for kind in CLASSES)


def test_codes_are_unique_and_all_exported():
    assert len({kind.code for kind in CLASSES}) == len(CLASSES)
    assert sorted(errors.__all__) == sorted(kind.__name__ for kind in CLASSES)


@pytest.mark.parametrize("field", fields(Settings), ids=lambda field: field.name)
def test_every_setting(field):
    row, = [row for row in rows("settings.md") if row[0] == f"`{field.name}`"]
    default = ast.literal_eval(row[1].strip("`"))
    assert (type(default), default) == (type(field.default), field.default)
    assert len(row[3]) > 5


def test_no_setting_that_is_not():
    listed = re.findall(r"^\| `(\w+)` \|", (REFERENCE / "settings.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(field.name for field in fields(Settings))
