"""The reference lists everything there is, as it is."""
from __future__ import annotations

import argparse
import ast
import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

from s3sync import errors
from s3sync.cli import parser
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


def commands() -> dict[str, argparse.ArgumentParser]:
    """The parsers of all commands, by name."""
    action, = [a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(action.choices)


def section(name: str) -> str:
    """What the reference says of a command."""
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    found = re.search(rf"^## `s3sync {name}`$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"commands.md has no section on s3sync {name}"
    return found.group(1)


@pytest.mark.parametrize("name", commands())
def test_every_command_and_option(name):
    text = section(name)
    actions = [a for a in commands()[name]._actions if not isinstance(a, argparse._HelpAction)]
    options = {option for action in actions for option in action.option_strings}
    named = re.findall(r"^\| (`-.*?) \|", text, re.MULTILINE)
    documented = {option for row in named for option in re.findall(r"`(-[\w-]+)`", row)}
    assert documented == options
    synopsis = re.search(rf"`s3sync {name} ([A-Z \[\]]*)`", text)
    assert synopsis
    for action in actions:
        if not action.option_strings:
            assert action.metavar in synopsis.group(1)
        elif action.default not in (None, False, "") and f"{action.default}" not in action.option_strings:
            row, = [line for line in text.splitlines() if line.startswith("|") and f"`{action.option_strings[-1]}`" in line]
            assert f"{action.default:g}" in row if isinstance(action.default, float) else str(action.default) in row


def test_no_command_that_is_not():
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^## `s3sync (\w+)`$", text, re.MULTILINE)) == sorted(commands())
