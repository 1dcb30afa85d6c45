# -*- coding: utf-8 -*-
"""Locations."""
from eden_pages import Resource

require_module("gis")


def index():
    redirect(URL("location"))


def location():
    return Resource(db.gis_location, T("Locations"), T("New location"),
                    ["name", "level", "parent", "population", "lat", "lon"]).page(may_edit)


def search():
    """Up to ten locations whose name starts with what was typed."""
    words = (request.get_vars.q or "").strip()
    table = db.gis_location
    rows = []
    if words:
        query = table.name.startswith(words) & (table.deleted == False)  # noqa: E712
        rows = db(query).select(table.id, table.name, table.level, orderby=~table.population, limitby=(0, 10))
    return response.json([{"id": row.id, "name": row.name, "level": str(LEVELS.get(row.level, ""))} for row in rows])
