"""Synchronization: the administrator's pages, and what peers call."""

if "s3sync_app" not in globals():       # models/sync.py: the deployment has no "sync" module
    raise HTTP(404, T("Synchronization is not enabled on this site."))

from s3sync.admin import configuration, conflicts, homepage, pauses, repositories
from s3sync.admin import log as log_pages
from s3sync.admin import quarantine as quarantine_pages
from s3sync.admin import waiting as waiting_pages

s3sync_app.serve()


def index():
    """Homepage of the module."""
    return homepage.page(s3sync_app)


def config():
    """Settings: this site's UUID, the default proxy server."""
    return configuration.page(s3sync_app)


def repository():
    """Repositories with their resources, schedule, log and manual synchronization; registration by peers."""
    if (request.args(0) or "").split(".")[0] == "register":
        # web2py looks for the extension at the function's name, peers give it at the end
        request.extension = request.args(0).partition(".")[2] or request.extension
        return s3sync_app.answers.register(request, response)
    return repositories.page(s3sync_app)


def conflict():
    """Records that were changed at both sites."""
    return conflicts.page(s3sync_app)


def quarantine():
    """Records that were rejected."""
    return quarantine_pages.page(s3sync_app)


def waiting():
    """References whose target has not arrived."""
    return waiting_pages.page(s3sync_app)


def pause():
    """Pause the schedules of all repositories, and resume them."""
    return pauses.page(s3sync_app)


def log():
    """The log of all repositories."""
    return log_pages.page(s3sync_app)


def sync():
    """Pull and push by peers."""
    return s3sync_app.answers.sync(request, response)


def dataset():
    """Data sets that this site offers."""
    return s3sync_app.answers.dataset(request, response)


def peer():
    """What peers ask of this site before they synchronize."""
    return s3sync_app.answers.peer(request, response)
