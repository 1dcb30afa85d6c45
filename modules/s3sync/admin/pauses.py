"""Pause everything: no job of any repository runs until it is resumed."""
from __future__ import annotations

from typing import Any

from ..engine import pause
from ..tables import eden
from .form import Form, refuse_other_posts
from .page import SUCCESS, Page


def page(app: Any) -> dict[str, Any]:
    """Answer ``sync/pause``: ask whether to pause, or to resume what is paused."""
    this = Page(app)
    T, db = this.T, this.db
    if this.args:
        this.not_found()
    home = this.url("index")
    paused = pause.since(db)
    if paused is None:
        form = Form(this, "sync_pause", submit=T("Pause everything"), cancel=home, dangerous=True)
        consequences = [T("The schedules of all repositories are paused until somebody resumes them."),
                        T("Runs of jobs that are going on now end after their present batch; the next ones go on from there."),
                        T("You can still synchronize by hand. Other sites can still exchange records with this one.")]
    else:
        form = Form(this, "sync_resume", submit=T("Resume everything"), cancel=home)
        consequences = [T("The jobs of all repositories run again at their times; what is overdue runs at once."),
                        T("Jobs that are paused one by one stay so.")]
    if form.accepts():
        if paused is None:
            pause.pause(db, eden.utcnow(), this.auth.user_id)
            this.message(T("Everything is paused."), SUCCESS)
        else:
            pause.resume(db)
            this.message(T("The schedules run again."), SUCCESS)
        this.go(home)
    refuse_other_posts(this, form)
    title = T("Pause Everything") if paused is None else T("Resume Everything")
    this.crumb(title)
    return this.view("confirm", title, form=form, consequences=consequences)
