"""Is the module enabled in the application's configuration?"""
from __future__ import annotations

import ast
import enum
from pathlib import Path

#: what the administrator's guide says to add
ENTRY = '''\
    ("sync", Storage(
            name_nice = T("Synchronization"),
            description = T("Synchronization"),
            restricted = True,
            access = "|1|",     # Only Administrators can see this module in the default menu & access the controller
            module_type = 0     # This item is handled separately for the menu
        )),
'''


class Enabled(enum.Enum):
    """Where the entry of deployment_settings.modules was found."""

    YES = "models/000_config.py"
    TEMPLATE = "a template's config.py"
    NO = "nowhere"


def module_entry(folder: Path) -> Enabled:
    """Look for the entry in models/000_config.py, then in the templates of an Eden (modules/ or private/templates)."""
    config = folder / "models" / "000_config.py"
    if config.is_file() and has_entry(config):
        return Enabled.YES
    for templates in ("modules/templates", "private/templates"):
        if any(has_entry(path) for path in sorted((folder / templates).glob("*/config.py"))):
            return Enabled.TEMPLATE
    return Enabled.NO


def has_entry(path: Path) -> bool:
    """Is "sync" the key of a module in this source: ("sync", …), {"sync": …}, modules["sync"] = …, dict(sync=…)?"""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        tree = ast.parse(text)
    except SyntaxError:      # written for Python 2: look at the lines that are no comments
        lines = [line.replace("'", "\"") for line in text.splitlines() if not line.lstrip().startswith("#")]
        return any("\"sync\"" in line for line in lines)
    return any(key_is_sync(node) for node in ast.walk(tree))


def key_is_sync(node: ast.AST) -> bool:
    """Is this node one of the forms `has_entry` looks for?"""
    if isinstance(node, ast.Tuple):
        return len(node.elts) == 2 and is_sync(node.elts[0])
    if isinstance(node, ast.Dict):
        return any(is_sync(key) for key in node.keys)
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        return is_sync(node.slice)
    return isinstance(node, ast.keyword) and node.arg == "sync" and isinstance(node.value, ast.Call)


def is_sync(node: ast.AST | None) -> bool:
    """Is this the literal "sync"?"""
    return isinstance(node, ast.Constant) and node.value == "sync"
