"""The homepage of the module: where to go, and how things stand."""
from __future__ import annotations

from typing import Any

from . import standing
from .page import Page


def page(app: Any) -> dict[str, Any]:
    """Settings, repositories, log; the state of each repository and of the worker."""
    this = Page(app)
    if this.args:
        this.not_found()
    repository = this.db.sync_repository
    rows = this.db(repository.deleted != True).select(orderby=repository.name)  # noqa: E712
    return this.view("index", this.T("Synchronization"), repositories=rows,
                     standing=standing.of(this, rows),
                     worker_alive=app.worker_alive())
