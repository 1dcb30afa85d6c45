"""The tables Eden does not have: what is known of records, of peers, of runs.

None of them has Eden's meta fields: they are never synchronised. Times are naive UTC, as everywhere in the database.
"""
from __future__ import annotations

from functools import cache
from typing import Any, Mapping

from pydal.objects import Field

#: (table, columns, unique): created by `s3sync.tables.ensure_indices`
INDICES: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("sync_version", ("tablename", "record_uuid"), True),
    ("sync_version", ("tablename", "seq"), False),
    ("sync_clock", ("tablename",), True),
    ("sync_cursor", ("repository_uuid", "task_id", "direction", "tablename"), True),
    ("sync_agreed", ("repository_id", "tablename", "record_uuid"), True),
    ("sync_waiting", ("tablename", "record_uuid", "fieldname", "target_uuid"), True),
    ("sync_waiting", ("target_table", "target_uuid"), False),
    ("sync_alias", ("tablename", "remote_uuid"), True),
    ("sync_alias", ("tablename", "record_uuid"), False),
    ("sync_file", ("tablename", "fieldname", "name"), True),
    ("sync_file", ("tablename", "fieldname", "digest"), False),
    ("sync_quarantine", ("repository_id", "direction", "tablename", "record_uuid"), True),
    ("sync_conflict", ("tablename", "record_uuid"), False),
    ("sync_run", ("repository_id", "started_on"), False),
    ("sync_run_task", ("run_id",), False),
    ("sync_lease", ("name",), True),
    ("sync_backoff", ("repository_id",), True),
    ("sync_pact", ("peer_uuid",), True),
    ("sync_account", ("peer_uuid",), True),
    ("sync_queue", ("repository_id", "task_id", "direction", "tablename", "record_uuid"), True),
)


def define(db: Any) -> None:
    """Define s3sync's own tables on `db` (idempotent)."""

    def table(name: str, *fields: Any) -> None:
        if name in db.tables:
            return
        # some databases have a function of that name (POSITION); as a column's name it is good, being quoted everywhere
        checked, db._check_reserved = db._check_reserved, None
        try:
            db.define_table(name, *fields)
        finally:
            db._check_reserved = checked

    # One row per record of a synchronised table: which edits its present state contains.
    table("sync_version",
          Field("tablename", length=64, notnull=True),
          Field("record_uuid", length=128, notnull=True),
          Field("digest", length=32),                 # of the row as stored here
          Field("vector", "text"),                    # "site:counter,…", s3sync.index.vector
          Field("seq", "bigint"),                     # this site's own, grows in commit order per table
          Field("origin", length=64),                 # uuid of the repository it came from, None = edited here
          Field("modified_on", "datetime"))           # of the row, when last looked at
    # One row per synchronised table: its sequence and how far its rows have been looked at.
    table("sync_clock",
          Field("tablename", length=64, notnull=True),
          Field("seq", "bigint", default=0),
          Field("epoch", length=16),                  # changes when the index was lost: cursors of before are void
          Field("scanned_on", "datetime"),            # rows modified before this have been seen
          Field("swept_on", "datetime"),              # all rows were compared with the index
          Field("deep_on", "datetime"),               # the same, by their values, whatever modified_on says
          Field("started_on", "datetime"),            # when the scan that is not finished began
          Field("position", "bigint"),                # id it has reached
          Field("position_on", "datetime"))           # modified_on it has reached, if it goes by that
    # How far a peer has got: what we pulled from it, pushed to it.
    table("sync_cursor",
          Field("repository_uuid", length=128, notnull=True),
          Field("task_id", "integer", default=0),
          Field("direction", length=8, notnull=True),     # pull, push
          Field("tablename", length=64, notnull=True),
          Field("position", length=64),                   # the sender's, opaque to the receiver
          Field("scope", length=32))                      # digest of the filters the cursor was reached with
    # What a plain Eden peer and this site last agreed on, record by record.
    table("sync_agreed",
          Field("repository_id", "integer", notnull=True),
          Field("tablename", length=64, notnull=True),
          Field("record_uuid", length=128, notnull=True),
          Field("local_digest", length=32),
          Field("remote_digest", length=32),
          Field("sent_on", "datetime"),               # the modified_on it has if its last writer was this site
          Field("sent_digest", length=32),            # of our row when it was written there
          Field("sent_vector", "text"),               # of the version that was
          Field("seen_on", "datetime"),               # the modified_on it had when it was last seen
          Field("past", "text"),                      # beginnings of the digests it had before
          Field("vector", "text"))
    # References whose target has not arrived yet, and files that did not come with their record.
    table("sync_waiting",
          Field("tablename", length=64, notnull=True),
          Field("record_uuid", length=128, notnull=True),
          Field("fieldname", length=64, notnull=True),
          Field("target_table", length=64, notnull=True),     # "file:" for a file
          Field("target_uuid", length=128, notnull=True),     # its digest
          Field("repository_id", "integer"),
          Field("since", "datetime"),
          Field("attempts", "integer"),                       # to get the file
          Field("next_on", "datetime"),                       # when to ask for it again
          Field("filename", length=255),                      # its original name
          Field("error", "text"))                             # why it could not be had
    # Other uuids under which a record of this site is known elsewhere.
    table("sync_alias",
          Field("tablename", length=64, notnull=True),
          Field("remote_uuid", length=128, notnull=True),
          Field("record_uuid", length=128, notnull=True))
    # Content of files in upload fields, here and at peers.
    table("sync_file",
          Field("tablename", length=64, notnull=True),
          Field("fieldname", length=64, notnull=True),
          Field("name", length=512, notnull=True),        # as pyDAL stored it, at whichever site
          Field("digest", length=32),
          Field("is_local", "boolean"))                   # stored here
    # Records that were rejected, with everything needed to try again.
    table("sync_quarantine",
          Field("repository_id", "integer", notnull=True),
          Field("task_id", "integer"),
          Field("direction", length=8, notnull=True),     # pull (rejected here), push (rejected by the peer)
          Field("tablename", length=64, notnull=True),
          Field("record_uuid", length=128, notnull=True),
          Field("xml", "text"),
          Field("code", length=32),
          Field("error", "text"),
          Field("attempts", "integer", default=1),
          Field("first_on", "datetime"),
          Field("last_on", "datetime"),
          Field("next_on", "datetime"),
          Field("status", length=16, default="open"))     # open, dismissed
    # Records changed on both sides, both versions kept.
    table("sync_conflict",
          Field("repository_id", "integer"),
          Field("task_id", "integer"),
          Field("tablename", length=64, notnull=True),
          Field("record_uuid", length=128, notnull=True),
          Field("mine", "text"),                          # JSON of the canonical values
          Field("theirs", "text"),
          Field("mine_vector", "text"),
          Field("theirs_vector", "text"),
          Field("mine_modified_on", "datetime"),
          Field("theirs_modified_on", "datetime"),
          Field("policy", length=16),
          Field("winner", length=8),                      # mine, theirs
          Field("status", length=16, default="settled"),  # settled (by policy), open, resolved (by a person)
          Field("author", length=64),                     # of a deletion that took the record along: its name in vectors
          Field("found_on", "datetime"),
          Field("decided_on", "datetime"),                # by a person, here or (nobody known) at another site
          Field("decided_by", "integer"))
    # One row per run of a repository.
    table("sync_run",
          Field("repository_id", "integer", notnull=True),
          Field("trigger", length=16, default="scheduled", rname="run_trigger"),   # scheduled, manual; reserved word
          Field("user_id", "integer"),
          Field("worker", length=128),
          Field("status", length=16, default="running"),  # running, success, warning, error, interrupted
          Field("phase", length=32),                      # connecting, pulling, pushing, stopping, finished
          Field("message", "text"),
          Field("error_code", length=32),
          Field("started_on", "datetime"),
          Field("heartbeat_on", "datetime"),
          Field("finished_on", "datetime"))
    # One row per task and direction in a run; counts are of records and grow with each committed batch.
    table("sync_run_task",
          Field("run_id", "integer", notnull=True),
          Field("task_id", "integer"),
          Field("resource_name", length=64),
          Field("direction", length=8),                   # pull, push
          Field("status", length=16, default="waiting"),  # waiting, running, success, warning, error, interrupted
          Field("worker", length=128),                    # who works on it, where several share a run
          Field("error_code", length=32),                 # of what ended it early
          Field("total", "integer"),                      # records expected, when known
          Field("records", "integer", default=0),         # records transferred
          Field("created", "integer", default=0),
          Field("updated", "integer", default=0),
          Field("deleted", "integer", default=0),
          Field("merged", "integer", default=0),
          Field("unchanged", "integer", default=0),
          Field("kept", "integer", default=0),            # refused by the task's policy or strategy
          Field("waiting", "integer", default=0),         # stored, a reference waits for its target
          Field("conflicts", "integer", default=0),
          Field("rejected", "integer", default=0),
          Field("bytes", "bigint", default=0),            # on the wire, compressed
          Field("seconds", "double", default=0.0),
          Field("message", "text"),
          Field("started_on", "datetime"),
          Field("finished_on", "datetime"))
    # A row while the schedules of all repositories are paused.
    table("sync_pause",
          Field("since", "datetime"),
          Field("user_id", "integer"))
    # Who is working on what: at most one run per repository at a time.
    table("sync_lease",
          Field("name", length=64, notnull=True),
          Field("owner", length=128),
          Field("expires_on", "datetime"))
    # Repositories whose last run has failed: when they are tried again.
    table("sync_backoff",
          Field("repository_id", "integer", notnull=True),
          Field("failures", "integer", default=0),        # runs in a row
          Field("first_on", "datetime"),
          Field("failed_on", "datetime"),
          Field("next_on", "datetime"),                   # scheduled runs before this do nothing
          Field("code", length=32),
          Field("message", "text"),
          Field("final", "boolean", default=False),       # somebody has to do something
          Field("config", length=32))                     # digest of the configuration that failed
    # Records that the next run is to move, whatever the cursors say.
    table("sync_queue",
          Field("repository_id", "integer", notnull=True),
          Field("task_id", "integer", notnull=True),
          Field("direction", length=8, notnull=True),     # pull, push
          Field("tablename", length=64, notnull=True),
          Field("record_uuid", length=128, notnull=True),
          Field("queued_on", "datetime"))
    # The last contact with each peer, by which both notice if one was put back to an earlier state.
    table("sync_pact",
          Field("peer_uuid", length=128, notnull=True),
          Field("number", "integer", default=0),          # grows with each contact
          Field("token", length=16),                      # random, of that contact
          Field("pending", length=16),                    # proposed by this site, not answered yet
          Field("previous", length=16),                   # may be the last one to the peer
          Field("told", "text"),                          # JSON: the sequence number of each table at that time
          Field("healed", "boolean", default=False))      # that this site was put back was noticed through another peer
    # The account with which a peer has first named its UUID; others may not.
    table("sync_account",
          Field("peer_uuid", length=128, notnull=True),
          Field("user_id", "integer"),
          Field("first_on", "datetime"),
          Field("refused_id", "integer"),                 # who tried last, and was refused
          Field("refused_on", "datetime"))


class _Definitions:
    """What `define` says, where there is no need of a DAL."""

    tables = ()
    _check_reserved = None

    def __init__(self) -> None:
        self.types: dict[str, dict[str, str]] = {}

    def define_table(self, name: str, *fields: Any) -> None:
        self.types[name] = {field.name: field.type for field in fields}


@cache
def types(name: str) -> Mapping[str, str]:
    """pyDAL's types of a table's columns; of one that is not s3sync's own, none. A web request does not define these tables."""
    definitions = _Definitions()
    define(definitions)
    return definitions.types.get(name, {})
