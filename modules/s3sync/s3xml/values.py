"""Values on the wire and in canonical form (see `s3sync.s3xml.schema.Schema`), type by type.

What a real Eden writes (S3XML §4.1): a value that has no representation of its own stands in the text node, escaped once as
XML demands; any other stands in ``@value``, as JSON (bare for dates and decimals), and its text node is for human eyes. What
it reads (§4.2): ``@value`` before text, and a text node is unescaped a second time. So here:

- Reading, a text node is taken as the XML parser gives it, never unescaped again: that is what the sender had in its database.
- Writing for an Eden, text that its second unescaping would change goes into ``@value`` as a JSON string.
"""
from __future__ import annotations

import json
import math
import re
from datetime import date, datetime, time, timezone
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from json.decoder import scanstring  # type: ignore[attr-defined]  # what json.loads itself uses for a string
from typing import Any, Callable, Iterable

from .schema import Field

Decoder = Callable[[str], Any]

#: Types whose text node is the value itself when there is no @value
TEXT_TYPES = frozenset(("string", "text"))

#: Types that stand in <data>; besides them there are upload (a file's address) and the references
DATA_TYPES = frozenset((*TEXT_TYPES, "integer", "bigint", "double", "decimal", "boolean", "date", "time", "datetime", "json",
                        "list:string", "list:integer"))
TYPES = DATA_TYPES | {"upload", "reference", "list:reference"}

#: What XML 1.0 cannot carry, not even as a character reference
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

#: What no database column takes: PostgreSQL refuses U+0000, UTF-8 cannot express lone surrogates
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

_INTEGER = re.compile(r"-?[0-9]{1,19}(?:\.0*)?", re.ASCII).fullmatch
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?", re.ASCII).fullmatch
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|[+-]00:?00)?", re.ASCII).fullmatch
_LARGEST = (1 << 63) - 1
_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)


def shown(value: object, length: int = 60) -> str:
    """A value as it may stand in an error message."""
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}…"


def load(text: str) -> Any:
    """The value of a JSON text; ValueError for anything that is none, including NaN and infinities."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{shown(text)} is no JSON ({error})") from None


def dump(value: Any) -> str:
    """Canonical JSON text: keys sorted, no spaces, non-ASCII as it is; ValueError for NaN and infinities."""
    try:
        return clean(json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")))
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None


def clean(text: str) -> str:
    """The text with U+FFFD for what no database column takes; halves of a surrogate pair are put together first."""
    if UNSTORABLE.search(text) is None:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _scalar(text: str) -> Any:
    """What stands for a number or truth value: JSON, where a JSON string counts as its content."""
    value = load(text)
    return value.strip() if isinstance(value, str) else value


# ---------------------------------------------------------------------------------------------------------------------
# Decoders: wire text to canonical value. None means NULL, said explicitly ("null"); all raise ValueError.


# Days that every month has: to be certain of them takes no calendar, which would cost five times as much.
_USUAL_DATE = re.compile(r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])").fullmatch
_USUAL_MOMENT = re.compile(r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
                           r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]").fullmatch


def decode_string(text: str) -> str | None:
    """A string in ``@value``: JSON. (One in the text node needs no decoding.)"""
    if text[:1] == '"':
        try:
            value, end = scanstring(text, 1)
        except ValueError as error:
            raise ValueError(f"{shown(text)} is no JSON ({error})") from None
        if end == len(text):
            return clean(value) if "\\u" in text else value
    if not text:
        return ""
    value = load(text)
    if value is None:
        return None
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, (int, float)):
        return text.strip()       # as it was written: 1.10 stays 1.10
    return dump(value)


def decode_integer(text: str) -> int | None:
    if len(text) < 19 and text.isdigit() and text.isascii():      # nearly all of them
        return int(text)
    if _INTEGER(text) is None:
        value = _scalar(text)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, (bool, float, list, dict)) or _INTEGER(str(value)) is None:
            raise ValueError(f"{shown(text)} is no integer")
        text = str(value)
    number = int(text.partition(".")[0]) if "." in text else int(text)
    if not -_LARGEST - 1 <= number <= _LARGEST:
        raise ValueError(f"{text} is out of range")
    return number


def decode_double(text: str) -> float | None:
    if text and not text.strip("0123456789.-"):      # nearly all of them
        try:
            number = float(text)
        except ValueError:
            pass      # said below
        else:
            if math.isfinite(number):
                return number
    if _NUMBER(text) is None:
        value = _scalar(text)
        if value is None:
            return None
        if isinstance(value, (bool, list, dict)) or _NUMBER(str(value)) is None:
            raise ValueError(f"{shown(text)} is no number")
        text = str(value)
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{shown(text)} is out of range")
    return number


def decode_boolean(text: str) -> bool | None:
    if text == "true":
        return True
    if text == "false":
        return False
    word = text.strip().strip('"').lower()
    if word in ("true", "t", "1"):
        return True
    if word in ("false", "f", "0"):
        return False
    if word == "null":
        return None
    raise ValueError(f"{shown(text)} is neither true nor false")


def decode_datetime(text: str) -> str | None:
    if _USUAL_MOMENT(text) is not None:
        return text
    try:
        if len(text) == 19 and datetime.fromisoformat(text).isoformat() == text:
            return text
        found = _MOMENT(text)
        if found is not None:
            return datetime.fromisoformat(f"{found[1]}T{found[2]}").isoformat()
    except ValueError:
        pass      # some other form, or none: said below
    moment = _moment(text)
    return None if moment is None else moment.isoformat()


def decode_date(text: str) -> str | None:
    if _USUAL_DATE(text) is not None:
        return text
    try:
        if date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    moment = _moment(text)
    return None if moment is None else moment.date().isoformat()


def decode_time(text: str) -> str | None:
    try:
        if len(text) == 8 and time.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    moment = _moment(text)
    return None if moment is None else moment.time().isoformat()


def _moment(text: str) -> datetime | None:
    """Any moment Eden understands (S3XML §7): naive is UTC, missing parts are today, 08:00 UTC; to the second, naive UTC."""
    from dateutil import parser  # an ordinary dependency, but slow to import and hardly ever needed

    if text.strip() == "null":
        return None
    if len(text) > 64:
        raise ValueError(f"{shown(text)} is no date or time")
    today = datetime.now(timezone.utc).replace(hour=8, minute=0, second=0, microsecond=0, tzinfo=None)
    try:
        # Only offsets count: names of zones mean what the server's own zone makes of them.
        moment = parser.parse(text, default=today, tzinfos=lambda name, offset: offset)
        if moment.tzinfo is not None:
            moment = moment.astimezone(timezone.utc)
    except (ValueError, OverflowError, TypeError, ArithmeticError):
        raise ValueError(f"{shown(text)} is no date or time") from None
    return moment.replace(microsecond=0, tzinfo=None)


def decode_json(text: str) -> str | None:
    value = load(text)
    return None if value is None else dump(value)


def decode_strings(text: str) -> list[str] | None:
    return _list(text, _item_string)


def decode_integers(text: str) -> list[int] | None:
    return _list(text, _item_integer)


def decode_uuids(text: str) -> list[str]:
    """The targets of a list:reference: a JSON array, or (from others than Eden) one bare uuid."""
    if text[:1] != "[":
        return [text] if text and text != "None" else []
    items = load(text)
    if not all(isinstance(item, str) for item in items):
        raise ValueError(f"{shown(text)} is no list of uuids")
    return [clean(item) for item in items if item and item != "None"]


def _list(text: str, convert: Callable[[Any], Any]) -> list[Any] | None:
    value = load(text)
    if value is None:
        return None
    items: Iterable[Any] = value if isinstance(value, list) else (value,)
    return [convert(item) for item in items if item is not None]


def _item_string(item: Any) -> str:
    return clean(item) if isinstance(item, str) else dump(item)


def _item_integer(item: Any) -> int:
    number = decode_integer(item if isinstance(item, str) else dump(item))
    if number is None:
        raise ValueError(f"{shown(item)} is no integer")
    return number


def decimal_decoder(scale: int | None) -> Decoder:
    """A decoder for decimals with `scale` digits after the point (None: as many as there are); more are rounded."""
    point = rf"\.[0-9]{{{scale}}}" if scale else ""
    exact = re.compile(rf"-?(?:0|[1-9][0-9]{{0,99}}){point}", re.ASCII).fullmatch
    step = None if scale is None else Decimal(1).scaleb(-scale)

    def decode_decimal(text: str) -> str | None:
        if exact(text) is None or text[:2] == "-0":
            value = text.strip() if _NUMBER(text) else _scalar(text)
            if value is None:
                return None
            try:
                number = Decimal(str(value))
                if isinstance(value, bool) or not number.is_finite() or not -100 < number.adjusted() < 100:
                    raise ValueError(f"{shown(text)} is no decimal, or out of range")
                if step is not None:
                    number = number.quantize(step, context=_EXACT)
            except InvalidOperation:
                raise ValueError(f"{shown(text)} is no decimal") from None
            text = f"{number:f}" if number else f"{abs(number):f}"      # no negative zero
        return text

    return decode_decimal


_DECODERS: dict[str, Decoder] = {
    "string": decode_string,
    "text": decode_string,
    "integer": decode_integer,
    "bigint": decode_integer,
    "double": decode_double,
    "boolean": decode_boolean,
    "date": decode_date,
    "time": decode_time,
    "datetime": decode_datetime,
    "json": decode_json,
    "list:string": decode_strings,
    "list:integer": decode_integers,
}


def decoder(field: Field) -> Decoder:
    """The function that makes a canonical value of this field from the text of ``@value`` (or of the text node).

    It returns None for an explicit NULL and raises ValueError, saying why, for a text that is no value of the type.
    """
    if field.type == "decimal":
        return decimal_decoder(field.scale)
    return _DECODERS[field.type]


def check(field: Field) -> None:
    """Raise TypeError if values of this field must not or cannot travel (passwords above all)."""
    if field.type not in TYPES:
        raise TypeError(f"field {field.name}: values of type {field.type} do not travel")
    if field.type in ("reference", "list:reference") and not field.target:
        raise TypeError(f"field {field.name}: a reference needs a target")
