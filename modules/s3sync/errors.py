"""The one error family of s3sync.

Each class says what happened (its docstring is the default message), has a stable `code` that may travel on
the wire and stand in logs, and knows two things about itself: whether it is worth trying again (`transient`) and whether
it happened at the peer (`remote`). `detail` says to what it happened, `hint` what to do about it.
"""
from __future__ import annotations

import inspect

__all__ = [
    "SyncError", "ConfigurationError", "ConnectError", "PeerTimeout", "TlsError", "ProxyError", "RedirectRefused",
    "AuthenticationFailed", "NotAuthenticated", "NotPermitted", "NotRegistered", "OtherAccount", "PushNotAccepted",
    "UnknownResource", "UnknownRepository", "BadFilter", "BadRequest", "DocumentError", "DocumentTruncated",
    "DocumentTooLarge", "EmptyAnswer", "PeerRefused", "PeerFailed", "PeerBusy", "Interrupted", "AlreadyRunning",
    "LeaseLost", "DatabaseFailed", "RecordError", "FileUnavailable", "FileRefused", "SecretError", "InstallError",
]


class SyncError(Exception):
    """Synchronisation failed"""

    code = "failed"
    transient = False
    remote = False
    status = 500       #: HTTP status when this error is the answer to a peer

    def __init__(self, detail: str = "", *, hint: str = "", remote: bool | None = None,
                 retry_after: float | None = None) -> None:
        self.detail = detail
        self.hint = hint
        self.retry_after = retry_after     #: seconds the peer asked us to wait
        if remote is not None:
            self.remote = remote
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """What happened, to what, and what to do, as one text for a log or a page."""
        text = inspect.cleandoc(type(self).__doc__ or type(self).__name__)
        if self.detail:
            text = f"{text}: {self.detail}"
        return f"{text}. {self.hint}" if self.hint else text


class ConfigurationError(SyncError):
    """The configuration is incomplete"""
    code = "configuration"


class SecretError(ConfigurationError):
    """A stored password cannot be read"""
    code = "secret"


class InstallError(ConfigurationError):
    """The installation was refused"""
    code = "install"


class ConnectError(SyncError):
    """Peer repository unavailable"""
    code = "unreachable"
    transient = True
    remote = True


class PeerTimeout(ConnectError):
    """The peer did not answer in time"""
    code = "timeout"


class TlsError(SyncError):
    """The peer's certificate could not be verified"""
    code = "tls"
    remote = True


class ProxyError(SyncError):
    """The proxy server refused the connection"""
    code = "proxy"
    transient = True


class RedirectRefused(SyncError):
    """The peer redirects to another address"""
    code = "redirect"
    remote = True


class AuthenticationFailed(SyncError):
    """The peer refused user name or password"""
    code = "authentication"
    remote = True
    status = 401


class NotAuthenticated(SyncError):
    """Authentication required"""
    code = "authentication-required"
    status = 401


class NotPermitted(SyncError):
    """Not permitted"""
    code = "not-permitted"
    status = 403


class NotRegistered(SyncError):
    """Registration required"""
    code = "not-registered"
    status = 403


class OtherAccount(SyncError):
    """This repository has always come with another account"""
    code = "other-account"
    status = 403


class PushNotAccepted(SyncError):
    """This repository is not allowed to push updates"""
    code = "push-not-accepted"
    status = 403


class UnknownResource(SyncError):
    """No such resource"""
    code = "unknown-resource"
    status = 400


class UnknownRepository(SyncError):
    """No such repository"""
    code = "unknown-repository"
    status = 404


class BadFilter(SyncError):
    """The filter cannot be understood"""
    code = "bad-filter"
    status = 400


class BadRequest(SyncError):
    """Invalid request"""
    code = "bad-request"
    status = 400


class DocumentError(SyncError):
    """The document is no valid S3XML"""
    code = "document"
    status = 400


class DocumentTruncated(DocumentError):
    """The document ends before its end"""
    code = "truncated"
    transient = True


class DocumentTooLarge(DocumentError):
    """The document is larger than allowed"""
    code = "too-large"
    status = 413


class EmptyAnswer(DocumentError):
    """No data received from peer"""
    code = "empty"
    remote = True


class PeerRefused(SyncError):
    """The peer refused the request"""
    code = "refused"
    remote = True


class PeerFailed(SyncError):
    """The peer failed while answering"""
    code = "peer-failed"
    transient = True
    remote = True


class PeerBusy(PeerFailed):
    """The peer is too busy to answer"""
    code = "busy"


class AlreadyRunning(SyncError):
    """Synchronization already active - skipping run"""
    code = "already-running"
    transient = True
    status = 409


class LeaseLost(SyncError):
    """Another worker has taken this run over"""
    code = "lease-lost"
    transient = True


class DatabaseFailed(SyncError):
    """This site's database refused"""
    code = "database"
    transient = True
    status = 503


class Interrupted(SyncError):
    """The run was interrupted and will be continued by the next one"""
    code = "interrupted"
    transient = True


class FileUnavailable(SyncError):
    """The file of a record could not be had"""
    code = "file"
    transient = True
    remote = True


class FileRefused(FileUnavailable):
    """The file of a record was refused"""
    code = "file-refused"
    remote = False
    status = 400

    def __init__(self, detail: str = "", *, digest: str = "", hint: str = "", remote: bool | None = None,
                 retry_after: float | None = None) -> None:
        super().__init__(detail, hint=hint, remote=remote, retry_after=retry_after)
        self.digest = digest               #: of its content


class RecordError(SyncError):
    """The record was rejected"""
    code = "record"
    status = 400


def lasting(code: str) -> bool:
    """Is an error of this code (of one of the classes here) one that does not go away by itself?"""
    return not any(known.transient for known in _family(SyncError) if known.code == code)


def _family(kind: type[SyncError]) -> list[type[SyncError]]:
    return [kind, *(found for each in kind.__subclasses__() for found in _family(each))]


#: What is wrong with more than a single file: the run ends here and goes on with the next one
BEYOND_THE_FILE = (ConnectError, ProxyError, TlsError, ConfigurationError, AlreadyRunning, Interrupted, LeaseLost)
