"""Dry run: what a synchronization would do, with nothing written here or at the repository."""
from __future__ import annotations

from typing import Any

from . import run
from .look import MOST, Look
from .page import Page
from .tabs import tabs

#: badges of what would become of a record
KINDS = {"created": "success", "updated": "info", "deleted": "warning", "merged": "info", "kept": "none", "rejected": "error"}


def page(this: Page, repository: Any) -> dict[str, Any]:
    """Answer ``repository/<id>/plan``."""
    T = this.T
    if len(this.args) > 2:
        this.not_found()
    look = Look(this, repository, "plan", T("Start the dry run"), this.app.plan)
    look.start()
    this.crumb(T("Dry Run"))
    steps = look.found.steps if look.found else []
    part, pager = look.part(steps, "records")
    return this.view("plan", repository.name, repository=repository, tabs=tabs(this, repository, "task"), look=look, steps=steps,
                     part=part, pager=pager, kinds=KINDS, words=results(this), most=MOST,
                     directions={"pull": T("here"), "push": T("at the repository")}, columns=columns(this, steps))


def results(this: Page) -> dict[str, Any]:
    """What would become of a record."""
    T = this.T
    return {"created": T("would be created"), "updated": T("would be updated"), "deleted": T("would be deleted"),
            "merged": T("would be merged"), "kept": T("would be left as it is"), "rejected": T("would be rejected"),
            "unchanged": T("would stay the same")}


def columns(this: Page, steps: Any) -> list[tuple[str, Any]]:
    """Counts that are shown: name, heading. The first ones always, the others where there is something to tell."""
    names = dict(run.columns(this))
    return [(name, names[name]) for name in run.COUNTS
            if name in run.ALWAYS or any(getattr(step.counts, name) for step in steps)]
