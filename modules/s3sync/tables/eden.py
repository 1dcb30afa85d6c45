"""Eden's own `sync_*` tables, column for column, so that a deployment keeps its data when s3sync takes over.

PostgreSQL drops a column that a definition leaves out and rewrites one whose length differs: types, lengths and
constraints here are Eden's and stay so. The only additions are the last columns of ``sync_repository``.
"""
from __future__ import annotations

import datetime
import json
import os
import uuid
from typing import Any, Callable, Collection

from pydal.helpers.classes import SQLCustomType
from pydal.objects import Field

#: What may happen to records (``sync_task.strategy``), in Eden's order
STRATEGIES = ("create", "update", "delete", "merge")

#: the tables that answering a peer takes, beside the one that is asked for; what else is read there is read without pyDAL
ANSWERING = ("sync_config", "sync_repository", "sync_log")

#: the tables, in the order in which they are defined
TABLES = ("sync_config", "sync_status", "sync_repository", "sync_dataset", "sync_dataset_archive", "sync_task",
          "sync_resource_filter", "sync_job", "sync_log")

#: those that refer to the scheduler's
SCHEDULED = ("sync_dataset_archive", "sync_job")

#: ``sync_task.mode``
PULL, PUSH, PULL_AND_PUSH, NONE = 1, 2, 3, 4

#: ``sync_task.update_policy`` and ``.conflict_policy``
POLICIES = ("NEWER", "MASTER", "OTHER", "THIS")

#: ``sync_task.conflict_policy``; ASK, which leaves it to a person, is ours
CONFLICT_POLICIES = (*POLICIES, "ASK")


def utcnow() -> datetime.datetime:
    """The present time as stored in the database: naive UTC, to the second."""
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None, microsecond=0)


def encode_uuid(value: Any) -> str:
    """What is stored for a uuid: an empty one becomes a new random URN."""
    return uuid.uuid4().urn if value == "" else str(value)


#: A record's global identity. Eden creates it in the type itself, so that an insert from anywhere has one.
UUID = SQLCustomType(type="string", native="VARCHAR(128)", encoder=encode_uuid, decoder=lambda value: value)


def meta_fields(db: Any, user_id: Callable[[], int | None] | None = None, auth_user: bool = True) -> list[Field]:
    """Eden's meta fields, in Eden's order; `user_id` tells who is logged in."""
    user_type = "reference auth_user" if auth_user and "auth_user" in db.tables else "integer"

    def user(name: str, **more: Any) -> Field:
        return Field(name, user_type, default=user_id, ondelete="RESTRICT", requires=None, represent=None, **more)

    fields = [
        Field("uuid", UUID, length=128, notnull=True, unique=True, default=""),
        Field("mci", "integer", default=0),
        Field("deleted", "boolean", default=False),
        Field("deleted_fk", default=None),
        Field("deleted_rb", "integer", default=None),
        Field("created_on", "datetime", default=utcnow),
        user("created_by"),
        Field("modified_on", "datetime", default=utcnow, update=utcnow),
        user("modified_by", update=user_id),
        Field("approved_by", "integer", default=None),
        user("owned_by_user"),
        Field("owned_by_group", "integer", default=None),
        Field("realm_entity", "integer", default=None),
    ]
    for field in fields:
        field.readable = field.writable = False
    return fields


def define(db: Any, T: Callable[[str], Any] | None = None, user_id: Callable[[], int | None] | None = None,
           auth_user: bool = True, only: Collection[str] = TABLES, migrate: bool = True) -> None:
    """Define Eden's `sync_*` tables on `db` (idempotent).

    Parameters
    ----------
    db : a pyDAL connection. References to ``auth_user`` and ``scheduler_task`` are made if it has these tables by
        now, else the columns are plain integers.
    T : translates labels
    user_id : who is logged in, for the columns that record it
    auth_user : False = never refer to ``auth_user``
    only : names of the tables to define
    migrate : False = they exist in the database and are as they are defined here, and no form is made of them
    """
    text: Callable[[str], Any] = T or str
    scheduler_task = "reference scheduler_task" if "scheduler_task" in db.tables else "integer"
    folder = getattr(db._adapter, "folder", None)
    uploads = os.path.join(os.path.dirname(os.path.abspath(folder)), "uploads", "datasets") if folder else None

    def table(name: str, *fields: Field, meta: bool = True) -> None:
        if name not in only or name in db.tables:
            return
        columns = [*fields, *(meta_fields(db, user_id, auth_user) if meta else ())]
        if migrate:
            db.define_table(name, *columns)
            return
        for column in columns:          # nobody is shown a form: validators take pyDAL as long to make as the rest
            column.requires = None
        db.define_table(name, *columns, migrate=False)

    def secret(name: str, label: str) -> Field:
        # newer pyDAL hashes password fields unless told otherwise, and a hash cannot be sent to a peer
        return Field(name, "password", default=None, requires=[], readable=False, label=text(label))

    table("sync_config",
          Field("proxy", default=None, label=text("Proxy Server URL")))

    table("sync_status",
          Field("running", "boolean", default=False),
          Field("manual", "boolean", default=False),
          Field("timestmp", "datetime", default=None),
          meta=False)

    table("sync_repository",
          Field("name", length=64, notnull=True, label=text("Name")),
          Field("apitype", default="eden"),
          Field("backend", default="eden"),
          Field("url", default=None, label=text("URL")),
          Field("path", default=None),
          Field("username", default=None, label=text("Username")),
          secret("password", "Password"),
          Field("client_id", default=None),
          secret("client_secret", "Client Secret"),
          Field("site_key", default=None, readable=False),
          Field("refresh_token", default=None, readable=False, writable=False),
          Field("proxy", default=None, label=text("Proxy Server")),
          Field("last_status", default=None, readable=False, writable=False),
          Field("synchronise_uuids", "boolean", default=False, label=text("Synchronize UUIDs")),
          Field("keep_source", "boolean", default=False),
          Field("last_connected", "datetime", default=None, writable=False, label=text("Last connected")),
          Field("last_refresh", "datetime", default=None, readable=False, writable=False),
          # ours; Eden rows from before have NULL, see accepts_push
          Field("accept_push", "boolean", default=False, label=text("Accept Pushes")),
          Field("allowed_hours", default=None, label=text("Allowed Hours")),      # s3sync.hours; None = at any time
          Field("bandwidth", "integer", default=None, label=text("Bandwidth")))     # kB/s; None = no limit

    table("sync_dataset",
          Field("repository_id", "reference sync_repository", default=None),
          Field("code", length=64, default=None),
          Field("name", default=None),
          Field("archive_url", default=None),
          Field("use_archive", "boolean", default=False),
          Field("comments", "text", default=None))

    table("sync_dataset_archive",
          Field("dataset_id", "reference sync_dataset", default=None),
          Field("date", "date", default=None, writable=False),
          Field("archive", "upload", default=None, autodelete=True, uploadfolder=uploads),
          Field("scheduler_task_id", scheduler_task, default=None, ondelete="CASCADE"),
          Field("comments", "text", default=None))

    table("sync_task",
          Field("repository_id", "reference sync_repository", default=None),
          Field("dataset_id", "reference sync_dataset", default=None),
          Field("resource_name", notnull=True, label=text("Resource Name")),
          Field("components", "boolean", default=False, label=text("Include Components?")),
          Field("infile_pattern", default=None),
          Field("delete_input_files", "boolean", default=False),
          Field("outfile_pattern", default=None),
          Field("human_readable", "boolean", default=False),
          Field("representation", default=None),
          Field("multiple_file", "boolean", default=False),
          Field("last_pull", "datetime", default=None, writable=False, label=text("Last pull on")),
          Field("last_push", "datetime", default=None, writable=False, label=text("Last push on")),
          Field("mode", "integer", default=PULL_AND_PUSH, label=text("Mode")),
          Field("strategy", "list:string", default=list(STRATEGIES), label=text("Strategy")),
          Field("update_method", "integer", default=1),
          Field("update_policy", default="NEWER", label=text("Update Policy")),
          Field("conflict_policy", default="NEWER", label=text("Conflict Policy")))

    table("sync_resource_filter",
          Field("task_id", "reference sync_task", default=None),
          Field("tablename", default=None, label=text("Table")),
          Field("filter_string", default=None, label=text("Filter")))

    table("sync_job",
          Field("repository_id", "reference sync_repository", default=None),
          Field("scheduler_task_id", scheduler_task, default=None, ondelete="CASCADE"))

    table("sync_log",
          Field("timestmp", "datetime", default=None, label=text("Date/Time")),
          Field("repository_id", "reference sync_repository", default=None, label=text("Repository")),
          Field("resource_name", default=None, label=text("Resource Name")),
          Field("mode", default=None, label=text("Mode")),
          Field("action", default=None, label=text("Action")),
          Field("result", default=None, label=text("Result")),
          Field("remote", "boolean", default=False, label=text("Remote Error")),
          Field("message", "text", default=None, label=text("Message")))


def accepts_push(row: Any) -> bool:
    """May this repository push updates to us? A row from before the column existed (NULL) may."""
    return row["accept_push"] is not False


def mark_deleted(db: Any, tablename: str, query: Any) -> int:
    """Delete rows the way Eden does, keeping them as tombstones; returns their number.

    ``deleted_fk`` remembers the references, which are then emptied, so that nothing points at the rows' targets.
    """
    table = db[tablename]
    owners = ("created_by", "modified_by", "owned_by_user")
    links = [name for name in table.fields if str(table[name].type).startswith("reference")]
    count = 0
    for row in db(query).select(table.id, *[table[name] for name in links]):
        known = {name: int(row[name]) for name in links if row[name]}
        values = {name: None for name in links if name not in owners}
        count += db(table.id == row.id).update(deleted=True, deleted_fk=json.dumps(known), **values)
    return count
