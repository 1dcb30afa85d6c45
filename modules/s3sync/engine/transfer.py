"""What pulling and pushing have in common: one task, between this site and a peer, for one step of a run."""
from __future__ import annotations

from .peer import Peer, Task
from .progress import Step
from .scope import scope_digest
from .site import Site


class Transfer:
    """Moves the records of one task in one direction.

    Attributes
    ----------
    scope : digest of what the task covers; cursors that were reached with another one do not count
    """

    def __init__(self, site: Site, peer: Peer, repository_id: int, repository_uuid: str, task: Task, step: Step) -> None:
        self.site = site
        self.peer = peer
        self.repository_id = repository_id
        self.repository_uuid = repository_uuid
        self.task = task
        self.step = step
        self.scope = scope_digest(task)
