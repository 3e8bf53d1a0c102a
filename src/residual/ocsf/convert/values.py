"""Values of logs: the JSON object that a record is, and what is inside it in the types of OCSF."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from math import isfinite
from typing import Any

from residual.ocsf.records import refuse_constant

_ESCAPED, _SURROGATE = re.compile(rb"\\u[dD]"), re.compile("[\ud800-\udfff]")
_WHOLE, _SECONDS = re.compile(r"-?(0|[1-9][0-9]{0,17})"), re.compile(r"-?[0-9]{1,12}(\.[0-9]+)?")
_FLAGS = {"true": True, "false": False, "Yes": True, "No": False}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parsed(content: bytes) -> dict[str, Any]:
    """The JSON object that a record is. A number that no float can hold becomes its text, a lone surrogate its escape.

    Raises:
        ValueError: for what is no JSON object, and for an object with two equal names, of which one would be lost.
    """
    try:
        value = _DECODER.decode(content.decode())
        if _ESCAPED.search(content):
            text = json.dumps(value, ensure_ascii=False)
            value = json.loads(_SURROGATE.sub(lambda lone: f"\\\\u{ord(lone[0]):x}", text))
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except ValueError as error:
        reason = "a number is too long" if "digits" in str(error) else getattr(error, "msg", error)
        raise ValueError(f"not JSON: {reason}") from None
    if not isinstance(value, dict):
        raise ValueError("expected a JSON object")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(value := dict(pairs)) < len(pairs):
        raise ValueError("a name occurs twice in an object")
    return value


def decimal(text: str) -> float | str:
    """A decimal number, or its text where it is none, or where a float would be infinite."""
    try:
        return value if isfinite(value := float(text)) else text
    except ValueError:
        return text


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=refuse_constant, parse_float=decimal)


def fitted(value: Any, kind: str) -> Any:
    """A value in a type of OCSF, None if it cannot be had without a loss."""
    if kind == "json_t":
        return value
    if kind == "timestamp_t":
        return milliseconds(value)
    if kind == "boolean_t":
        return value if isinstance(value, bool) else _FLAGS.get(str(value))
    if kind in ("integer_t", "long_t", "port_t"):
        return whole(value)
    return value if isinstance(value, str) and value else None


def whole(value: Any) -> int | None:
    """An integer of at most 18 digits, also from its text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return int(value) if not isinstance(value, bool) and _WHOLE.fullmatch(str(value)) else None


def milliseconds(value: Any) -> int | None:
    """Whole milliseconds since 1970 in UTC, rounded down: of seconds since then, or of a time as ISO 8601 writes it."""
    if isinstance(value, (int, float, str)) and _SECONDS.fullmatch(str(value)):
        return int((Decimal(str(value)) * 1000).to_integral_value(ROUND_FLOOR))
    try:
        time = datetime.fromisoformat(value)
        return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)
    except (TypeError, ValueError, OverflowError):
        return None
