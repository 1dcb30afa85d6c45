"""Is the module enabled?"""
from __future__ import annotations

from pathlib import Path

import pytest

from s3sync.installer.config import ENTRY, Enabled, module_entry

from .conftest import fill


@pytest.mark.parametrize("text", [
    f"deployment_settings.modules = OrderedDict([\n{ENTRY}])\n",
    "settings.modules = {'sync': Storage()}\n",
    "settings.modules['sync'] = Storage(module_type=0)\n",
    "settings.modules = OrderedDict(sync=Storage())\n",
    "print 'Python 2'\nm = [\n    ('sync', Storage()),\n]\n",
])
def test_enabled(tmp_path: Path, text: str) -> None:
    assert module_entry(fill(tmp_path, {"models/000_config.py": text})) is Enabled.YES


@pytest.mark.parametrize("text", [
    "", "# (\"sync\", Storage()),\n", "deployment_settings.sync = Storage(batch_size=10)\n", "x = ['sync', 'async']\n",
    "print 'Python 2'\n#   ('sync', Storage()),\n",
])
def test_not_enabled(tmp_path: Path, text: str) -> None:
    assert module_entry(fill(tmp_path, {"models/000_config.py": text})) is Enabled.NO


def test_no_config_at_all(tmp_path: Path) -> None:
    assert module_entry(tmp_path) is Enabled.NO


def test_enabled_in_a_template(tmp_path: Path) -> None:
    fill(tmp_path, {"models/000_config.py": "", "modules/templates/default/config.py": f"m = [\n{ENTRY}]\n"})
    assert module_entry(tmp_path) is Enabled.TEMPLATE


def test_what_the_user_is_told_to_add_is_valid_and_enables(tmp_path: Path) -> None:
    compile(f"m = [\n{ENTRY}]\n", "000_config.py", "exec")
    assert module_entry(fill(tmp_path, {"models/000_config.py": f"m = [\n{ENTRY}]\n"})) is Enabled.YES
