"""One real site for all tests of the pages, and an administrator who is logged in."""
from __future__ import annotations

from typing import Any, Callable, Iterator

import pytest
from furnishing import furnish, new
from visitor import Visitor

from sites import ADMIN

MAKE_USER = """
user_id = db.auth_user.insert(first_name="Plain", last_name="User", email="plain@example.com",
                              password=db.auth_user.password.validate("testing-plain")[0])
answer = user_id
"""


@pytest.fixture(scope="session")
def site(site_factory: Callable[..., Any]) -> Iterator[Any]:
    made = site_factory("pages", sync={"retries": 0})
    made.shell(MAKE_USER)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def admin(site: Any) -> Visitor:
    return Visitor(site).login(*ADMIN)


@pytest.fixture
def repository(admin: Visitor) -> int:
    """A repository of its own for a test."""
    return new(admin)


@pytest.fixture
def furnished(site: Any, admin: Visitor, repository: int) -> int:
    """A repository with everything, for a test that changes it."""
    return furnish(site, admin, repository)


@pytest.fixture(scope="session")
def shared(site: Any, admin: Visitor) -> int:
    """A repository with everything, for tests that change nothing."""
    return furnish(site, admin, new(admin))
