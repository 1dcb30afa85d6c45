"""What a dry run or a comparison has found, kept until the next one: it takes long, and is looked at page by page."""
from __future__ import annotations

import logging
import os
import pickle
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

logger = logging.getLogger("s3sync")


class Results:
    """Files in the application's ``private`` folder, which only its own processes write; one for each kind, repository and task.

    Parameters
    ----------
    folder : of the application
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder) / "private" / "s3sync.results"

    def _path(self, kind: str, repository_id: int, task_id: int | None) -> Path:
        return self.folder / f"{kind}-{int(repository_id)}-{int(task_id or 0)}"

    def store(self, kind: str, repository_id: int, task_id: int | None, moment: datetime, found: Any) -> None:
        """Keep a result in place of the one before."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as target:
            pickle.dump((moment, found), target)
        os.replace(target.name, self._path(kind, repository_id, task_id))

    def load(self, kind: str, repository_id: int, task_id: int | None) -> tuple[datetime, Any] | None:
        """When it was found, and the result; None if there is none, or one of another version of this module."""
        try:
            with self._path(kind, repository_id, task_id).open("rb") as source:
                moment, found = pickle.load(source)
        except FileNotFoundError:
            return None
        except (pickle.UnpicklingError, AttributeError, ImportError, EOFError, TypeError, ValueError) as error:
            logger.info("an older result is not shown: %s", error)
            return None
        return moment, found

    def forget(self, repository_id: int) -> None:
        """A repository was deleted."""
        for path in self.folder.glob(f"*-{int(repository_id)}-*"):
            path.unlink(missing_ok=True)
