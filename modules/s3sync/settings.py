"""What a deployment may set, and what holds if it does not.

In an application's ``models/000_config.py``::

    deployment_settings.sync = Storage(batch_size=500, ca_bundle="/etc/ssl/relief-ca.pem")
"""
from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Mapping

from .errors import ConfigurationError


@dataclass(frozen=True)
class Settings:
    """All settings with their units. Unknown names are an error, so that a typing mistake is not silently ignored."""

    batch_size: int = 1000            #: records written, answered or sent in one go
    overlap: int = 600                #: seconds by which a scan looks back before the last one
    sweep_interval: int = 86400       #: seconds between two comparisons of all rows with the index
    deep_interval: int = 604800       #: seconds between two sweeps that trust no time stamp and compare all values
    lease_time: int = 180            #: seconds without a sign of life after which another worker takes over
    workers: int = 1                  #: workers that may share one run, where its tasks allow it; SQLite has one writer anyway
    connect_timeout: float = 15.0     #: seconds to establish a connection
    read_timeout: float = 120.0       #: seconds of silence while an answer arrives
    retries: int = 4                  #: further attempts after a transient failure of one request
    backoff: float = 1.0              #: seconds before the first of them, doubled each time, with jitter
    retry_first: int = 300            #: seconds a repository is left alone after a failed run, doubled with each, with jitter
    retry_longest: int = 21600        #: seconds it is left alone at most; 0 = it is tried whenever its job is due
    ca_bundle: str = ""               #: PEM file of a private certificate authority, besides the public ones
    verify_tls: bool = True           #: False only for a test network; said in the log at every run
    max_document: int = 4 << 30       #: bytes of one document, expanded
    max_page: int = 64 << 20          #: bytes of one pushed page, expanded, that this site accepts
    max_upload: int = 32 << 20        #: bytes of one file of an upload field
    max_text: int = 8 << 20           #: characters of one value
    max_depth: int = 32               #: nested elements
    max_records: int = 20_000_000     #: records in one document
    log_retention: int = 90           #: days that log entries and runs are kept
    admin_role: str = "Administrator" #: role whose members may see the pages and synchronise everything
    page_role: str = "sync"           #: role that, besides administrators, may call the REST endpoints
    bind_accounts: bool = True        #: a repository's UUID may only be used with the account that has used it first
    job_timeout: int = 3600           #: seconds, default for scheduled jobs
    job_period: int = 600             #: seconds, default for scheduled jobs


def load(values: Mapping[str, Any] | None) -> Settings:
    """Settings from a mapping of names to values, checked."""
    known = {f.name: f.type for f in fields(Settings)}
    given = dict(values or {})
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ConfigurationError(f"unknown setting sync.{unknown[0]}", hint=f"Known are: {', '.join(sorted(known))}")
    defaults = Settings()
    for name, value in given.items():
        wanted = type(getattr(defaults, name))
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            given[name] = float(value)
        elif not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise ConfigurationError(f"setting sync.{name} is {value!r}", hint=f"It must be of type {wanted.__name__}")
    return Settings(**given)
