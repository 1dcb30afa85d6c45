# -*- coding: utf-8 -*-
"""Organizations and their offices."""
from eden_pages import Resource

require_module("org")

offices = Resource(db.org_office, T("Offices"), T("New office"),
                   ["name", "organisation_id", "code", "location_id", "phone", "obsolete"], search=("name", "code"))


def index():
    redirect(URL("organisation"))


def organisation():
    return Resource(db.org_organisation, T("Organizations"), T("New organization"),
                    ["name", "acronym", "organisation_type", "country", "website"], search=("name", "acronym"),
                    components={"office": (offices, "organisation_id")}).page(may_edit)


def office():
    return offices.page(may_edit)
