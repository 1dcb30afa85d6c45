"""Sites whose clocks and identities are the test's, and to whose database things can happen."""
from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from faults import Trouble, troubled
from local_sites import LocalSite

EPOCH = datetime(2026, 3, 1, 12, 0, 0)


class Clock:
    """The time that all sites would have if their clocks were right."""

    def __init__(self) -> None:
        self.time = EPOCH

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class ClockedSite(LocalSite):
    """A site whose clock and identities are ours, used for one schedule after the other."""

    clock = Clock()

    def __init__(self, folder: Path, name: str, **more: Any) -> None:
        self.rnd = random.Random(0)
        super().__init__(folder, name, **more)
        self.trouble: Trouble = troubled(self)

    def meta(self) -> list[Any]:
        fields = super().meta()
        fields[0].default = self.new_uuid
        return fields

    def new_uuid(self) -> str:
        return f"urn:uuid:{self.rnd.getrandbits(64):016x}"

    def now(self) -> datetime:
        return (self.clock.time + self.skew).replace(microsecond=0)

    def reset(self, seed: str, skew: int, settings: Any) -> None:
        """Empty, as on the first day."""
        self.rnd = random.Random(seed)
        self.skew = timedelta(seconds=skew)
        self.settings = settings
        self.trouble.dead, self.trouble.kind = False, ""
        self.db.rollback()
        if self.db._adapter.dbengine == "sqlite":
            for table in self.db.tables:
                self.db.executesql(f'DELETE FROM "{table}"')
            self.db.executesql("DELETE FROM sqlite_sequence")
        elif self.db._adapter.dbengine == "postgres":
            self.db.executesql(f"TRUNCATE {', '.join(self.db.tables)} RESTART IDENTITY")
        else:
            self.db.executesql("SET FOREIGN_KEY_CHECKS = 0")
            for table in self.db.tables:
                self.db.executesql(f"DELETE FROM `{table}`")
            self.db.executesql("SET FOREIGN_KEY_CHECKS = 1")
        self.db.sync_config.insert(uuid=self.new_uuid())
        self.db.commit()
        self.uuid = self.db(self.db.sync_config.id > 0).select().first().uuid

    def restart(self) -> None:
        """A new process after one was killed: what was not committed is gone."""
        self.trouble.dead, self.trouble.kind = False, ""
        self.db.rollback()
