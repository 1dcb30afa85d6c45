# -*- coding: utf-8 -*-
"""What a deployment may set. Values in private/site.json and in the environment come first."""
import json
import os
from collections import OrderedDict

from gluon.storage import Storage

deployment_settings = Storage()


def read_site_file():
    """This site's own settings: {"system_name": …, "public_url": …, "database": …, "migrate": …, "sync": {…}}, all optional."""
    path = os.path.join(request.folder, "private", "site.json")
    if not os.path.exists(path):
        return Storage()
    with open(path, encoding="utf-8") as source:
        return Storage(json.load(source))


site_file = read_site_file()

deployment_settings.base = Storage(
    system_name=site_file.system_name or "Sahana Eden",
    system_role=site_file.system_role or "",
    public_url=site_file.public_url or "http://127.0.0.1:8000",
    migrate=site_file.migrate is not False,      # False in production, once the tables are there
)
deployment_settings.database = os.environ.get("EDEN_DATABASE_URI") or site_file.database or "sqlite://storage.db"

# Settings of the synchronization, by the names in s3sync.settings
deployment_settings.sync = Storage(site_file.sync or {})

deployment_settings.modules = OrderedDict([
    ("default", Storage(
        name_nice=T("Home"),
        restricted=False,
        access=None,
        module_type=0,
    )),
    ("admin", Storage(
        name_nice=T("Administration"),
        description=T("Site Administration"),
        restricted=True,
        access="|1|",
        module_type=0,
    )),
    ("sync", Storage(
        name_nice=T("Synchronization"),
        description=T("Synchronization"),
        restricted=True,
        access="|1|",     # Only Administrators can see this module in the default menu & access the controller
        module_type=0,    # This item is handled separately for the menu
    )),
    ("gis", Storage(
        name_nice=T("Locations"),
        restricted=True,
        module_type=1,
    )),
    ("org", Storage(
        name_nice=T("Organizations"),
        restricted=True,
        module_type=1,
    )),
    ("transport", Storage(
        name_nice=T("Transport"),
        restricted=True,
        module_type=1,
    )),
])
