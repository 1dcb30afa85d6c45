"""Two sites that know each other."""
from __future__ import annotations

from pathlib import Path

import pytest
from local_sites import LocalSite, register
from shaped_site import ShapedSite


class Pair:
    """A field office `a` that pulls and pushes, headquarters `b`."""

    def __init__(self, folder: Path) -> None:
        self.a = LocalSite(folder, "a", batch_size=50)
        self.b = LocalSite(folder, "b", batch_size=50)
        self.repository = register(self.a, self.b, [
            dict(resource_name="gis_location", mode=1, components=False), dict(resource_name="org_organisation", mode=3)])


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


@pytest.fixture
def here(tmp_path: Path) -> ShapedSite:
    return ShapedSite(tmp_path, "here")
