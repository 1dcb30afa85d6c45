"""What the field office has gathered: organisations with their offices, each office at a place it has mapped itself.

The places are resettlement sites and towns around Beira after the cyclone of 2019; the organisations are real ones,
their offices here are invented.
"""
from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Dict, List, Tuple

from real_input import stamp, urn

PLACES = (
    ("Beira, Ponta-Gêa", -19.843, 34.838), ("Beira, Munhava", -19.805, 34.857),
    ("Dondo, Mandruzi", -19.612, 34.601), ("Dondo, Samora Machel", -19.628, 34.741),
    ("Dondo, Savane", -19.478, 34.676), ("Búzi, Guara-Guara", -19.907, 34.465),
    ("Búzi, Bândua", -20.029, 34.403), ("Nhamatanda, Ndeja A", -19.355, 34.236),
    ("Nhamatanda, Metuchira", -19.283, 34.141), ("Nhamatanda, Tica", -19.425, 34.380),
    ("Chibabava, Muxúnguè", -20.389, 33.936), ("Búzi, Inharongue", -19.963, 34.521),
)

# name, acronym, type, home country, website, founded, sectors
ORGANISATIONS: Tuple[Tuple[str, str, int, str, str, int, List[str]], ...] = (
    ("Instituto Nacional de Gestão e Redução do Risco de Desastres", "INGD", 1, "MZ", "https://www.ingd.gov.mz",
     1999, ["Logistics", "Shelter"]),
    ("Cruz Vermelha de Moçambique", "CVM", 3, "MZ", "https://www.redcross.org.mz", 1981, ["Health", "Shelter"]),
    ("International Federation of Red Cross and Red Crescent Societies", "IFRC", 3, "CH", "https://www.ifrc.org", 1919,
     ["Health", "Shelter", "Water & Sanitation"]),
    ("Médecins Sans Frontières", "MSF", 2, "CH", "https://www.msf.org", 1971, ["Health"]),
    ("World Food Programme", "WFP", 4, "IT", "https://www.wfp.org", 1961, ["Food", "Logistics"]),
    ("United Nations Children's Fund", "UNICEF", 4, "US", "https://www.unicef.org", 1946,
     ["Education", "Protection", "Water & Sanitation"]),
    ("International Organization for Migration", "IOM", 4, "CH", "https://www.iom.int", 1951,
     ["Shelter", "Protection"]),
    ("World Health Organization", "WHO", 4, "CH", "https://www.who.int", 1948, ["Health"]),
    ("Save the Children", "SCI", 2, "GB", "https://www.savethechildren.net", 1919, ["Education", "Protection"]),
    ("Oxfam", "", 2, "KE", "https://www.oxfam.org", 1942, ["Water & Sanitation"]),
    ("CARE International", "CARE", 2, "CH", "https://www.care-international.org", 1945, ["Food", "Shelter"]),
    ("ESMABAMA", "", 2, "MZ", "", 1993, ["Education", "Health"]),
    ("Plan International", "", 2, "GB", "https://plan-international.org", 1937, ["Protection"]),
    ("Food for the Hungry", "FH", 2, "US", "https://www.fh.org", 1971, ["Food"]),
    ("Light for the World", "", 2, "AT", "https://www.light-for-the-world.org", 1988, ["Health"]),
    ("Mercy Corps", "", 2, "US", "https://www.mercycorps.org", 1979, ["Food"]),
    ("World Vision", "WV", 2, "GB", "https://www.wvi.org", 1950, ["Food", "Education"]),
    ("Serviço Nacional de Salvação Pública", "SENSAP", 1, "MZ", "", 2014, ["Logistics"]),
    ("Handicap International", "HI", 2, "FR", "https://www.hi.org", 1982, ["Health", "Logistics"]),
    ("Norwegian Refugee Council", "NRC", 2, "NO", "https://www.nrc.no", 1946, ["Shelter"]),
)


def load(database: Path) -> Dict[str, int]:
    """Fill org_organisation, org_office and their gis_location; returns the numbers."""
    locations = [(number, name, "L4", lat, lon, "MZ", urn("place", name), stamp(number), stamp(number))
                 for number, (name, lat, lon) in enumerate(PLACES, 1)]
    organisations = [
        (number, name, acronym or None, kind, list_value(sectors), country, website or None, year, 250000.5 * number,
         f"2019-04-{number:02d}", f"Registered in Beira.\nContact: desk {number}", urn("organisation", name),
         stamp(number + 40), stamp(number + 40))
        for number, (name, acronym, kind, country, website, year, sectors) in enumerate(ORGANISATIONS, 1)]
    offices: List[Tuple[Any, ...]] = []
    for number, organisation in enumerate(ORGANISATIONS, 1):
        for count in range(1 + number % 4):
            place = (number * 5 + count * 3) % len(PLACES)
            name = f"{organisation[1] or organisation[0]} {PLACES[place][0].split(', ')[1]}"[:64]
            offices.append((number, name, f"{number:02d}-{count + 1}", place + 1,
                            f"+258 23 {310000 + 37 * len(offices)}", f"office{len(offices) + 1}@example.org",
                            3 + 7 * count, "07:30:00" if count else "08:00:00",
                            stamp(len(offices) + 90), "F", urn("office", f"{number}-{count}"),
                            stamp(len(offices) + 60), stamp(len(offices) + 60)))
    connection = sqlite3.connect(database, timeout=60)
    try:
        with connection:
            connection.executemany(
                "INSERT INTO gis_location (id, name, level, lat, lon, iso, uuid, created_on, modified_on, mci, deleted)"
                " VALUES (?,?,?,?,?,?,?,?,?,0,'F')", locations)
            connection.executemany(
                "INSERT INTO org_organisation (id, name, acronym, organisation_type, sectors, country, website, year,"
                " budget, agreement_on, comments, uuid, created_on, modified_on, mci, deleted)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,0,'F')", organisations)
            connection.executemany(
                "INSERT INTO org_office (organisation_id, name, code, location_id, phone, email, staff, opens_at,"
                " visited_on, obsolete, uuid, created_on, modified_on, mci, deleted)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,0,'F')", offices)
    finally:
        connection.close()
    return {"organisations": len(organisations), "offices": len(offices), "places": len(locations)}


def list_value(items: List[str]) -> str:
    """A list:string as pyDAL stores it."""
    return "|" + "|".join(item.replace("|", "||") for item in items) + "|"
