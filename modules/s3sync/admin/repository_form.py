"""The form of a repository, and what saving it means."""
from __future__ import annotations

import re
import secrets
from typing import Any

from .. import tables
from ..engine.repository import UNKNOWN, load
from ..server import account
from .fields import Checkbox, Input
from .form import Form
from .page import Page
from .secret import readable, shown_proxy, stored_proxy
from .urls import proxy_url, repository_url

_BARE_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UUID = re.compile(r"[\w:.@/+=-]{8,128}", re.ASCII)


def fields(this: Page, row: Any) -> list[Input]:
    """The fields of the administrator's guide, filled from `row` (None: a new repository)."""
    T, vault = this.T, this.app.vault
    has_password = bool(row and row.password)
    found = [
        Input("name", T("Name"), row and row.name, required=True, length=64,
              help=T("A name for the repository, for your own reference.")),
        Input("url", T("URL"), row and row.url, check=lambda text: repository_url(text, T),
              help=T("The URL of the repository including its application, like https://sahana.example.org/eden. Leave "
                     "it empty for a repository that this site never contacts itself.")),
        Input("username", T("Username"), row and row.username, check=lambda text: _username(this, text),
              help=T("The user name, usually an e-mail address, with which this site logs in at the repository.")),
        Input("password", T("Password"), kind="password", autocomplete="new-password",
              help=T("A password is stored. Leave this empty to keep it.") if has_password else
              T("The password with which this site logs in at the repository. It is stored encrypted, never shown.")),
    ]
    if has_password:
        found.append(Checkbox("remove_password", T("Remove the stored password")))
    return [
        *found,
        Input("proxy", T("Proxy Server"), shown_proxy(vault, row.proxy) if row else "",
              check=lambda text: proxy_url(text, readable(vault, row.proxy) if row else "", T),
              help=T("The URL of a proxy server to reach the repository, if different from the Synchronization "
                     "Settings. User name and password may be part of it; a stored password is shown as ***.")),
        Checkbox("accept_push", T("Accept Pushes"), tables.accepts_push(row) if row else False,
                 help=T("The repository is allowed to push updates to this site.")),
        *_account(this, row),
        Input("uuid", T("UUID"), row and known_uuid(row), length=128, check=lambda text: _uuid(this, text),
              help=T("From the Synchronization Settings of the repository. Required if there is no URL; otherwise it "
                     "may be left empty: the repository is asked for it.")),
        Checkbox("synchronise_uuids", T("Synchronize UUIDs"), bool(row and row.synchronise_uuids),
                 help=T("Where both sites have the same record under different UUIDs, take over the repository's.")),
    ]


def _account(this: Page, row: Any) -> list[Input]:
    """The account that the repository comes with, if it has come; it can be released."""
    T = this.T
    known = account.account(this.app.site(), load(this.db, row.id)) if row else None
    if known is None:
        return []
    words = [str(T("It comes with the account %(user)s, which alone may use its UUID.", {"user": known.user}))]
    if known.refused_on:
        words.append(str(T("%(user)s was refused on %(when)s (UTC).", {"user": known.refused,
                                                                       "when": known.refused_on.isoformat(" ")[:16]})))
    words.append(str(T("If the account was changed, check this: whoever comes next with its UUID keeps it.")))
    return [Checkbox("forget_account", T("Let another account use it"), help=" ".join(words))]


def known_uuid(row: Any) -> str:
    """The repository's UUID, "" as long as it has not told it."""
    return "" if row.uuid.startswith(UNKNOWN) else str(row.uuid)


def _uuid(this: Page, text: str) -> str:
    """A repository's identity as it is stored; raises ValueError."""
    T = this.T
    if _BARE_UUID.fullmatch(text):
        text = f"urn:uuid:{text}"
    if not _UUID.fullmatch(text):
        raise ValueError(str(T("This is no UUID. It looks like urn:uuid:0c1a9f0e-… and stands in the Synchronization "
                               "Settings of the repository.")))
    if text == tables.site_uuid(this.db):
        raise ValueError(str(T("This is the UUID of this site itself. Enter the one of the repository.")))
    return text


def _username(this: Page, text: str) -> str:
    """A user name that HTTP Basic can carry; raises ValueError."""
    if ":" in text:
        raise ValueError(str(this.T("A user name with a colon cannot be used.")))
    return text


def save(this: Page, row: Any, form: Form) -> int | None:
    """Store what an accepted form holds; returns the repository's id, or None with errors set in the form."""
    T, db, vault = this.T, this.db, this.app.vault
    table = db.sync_repository
    given = form.values
    others = (table.id != row.id) if row else (table.id > 0)
    present = others & (table.deleted != True)  # noqa: E712
    if not given["url"] and not given["uuid"]:
        form.reject("uuid", T("Enter the UUID of the repository: without a URL there is no other way to know it."))
    if given["url"] and not db(present & (table.url == given["url"])).isempty():
        form.reject("url", T("There is another repository with this URL."))
    if given["uuid"]:
        namesake = db(present & (table.uuid == given["uuid"])).select(table.name).first()
        if namesake:
            form.reject("uuid", T("The repository %(name)s has this UUID.", {"name": namesake.name}))
    if given["password"] and given.get("remove_password"):
        form.reject("password", T("Enter a new password or remove the stored one, not both."))
    if form.errors:
        return None
    values = {name: given[name] for name in ("name", "url", "username", "accept_push", "synchronise_uuids")}
    values["proxy"] = stored_proxy(vault, given["proxy"])
    if given["password"]:
        values["password"] = vault.encrypt(given["password"])
    elif given.get("remove_password"):
        values["password"] = None
    if given["uuid"]:
        # a deleted repository still holds its UUID, which may exist only once
        db((table.deleted == True) & (table.uuid == given["uuid"])).update(uuid="")  # noqa: E712
        values["uuid"] = given["uuid"]
    elif not row:
        values["uuid"] = f"{UNKNOWN}{secrets.token_hex(8)}"
    if row:
        if given.get("forget_account"):
            account.forget(this.app.site(), load(db, row.id))
        row.update_record(**values)
        return int(row.id)
    return int(table.insert(**values))
