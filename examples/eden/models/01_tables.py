# -*- coding: utf-8 -*-
"""Locations, airports, organisations and their offices."""
from eden_pages import LocationWidget
from gluon.validators import (
    IS_EMAIL, IS_EMPTY_OR, IS_FLOAT_IN_RANGE, IS_IN_DB, IS_IN_SET, IS_INT_IN_RANGE, IS_LENGTH, IS_MATCH, IS_NOT_EMPTY,
    IS_URL,
)

LEVELS = {"L0": T("Country"), "L1": T("State"), "L2": T("District"), "L3": T("Town"), "L4": T("Village")}
ORGANISATION_TYPES = {1: T("Government"), 2: T("NGO"), 3: T("Red Cross / Red Crescent"), 4: T("United Nations"),
                      5: T("Other")}
SECTORS = ["Health", "Water & Sanitation", "Shelter", "Food", "Logistics", "Protection", "Education"]


def location_field(name, label):
    """A reference to a location, typed by name."""
    return Field(name, "reference gis_location", label=label, ondelete="SET NULL",
                 requires=IS_EMPTY_OR(IS_IN_DB(db, "gis_location.id")), widget=LocationWidget(db),
                 represent=lambda value, row=None: db.gis_location(value).name if value else "")


db.define_table(
    "gis_location",
    Field("name", length=128, label=T("Name"), requires=IS_LENGTH(128)),
    Field("level", length=10, label=T("Level"), requires=IS_EMPTY_OR(IS_IN_SET(LEVELS)),
          represent=lambda value, row=None: LEVELS.get(value, value or "")),
    Field("parent", "reference gis_location", label=T("Lies in"), ondelete="RESTRICT", widget=LocationWidget(db),
          requires=IS_EMPTY_OR(IS_IN_DB(db, "gis_location.id")),
          represent=lambda value, row=None: db.gis_location(value).name if value else ""),
    Field("lat", "double", label=T("Latitude"), requires=IS_EMPTY_OR(IS_FLOAT_IN_RANGE(-90, 90))),
    Field("lon", "double", label=T("Longitude"), requires=IS_EMPTY_OR(IS_FLOAT_IN_RANGE(-180, 180))),
    Field("elevation", "double", label=T("Elevation (m)")),
    Field("iso", length=2, label=T("ISO code")),
    Field("geonames_id", "integer", label=T("GeoNames")),
    Field("feature_code", length=16, label=T("Feature code")),
    Field("population", "integer", label=T("Population"), requires=IS_EMPTY_OR(IS_INT_IN_RANGE(0, None))),
    Field("timezone", length=64, label=T("Time zone")),
    Field("comments", "text", label=T("Comments")),
    *meta_fields(),
    format="%(name)s", singular=T("Location"),
)

db.define_table(
    "transport_airport",
    Field("name", length=128, notnull=True, label=T("Name"), requires=[IS_NOT_EMPTY(), IS_LENGTH(128)]),
    Field("icao", length=8, label=T("ICAO")),
    Field("iata", length=8, label=T("IATA")),
    Field("elevation_ft", "double", label=T("Elevation (ft)")),
    Field("timezone", length=64, label=T("Time zone")),
    Field("obsolete", "boolean", default=False, label=T("Closed")),
    location_field("location_id", T("Location")),
    location_field("country_id", T("Country")),
    Field("lat", "double", label=T("Latitude"), requires=IS_EMPTY_OR(IS_FLOAT_IN_RANGE(-90, 90))),
    Field("lon", "double", label=T("Longitude"), requires=IS_EMPTY_OR(IS_FLOAT_IN_RANGE(-180, 180))),
    Field("comments", "text", label=T("Comments")),
    *meta_fields(),
    format="%(name)s", singular=T("Airport"),
)

db.define_table(
    "org_organisation",
    Field("name", length=128, notnull=True, label=T("Name"), requires=[IS_NOT_EMPTY(), IS_LENGTH(128)]),
    Field("acronym", length=16, label=T("Acronym")),
    Field("organisation_type", "integer", label=T("Type"), requires=IS_EMPTY_OR(IS_IN_SET(ORGANISATION_TYPES)),
          represent=lambda value, row=None: ORGANISATION_TYPES.get(value, "")),
    Field("sectors", "list:string", label=T("Sectors"), requires=IS_EMPTY_OR(IS_IN_SET(SECTORS, multiple=True)),
          represent=lambda value, row=None: ", ".join(value or [])),
    Field("country", length=2, label=T("Home country"),
          requires=IS_EMPTY_OR(IS_MATCH("^[A-Z]{2}$", error_message=T("Two capital letters")))),
    Field("website", label=T("Website"), requires=IS_EMPTY_OR(IS_URL())),
    Field("year", "integer", label=T("Founded in"), requires=IS_EMPTY_OR(IS_INT_IN_RANGE(1800, 2101))),
    Field("budget", "decimal(14,2)", label=T("Yearly budget (USD)")),
    Field("agreement_on", "date", label=T("Agreement signed on")),
    Field("comments", "text", label=T("Comments")),
    *meta_fields(),
    format="%(name)s", singular=T("Organization"),
)

db.define_table(
    "org_office",
    Field("organisation_id", "reference org_organisation", notnull=True, ondelete="CASCADE", label=T("Organization"),
          requires=IS_IN_DB(db(db.org_organisation.deleted == False), "org_organisation.id", "%(name)s"),  # noqa: E712
          represent=lambda value, row=None: db.org_organisation(value).name if value else ""),
    Field("name", length=64, notnull=True, label=T("Name"), requires=[IS_NOT_EMPTY(), IS_LENGTH(64)]),
    Field("code", length=10, label=T("Code")),
    location_field("location_id", T("Location")),
    Field("phone", length=64, label=T("Phone")),
    Field("email", length=128, label=T("Email"), requires=IS_EMPTY_OR(IS_EMAIL())),
    Field("staff", "integer", label=T("Staff"), requires=IS_EMPTY_OR(IS_INT_IN_RANGE(0, None))),
    Field("opens_at", "time", label=T("Opens at")),
    Field("visited_on", "datetime", label=T("Last visited")),
    Field("obsolete", "boolean", default=False, label=T("Closed")),
    Field("comments", "text", label=T("Comments")),
    *meta_fields(),
    format="%(name)s", singular=T("Office"),
)

# Lists are sorted and searched by these; references are resolved by uuid, which is unique and so has its index.
if is_sqlite:
    for tablename, column in (("gis_location", "name"), ("gis_location", "parent"), ("transport_airport", "name"),
                              ("org_office", "organisation_id")):
        db.executesql("CREATE INDEX IF NOT EXISTS %s_%s ON %s (%s)" % (tablename, column, tablename, column))

# What synchronization needs to know of these tables, where it is installed and enabled
if "sync" in deployment_settings.modules:
    try:
        from s3sync.hosts.web2py import declare
    except ImportError:
        declare = None
    if declare:
        declare(db, "org_organisation",
                components=[dict(alias="office", table="org_office", fkey="organisation_id")])
