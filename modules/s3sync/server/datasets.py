"""Answering a peer that asks for the data sets of this site (SYNC_PROTOCOL §3.5)."""
from __future__ import annotations

from io import BytesIO

from ..engine.site import Site
from ..errors import NotPermitted
from ..hosts.query import to_query
from ..hosts.table import TableMap, schema_of
from ..s3xml.record import Record
from ..s3xml.writer import DocumentWriter, Encoder
from .request import Request, Response

TABLE = "sync_dataset"


def answer(site: Site, request: Request) -> Response:
    """The data sets hosted here, as S3XML; a filter such as ``~.code=X`` chooses among them. Never those of other sites."""
    if not site.host.can("read", TABLE):
        raise NotPermitted(f"read {TABLE}")
    dal = site.db.dal
    table = dal[TABLE]
    query = (table.deleted == False) & (table.repository_id == None)  # noqa: E711,E712 - SQL
    for key, value in request.params.items():
        if "." in key and not key.startswith("_"):
            for one in value if isinstance(value, list) else [value]:
                query &= to_query(dal, TABLE, f"{key}={one}", lambda name: ())
    found = TableMap(site.db, table, schema_of(table, lambda name: False), frozenset())
    encoder = Encoder(found.schema, plain=True)
    records = [Record(TABLE, row.uuid, row.values, created_on=row.created_on, modified_on=row.modified_on, mci=row.mci + 1)
               for row in found.select(str(query))]
    root = {"success": "true" if records else "false", "results": str(len(records)), "domain": site.host.domain or None,
            "url": site.host.base_url or None}
    target = BytesIO()
    with DocumentWriter(target, root) as document:
        for record in records:
            document.write(encoder.encode(record))
    return Response(content_type="text/xml", body=target.getvalue())
