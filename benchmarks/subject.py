"""What is synchronised: three kinds of tables, filled with invented but lifelike rows, always the same ones."""
from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Callable, Iterator

Row = tuple[Any, ...]

#: rows written, answered and sent in one go, by the floor as by s3sync (its setting batch_size)
BATCH = 1000

META = ("id", "uuid", "created_on", "modified_on", "mci", "deleted")

KINDS = ("health post", "health centre", "district hospital", "field hospital", "warehouse", "shelter")
PLACES = ("Beira", "Dondo", "Búzi", "Nhamatanda", "Chibabava", "Muanza", "Caia", "Marromeu", "Gorongosa", "Machanga")
REMARKS = ("Roof damaged by the cyclone, ward 2 closed until repaired.", "Generator works 6 hours a day; fuel by road only.",
           "Cold chain intact. Next delivery with the boat on Friday.", "Access by helicopter & boat; bridge < 3.5 t.")
SECTORS = ("Health", "Water & Sanitation", "Shelter", "Food", "Logistics")


@dataclass(frozen=True)
class Part:
    """One table of a subject.

    Attributes
    ----------
    columns : of the table, after `META`
    references : columns that refer to another record, by target table
    flags, lists : columns of the types boolean and list:string
    """

    table: str
    columns: tuple[str, ...]
    make: Callable[[int, random.Random, int], Row]
    references: dict[str, str]
    flags: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()

    def rows(self, count: int, total: int) -> Iterator[Row]:
        """`count` rows of `META` and `columns`; `total` is what the makers count by."""
        dice = random.Random(f"{self.table} {count}")
        start = datetime(2021, 3, 1, 6)
        for number in range(1, count + 1):
            stamp = (start + timedelta(seconds=7 * number)).isoformat(" ")
            key = uuid.UUID(int=dice.getrandbits(128), version=4).urn
            yield (number, key, stamp, stamp, 0, "F", *self.make(number, dice, total))


@dataclass(frozen=True)
class Subject:
    """A resource with its components, as one task synchronises it.

    Attributes
    ----------
    parts : each table with its share of the records
    checked : has it validators, references or components? (Another bar holds for those.)
    """

    name: str
    title: str
    resource: str
    components: bool
    parts: tuple[tuple[Part, float], ...]
    checked: bool

    def sizes(self, total: int) -> list[tuple[Part, int]]:
        """How many rows each table gets so that there are `total` records in all."""
        found, left = [], total
        for part, share in self.parts[:-1]:
            found.append((part, int(total * share)))
            left -= found[-1][1]
        return [*found, (self.parts[-1][0], left)]


def _station(number: int, dice: random.Random, total: int) -> Row:
    place = PLACES[number % len(PLACES)]
    return (f"{place} {KINDS[number % 6]} no. {number}", f"MZ-{number:07d}", KINDS[number % 6], f"{place} district",
            f"+258 23 {300000 + number % 600000}", dice.randrange(400), round(dice.uniform(0, 1800), 1),
            "T" if number % 9 else "F", f"{1970 + number % 50}-{1 + number % 12:02d}-{1 + number % 28:02d}",
            f"{REMARKS[number % 4]} Checked by team {number % 37}.")


#: children of each location but the deepest
BREADTH = 20


def _location(number: int, dice: random.Random, total: int) -> Row:
    parent = (number - 2) // BREADTH + 1 if number > 1 else None
    level, above = 0, parent
    while above:
        level, above = level + 1, (above - 2) // BREADTH + 1 if above > 1 else None
    place = PLACES[number % len(PLACES)]
    return (f"{place} {number}", f"L{min(level, 4)}", parent, round(dice.uniform(-26, -11), 5), round(dice.uniform(31, 40), 5),
            round(dice.uniform(0, 1800), 1), "MZ", 1000000 + number, "PPL", dice.randrange(90000), "Africa/Maputo",
            REMARKS[number % 4] if number % 3 else None)


def _organisation(number: int, dice: random.Random, total: int) -> Row:
    return (f"{PLACES[number % 10]} relief association no. {number}", f"R{number}", 1 + number % 5,
            f"|{SECTORS[number % 5]}|{SECTORS[(number + 2) % 5]}|", "MZ", f"https://r{number}.example.org", 1900 + number % 120,
            f"{dice.randrange(10 ** 8) / 100:.2f}", f"2019-04-{1 + number % 28:02d}", REMARKS[number % 4])


#: offices of each organisation
OFFICES = 3


def _office(number: int, dice: random.Random, total: int) -> Row:
    owner = (number - 1) // OFFICES % max(1, total // (OFFICES + 1)) + 1
    return (owner, f"{PLACES[number % 10]} office {number}", f"{number % 10 ** 9:d}", f"+258 23 {300000 + number % 600000}",
            f"office{number}@example.org", dice.randrange(80), "07:30:00", f"2019-05-{1 + number % 28:02d} 09:30:00",
            "F" if number % 11 else "T", REMARKS[number % 4])


STATION = Part("bench_station", ("name", "code", "kind", "district", "phone", "beds", "altitude", "open", "opened_on",
                               "comments"), _station, {}, flags=("open",))
LOCATION = Part("gis_location", ("name", "level", "parent", "lat", "lon", "elevation", "iso", "geonames_id", "feature_code",
                                 "population", "timezone", "comments"), _location, {"parent": "gis_location"})
ORGANISATION = Part("org_organisation", ("name", "acronym", "organisation_type", "sectors", "country", "website", "year",
                                         "budget", "agreement_on", "comments"), _organisation, {}, lists=("sectors",))
OFFICE = Part("org_office", ("organisation_id", "name", "code", "phone", "email", "staff", "opens_at", "visited_on",
                             "obsolete", "comments"), _office, {"organisation_id": "org_organisation"}, flags=("obsolete",))

SUBJECTS = {
    "plain": Subject("plain", "ten plain fields", "bench_station", False, ((STATION, 1.0),), False),
    "locations": Subject("locations", "locations with parents and validators", "gis_location", False, ((LOCATION, 1.0),), True),
    "organisations": Subject("organisations", "organisations with their offices", "org_organisation", True,
                             ((ORGANISATION, 1 / (OFFICES + 1)), (OFFICE, 0.0)), True),
}
