"""The fields of a form: what a browser sends for them, and what that means."""
from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, field
from typing import Any, Callable, Sequence

#: seconds of the units a duration is given in, largest first
UNITS = (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1))

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass
class Input:
    """One field of a form.

    Attributes
    ----------
    name, label, help : as in the page; `help` may be empty
    value : shown in the form: the stored value, after sending what was sent
    kind : HTML input type text, password, number, datetime-local
    required : an empty value is an error
    length : most characters
    check : further checking and cleaning of a value that is not empty; raises ValueError(text for the user)
    autocomplete : HTML autocomplete
    """

    name: str
    label: Any
    value: Any = None
    help: Any = ""
    kind: str = "text"
    required: bool = False
    length: int = 512
    check: Callable[[str], Any] | None = None
    autocomplete: str = "off"
    error: str = ""
    template: str = "input"

    def read(self, variables: Any, T: Callable[..., Any]) -> Any:
        """The cleaned value from what was sent, None if empty; raises ValueError(text for the user)."""
        text = self.sent(variables, self.name)
        if self.kind != "password":
            text = text.strip()
            self.value = text
        if not text:
            if self.required:
                raise ValueError(str(T("Enter a value.")))
            return None
        if len(text) > self.length:
            raise ValueError(str(T("Too long: at most %(length)s characters are possible.", {"length": self.length})))
        if _CONTROL.search(text):
            raise ValueError(str(T("Control characters and line breaks are not possible here.")))
        return self.check(text) if self.check else text

    def shown(self) -> str:
        """The value as it stands in the form. A password never does."""
        return "" if self.kind == "password" or self.value is None else str(self.value)

    @staticmethod
    def sent(variables: Any, name: str) -> str:
        """The last text sent under this name, or an empty one."""
        value = variables.get(name)
        if isinstance(value, (list, tuple)):
            value = value[-1] if value else ""
        return value if isinstance(value, str) else ""


@dataclass
class Text(Input):
    """Text of several lines."""

    template: str = "textarea"

    def read(self, variables: Any, T: Callable[..., Any]) -> Any:
        text = self.sent(variables, self.name).replace("\r\n", "\n").strip()
        self.value = text
        if not text and self.required:
            raise ValueError(str(T("Enter a value.")))
        if len(text) > self.length:
            raise ValueError(str(T("Too long: at most %(length)s characters are possible.", {"length": self.length})))
        return text or None


@dataclass
class Checkbox(Input):
    """Yes or no."""

    template: str = "checkbox"

    def read(self, variables: Any, T: Callable[..., Any]) -> bool:
        self.value = bool(self.sent(variables, self.name))
        return self.value


@dataclass
class Choice(Input):
    """One of several values, (value, label) or (value, label, explanation) each."""

    options: Sequence[tuple[Any, ...]] = ()
    template: str = "select"            #: or radio

    def read(self, variables: Any, T: Callable[..., Any]) -> Any:
        text = self.sent(variables, self.name)
        for option in self.options:
            if str(option[0]) == text:
                self.value = option[0]
                if text or not self.required:
                    return option[0]
        raise ValueError(str(T("Choose one of the values offered.")))


@dataclass
class Choices(Input):
    """Any of several values; the value is a list in the order offered."""

    options: Sequence[tuple[Any, ...]] = ()
    template: str = "checkboxes"

    def read(self, variables: Any, T: Callable[..., Any]) -> list[Any]:
        sent = variables.get(self.name) or []
        chosen = [sent] if isinstance(sent, str) else list(sent)
        self.value = [option[0] for option in self.options if str(option[0]) in chosen]
        if self.required and not self.value:
            raise ValueError(str(T("Choose at least one.")))
        return list(self.value)


@dataclass
class Number(Input):
    """A whole number within limits."""

    kind: str = "number"
    least: int = 0
    most: int = 2 ** 31 - 1

    def read(self, variables: Any, T: Callable[..., Any]) -> int:
        self.value = text = self.sent(variables, self.name).strip()
        if re.fullmatch(r"-?[0-9]{1,11}", text) and self.least <= int(text) <= self.most:
            self.value = int(text)
            return int(text)
        raise ValueError(str(T("Enter a whole number from %(least)s to %(most)s.",
                               {"least": self.least, "most": self.most})))


@dataclass
class Duration(Input):
    """A length of time in seconds, given as a number with a unit."""

    least: int = 1
    most: int = 366 * 86400
    units: Sequence[tuple[str, Any]] = ()       #: (name as in UNITS, label)
    template: str = "duration"
    _sent: tuple[str, str] | None = field(default=None, repr=False)

    def parts(self) -> tuple[str, str]:
        """Number and unit as shown in the form."""
        if self._sent:
            return self._sent
        seconds = int(self.value or 0)
        for name, size in UNITS:
            if seconds and seconds % size == 0:
                return str(seconds // size), name
        return str(seconds), "seconds"

    def read(self, variables: Any, T: Callable[..., Any]) -> int:
        text, unit = self.sent(variables, self.name).strip(), self.sent(variables, self.name + "_unit")
        self._sent = (text, unit)
        size = dict(UNITS).get(unit)
        if size and re.fullmatch(r"[0-9]{1,9}", text) and self.least <= int(text) * size <= self.most:
            return int(text) * size
        raise ValueError(str(T("Enter a whole number and choose a unit; from %(least)s seconds to %(most)s days.",
                               {"least": self.least, "most": self.most // 86400})))


@dataclass
class Moment(Input):
    """A date and time without a zone (the page says which one is meant)."""

    kind: str = "datetime-local"

    def shown(self) -> str:
        if isinstance(self.value, datetime.datetime):
            return self.value.strftime("%Y-%m-%dT%H:%M")
        return super().shown()

    def read(self, variables: Any, T: Callable[..., Any]) -> datetime.datetime | None:
        self.value = text = self.sent(variables, self.name).strip()
        if not text:
            if self.required:
                raise ValueError(str(T("Enter a date and time.")))
            return None
        for form in ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"):
            try:
                self.value = datetime.datetime.strptime(text, form)
            except ValueError:
                continue
            if self.value.year >= 1900:
                return self.value
        raise ValueError(str(T("Enter a date and time like 2026-01-31 14:30.")))
