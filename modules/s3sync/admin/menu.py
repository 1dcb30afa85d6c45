"""The module's entry in the application's menu."""
from __future__ import annotations

from typing import Any

from gluon import current
from gluon.html import URL

from .access import is_administrator


def add_menu(app: Any) -> None:
    """Add "Synchronization" to ``response.menu`` for administrators, under "Administration" where that exists.

    An application that draws its menus in another way (Eden) is left alone.
    """
    menu = current.response.menu
    if not app.makes_menu or not isinstance(menu, list) or not is_administrator(app):
        return
    T, request = app.T, current.request
    here = request.controller == "sync"
    section = request.function if here else ""

    def entry(text: str, function: str) -> tuple[Any, bool, str, list[Any]]:
        return T(text), section == function, URL("sync", function), []

    item = (T("Synchronization"), here, URL("sync", "index"),
            [entry("Settings", "config"), entry("Repositories", "repository"), entry("Log", "log")])
    for position, existing in enumerate(menu):
        if len(existing) > 2 and str(existing[0]) == str(T("Administration")):
            children = [*(existing[3] if len(existing) > 3 and existing[3] else []), item]
            menu[position] = (existing[0], existing[1] or here, existing[2], children)
            return
    menu.append(item)
