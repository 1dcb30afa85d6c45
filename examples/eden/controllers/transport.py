# -*- coding: utf-8 -*-
"""Airports."""
from eden_pages import Resource

require_module("transport")


def index():
    redirect(URL("airport"))


def airport():
    return Resource(db.transport_airport, T("Airports"), T("New airport"),
                    ["name", "icao", "iata", "country_id", "elevation_ft", "obsolete"],
                    search=("name", "icao")).page(may_edit)
