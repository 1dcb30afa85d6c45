"""A file of an upload field from a peer."""
from __future__ import annotations

from typing import BinaryIO

from ..errors import BEYOND_THE_FILE, DocumentTooLarge, FileUnavailable, SyncError
from .answer import Answer
from .http import HttpClient, Params
from .refusal import looks_like_html

PAGE = (".htm", ".html", ".xhtml")


def downloaded(client: HttpClient, path: str, params: Params, limit: int, filename: str = "") -> BinaryIO:
    """The file, at its beginning.

    Raises
    ------
    FileUnavailable : the peer does not give it, or it has more than `limit` bytes
    SyncError : there is something wrong with more than this file (see `s3sync.errors.BEYOND_THE_FILE`)
    """
    try:
        answer = client.get(path, params, accept="application/octet-stream", expect=(400, 403, 404), limit=limit)
    except BEYOND_THE_FILE:
        raise
    except DocumentTooLarge:
        raise FileUnavailable(f"it has more than {limit} bytes (setting sync.max_upload)") from None
    except SyncError as error:
        raise FileUnavailable(error.message) from None
    problem = _problem(answer, filename)
    if problem:
        answer.close()
        raise FileUnavailable(problem)
    return answer.open()


def _problem(answer: Answer, filename: str) -> str:
    """Why what came is not the file."""
    if answer.status == 403:
        return "the peer does not let this site's user have it"
    if answer.status != 200:
        return f"the peer has it not ({answer.status})"
    if not filename.lower().endswith(PAGE) and looks_like_html(answer.start()):
        return "the peer answers with a web page instead"      # Eden asks whoever it does not know to log in
    return ""
