"""References whose target has not arrived yet."""
from __future__ import annotations

from typing import Any

from ..engine import waiting
from .page import Page
from .pager import listing
from .scope import Scope


def page(app: Any) -> dict[str, Any]:
    """Answer ``sync/waiting``."""
    this = Page(app)
    if this.args:
        this.not_found()
    this.crumb(this.T("Waiting References"))
    scope = Scope(this, "waiting", {})
    pager = listing(lambda limit, offset: waiting.listed(this.site, scope.repository_id, limit, offset), this.number("page"),
                    scope.page_address)
    return this.view("waiting", this.T("Waiting References"), scope=scope, pager=pager, names=scope.names(pager.rows))
