"""Answering a peer that registers itself (SYNC_PROTOCOL §3.4)."""
from __future__ import annotations

import json
from typing import Any

from ..engine import log
from ..engine.site import Site
from ..errors import BadRequest
from . import account
from .request import Request, Response, message

LONGEST_BODY = 65536


def answer(site: Site, request: Request) -> Response:
    """Note the caller's identity. A new repository may not push until an administrator accepts it."""
    body = request.body.read(LONGEST_BODY) if request.body is not None else b""
    if not body.strip():
        raise BadRequest("Missing parameters")
    try:
        given = json.loads(body)
    except ValueError as error:
        raise BadRequest(f"Invalid parameters: {error}") from error
    given = given if isinstance(given, dict) else {}
    uuid = given.get("uuid")
    if not isinstance(uuid, str) or not uuid.strip() or len(uuid) > 128:
        return _said(site, None, False, "No repository identifier specified")
    if uuid == site.host.site_uuid:
        return _said(site, None, False, "Registration failed: this is the identifier of this very site")
    account.check(site, uuid.strip(), keep=False)
    name = given.get("name")
    return _store(site, uuid.strip(), name.strip()[:64] if isinstance(name, str) else "")


def _store(site: Site, uuid: str, name: str) -> Response:
    table = site.db.dal.sync_repository
    row = site.db.dal(table.uuid == uuid).select(table.id, table.name, table.deleted).first()
    values: dict[str, Any] = {"apitype": "eden"}
    if name and (row is None or row.deleted or not row.name):
        values["name"] = name                   # what an administrator called it stays
    if row is None:
        number = table.insert(uuid=uuid, **{"name": uuid[:64], **values})
        return _said(site, int(number), True, "Registration successful")
    if row.deleted:
        values["deleted"] = False
        values["accept_push"] = False           # an administrator removed it: it has to be accepted again
    site.db.dal(table.id == row.id).update(**values)
    return _said(site, int(row.id), True, "Registration update successful")


def _said(site: Site, number: int | None, ok: bool, text: str) -> Response:
    log.write(site, number, "none", "register", "incoming", "none", "success" if ok else "error", text)
    site.db.commit()
    return Response(body=message("success" if ok else "failed", 200 if ok else 400, text, sender=site.host.site_uuid))
