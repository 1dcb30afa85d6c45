"""What the application's validators of upload fields say to a file: they are asked as if a form had brought it."""
from __future__ import annotations

from typing import Any, BinaryIO, Iterable

import pydal.validators

from .callback import HookError, call

#: older pyDALs look for this class, newer ones for its attributes
_PART: Any = getattr(getattr(pydal.validators, "cgi", None), "FieldStorage", object)


class FormFile(_PART):  # type: ignore[misc]
    """A file as a form brings it.

    Attributes
    ----------
    name : of the field
    filename : as it was called where it comes from
    file : its content, open for reading
    """

    list = None                  # one part, no form of parts

    def __init__(self, name: str, filename: str, content: BinaryIO) -> None:
        self.name = name
        self.filename = filename
        self.file = content

    def __bool__(self) -> bool:
        return True

    def __del__(self) -> None:
        """Leaves the file open, other than the class of older Pythons: it is stored afterwards."""

    @property
    def value(self) -> bytes:
        """The whole content."""
        self.file.seek(0)
        try:
            return self.file.read()
        finally:
            self.file.seek(0)


def refusal(validators: Iterable[Any], name: str, filename: str, content: BinaryIO) -> str:
    """Why validators refuse a file; "" if they take it. What they would make of it is not asked: content travels as it is.

    Leaves `content` at its beginning.
    """
    for validator in validators:
        content.seek(0)
        try:
            _, error = call(validator, FormFile(name, filename, content))
        except (HookError, TypeError, ValueError) as broken:     # the last two: it gives no pair
            error = f"its validator failed: {broken}"
        if content.closed:
            error = error or "its validator has closed it"
        if error:
            return str(error)
    content.seek(0)
    return ""
