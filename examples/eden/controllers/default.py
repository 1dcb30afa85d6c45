# -*- coding: utf-8 -*-
"""Home page and login."""


def index():
    counts = []
    if auth.user:
        for label, table, target in (
            (T("Organizations"), db.org_organisation, URL("org", "organisation")),
            (T("Offices"), db.org_office, URL("org", "office")),
            (T("Locations"), db.gis_location, URL("gis", "location")),
            (T("Airports"), db.transport_airport, URL("transport", "airport")),
        ):
            counts.append((label, db(table.deleted == False).count(), target))  # noqa: E712
    return dict(counts=counts)


def user():
    return dict(form=auth())
