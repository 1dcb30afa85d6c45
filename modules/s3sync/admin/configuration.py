"""Synchronization Settings: who this site is, and how it reaches others."""
from __future__ import annotations

from typing import Any

from .. import tables
from .fields import Input
from .form import Form, refuse_other_posts
from .page import SUCCESS, Page
from .secret import problem, readable, shown_proxy, stored_proxy
from .urls import proxy_url


def page(app: Any) -> dict[str, Any]:
    """Show the UUID, change the default proxy server."""
    this = Page(app)
    T, db, vault = this.T, this.db, app.vault
    # Eden's menu links to config/1/update
    if this.args and not (len(this.args) <= 2 and this.args[0].isdigit() and this.args[1:] in ([], ["update"])):
        this.not_found()
    uuid = tables.site_uuid(db)
    row = db(db.sync_config.uuid == uuid).select().first()
    form = Form(this, "sync_config", [
        Input("proxy", T("Proxy Server URL"), shown_proxy(vault, row.proxy),
              help=T("Needed only where this site must use a proxy server to reach the repositories: its complete URL, "
                     "with port, like http://proxy.example.org:3128. User name and password may be part of it: "
                     "http://user:password@proxy.example.org:3128. A stored password is shown as ***."),
              check=lambda text: proxy_url(text, readable(vault, row.proxy), T))])
    if form.accepts():
        row.update_record(proxy=stored_proxy(vault, form.values["proxy"]))
        this.message(T("The settings have been saved."), SUCCESS)
        this.go(this.url("config"))
    refuse_other_posts(this, form)
    this.crumb(T("Settings"))
    return this.view("config", T("Synchronization Settings"), form=form, uuid=uuid, problem=problem(vault, row.proxy))
