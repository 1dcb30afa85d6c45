# -*- coding: utf-8 -*-
"""The database, the users and the fields that every table has."""
import datetime
import os
import uuid

from gluon import current
from gluon.storage import Storage
from gluon.tools import Auth
from pydal import DAL, Field, SQLCustomType


def sqlite_settings(adapter):
    """Readers and one writer at a time, without getting into each other's way."""
    adapter.execute("PRAGMA journal_mode=WAL;")
    adapter.execute("PRAGMA synchronous=NORMAL;")


os.makedirs(os.path.join(request.folder, "databases"), exist_ok=True)
is_sqlite = deployment_settings.database.startswith("sqlite")
db = DAL(
    deployment_settings.database,
    pool_size=0 if is_sqlite else 5,
    migrate=deployment_settings.base.migrate,
    check_reserved=None,
    driver_args={"timeout": 60} if is_sqlite else {},
    after_connection=sqlite_settings if is_sqlite else None,
)
current.db = db

auth = Auth(db, controller="default", function="user", host_names=None, hmac_key=Auth.get_or_create_key())
auth.settings.allow_basic_login = True
auth.settings.create_user_groups = None
auth.settings.actions_disabled = ["register", "request_reset_password", "retrieve_username", "impersonate"]
auth.settings.logout_next = URL("default", "index")
auth.define_tables(username=False, signature=False, migrate=deployment_settings.base.migrate)
current.auth = auth

ADMIN = 1     # Administrator: the role with this id may do everything
is_admin = bool(auth.user) and auth.has_membership(ADMIN, auth.user_id)


def new_uuid(value):
    """A URN for a record without one."""
    return uuid.uuid4().urn if value in ("", None) else str(value)


s3uuid = SQLCustomType(type="string", native="VARCHAR(128)", encoder=new_uuid, decoder=lambda value: value)


def utcnow():
    """Naive UTC to the second, as all times in the database."""
    return datetime.datetime.utcnow().replace(microsecond=0)


def meta_fields():
    """The fields Eden's tables have besides their own, in its order."""
    user = auth.user_id or None

    def hidden(name, type, **options):
        return Field(name, type, readable=False, writable=False, **options)

    return [
        hidden("uuid", s3uuid, length=128, notnull=True, unique=True, default=""),
        hidden("mci", "integer", default=0),
        hidden("deleted", "boolean", default=False),
        hidden("deleted_fk", "string"),
        hidden("deleted_rb", "integer"),
        hidden("created_on", "datetime", default=utcnow),
        hidden("created_by", "reference auth_user", default=user, ondelete="RESTRICT", requires=None),
        hidden("modified_on", "datetime", default=utcnow, update=utcnow),
        hidden("modified_by", "reference auth_user", default=user, update=user, ondelete="RESTRICT", requires=None),
        hidden("approved_by", "integer"),
        hidden("owned_by_user", "reference auth_user", default=user, ondelete="RESTRICT", requires=None),
        hidden("owned_by_group", "integer"),
        hidden("realm_entity", "integer"),
    ]
