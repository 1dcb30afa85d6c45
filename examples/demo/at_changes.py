"""Runs in a site's shell: makes the changes of the demo's second half, as people at that site would.

`arguments`: "headquarters" or "field office". Answers with [[what was done, number of records], …].
"""


def edit(tablename, **values):
    """Change the records found by the first value; a person's edit, so `modified_on` and `modified_by` follow."""
    (key, wanted), = values.pop("where").items()
    return db(db[tablename][key].belongs(wanted)).update(**values)


def delete(tablename, key, wanted):
    return db(db[tablename][key].belongs(wanted)).update(deleted=True)


done = []
if arguments == "headquarters":
    ids = [row.id for row in db(db.gis_location.level == "L3").select(
        db.gis_location.id, orderby=db.gis_location.id, limitby=(100, 125))]
    done.append(["edited population and comments of cities",
                 edit("gis_location", where={"id": ids}, population=123456, comments="Census of 2026:\n<checked> & ✓")])
    done.append(["closed an airport", edit("transport_airport", where={"icao": ["FQNP"]}, obsolete=True)])
    done.append(["cleared the IATA code and elevation of an airport",
                 edit("transport_airport", where={"icao": ["FQBR"]}, iata=None, elevation_ft=None)])
    done.append(["deleted airports", delete("transport_airport", "icao", ["00AK", "00AL", "00AN"])])
    country = db((db.gis_location.iso == "MZ") & (db.gis_location.level == "L0")).select().first()
    for number in range(1, 6):
        db.gis_location.insert(name=f"Resettlement site {number}", level="L4", parent=country.id, iso="MZ",
                               lat=-19.6 - number / 50, lon=34.5)
    done.append(["mapped new resettlement sites", 5])
    strip = db.gis_location.insert(name="Chibabava airstrip", level="L4", parent=country.id, iso="MZ", lat=-20.28,
                                   lon=33.65)
    db.transport_airport.insert(name="Chibabava Airstrip", icao="FQCX", location_id=strip, country_id=country.id,
                                lat=-20.28, lon=33.65, elevation_ft=410.5)
    done.append(["opened an airstrip, with its location", 2])
    done.append(["corrected an organization of the field office",
                 edit("org_organisation", where={"acronym": ["WFP"]}, year=1963, comments="Corrected at headquarters")])
    done.append(["changed the phone of an office, its organization untouched",
                 edit("org_office", where={"code": ["09-1"]}, phone="+258 23 999 111")])
else:
    done.append(["renamed an organization",
                 edit("org_organisation", where={"acronym": ["HI"]}, name="Humanity & Inclusion <HI>")])
    done.append(["changed an office, its organization untouched",
                 edit("org_office", where={"code": ["03-1"]}, phone="+258 23 555 010", staff=41)])
    done.append(["cleared the website, the comments and the type of an organization",
                 edit("org_organisation", where={"acronym": ["FH"]}, website=None, comments=None,
                      organisation_type=None)])
    gone = db(db.org_organisation.name == "Mercy Corps").select().first()
    done.append(["deleted an organization with its offices",
                 delete("org_office", "organisation_id", [gone.id]) + delete("org_organisation", "id", [gone.id])])
    beira = db(db.gis_location.name == "Beira").select(orderby=~db.gis_location.population).first()
    unicef = db(db.org_organisation.acronym == "UNICEF").select().first()
    place = db.gis_location.insert(name="Beira, Macuti", level="L4", parent=beira.id if beira else None, iso="MZ",
                                   lat=-19.846, lon=34.897)
    db.org_office.insert(organisation_id=unicef.id, name="UNICEF Macuti", code="06-9", location_id=place, staff=12)
    done.append(["opened an office at a new place", 2])
    new = db.org_organisation.insert(name="Associação dos Pescadores de Búzi", acronym="APB", organisation_type=2,
                                     country="MZ", sectors=["Food", "Water & Sanitation"], year=2019)
    db.org_office.insert(organisation_id=new, name="APB Búzi", code="21-1", location_id=place, obsolete=False)
    done.append(["registered a new organization with an office", 2])

answer = done
