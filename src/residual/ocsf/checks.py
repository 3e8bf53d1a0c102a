"""Three rules of OCSF that its JSON Schema does not hold an event to. Told in `book/part3/records.md`.

`type_uid` is `class_uid * 100 + activity_id`; a caption beside an id (`status` beside `status_id`) is the one that the
schema gives for that id, unless the id is 99, Other; and a time is in milliseconds since 1970 in UTC.

A time is plausible between March 1973 and the end of the year 9999. The span is so wide because certificates expire in
9999 and files are dated 1980. It still refuses every time between 1990 and 5000 that is in seconds or in microseconds,
since those numbers lie outside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl

from residual.ocsf.schema import Attribute, ocsf

OTHER = 99
EARLIEST = 100_000_000_000
LATEST = 253_402_300_799_999
_TOO_EARLY = "too early for milliseconds since 1970 (is it in seconds?)"
_TOO_LATE = "too late for milliseconds since 1970 (is it in microseconds?)"


@dataclass(frozen=True)
class Fault:
    """What is wrong at one place of an event.

    Attributes:
        path: JSON path of the value, `$.answers[0].type`; of a missing value, where it should be.
        message: what was expected. Free of the value, so that equal faults of many events count as one.
        got: the value, None where there is none.
    """

    path: str
    message: str
    got: Any = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}, got {self.got!r}"


def time_faults(column: pl.Expr) -> pl.Expr:
    """What is wrong with the times of an integer column; null where nothing is."""
    return pl.when(column < EARLIEST).then(pl.lit(_TOO_EARLY)).when(column > LATEST).then(pl.lit(_TOO_LATE))


@cache
def _looked_at(group: str, name: str) -> dict[str, Attribute]:
    """The attributes of a class or an object (`group` is "classes" or "objects") to which a rule may apply."""
    attributes = ocsf()[group][name]["attributes"].items()
    return {key: a for key, a in attributes if a["type"] in ("object_t", "timestamp_t") or a.get("sibling")}


def check(event: Mapping[str, Any], class_name: str) -> list[Fault]:
    """Every breach of the three rules in an event of a class. Values of a wrong type are left to the schema."""
    faults: list[Fault] = []
    numbers: list[Any] = [event.get(name) for name in ("class_uid", "activity_id", "type_uid")]
    class_uid, activity, type_uid = numbers
    if all(type(number) is int for number in numbers) and type_uid != (expected := class_uid * 100 + activity):
        faults.append(Fault("$.type_uid", f"expected class_uid * 100 + activity_id, {expected}", type_uid))
    _check_object(event, _looked_at("classes", class_name), "$", faults)
    return faults


def _check_object(
    value: Mapping[str, Any], attributes: Mapping[str, Attribute], path: str, faults: list[Fault]
) -> None:
    for name, inner in value.items():
        if (attribute := attributes.get(name)) is None:
            continue
        kind = attribute["type"]
        if kind == "object_t":
            inside, many = _looked_at("objects", attribute["object_type"]), isinstance(inner, list)
            for place, element in enumerate(inner if many else [inner]):
                if isinstance(element, dict):
                    _check_object(element, inside, f"{path}.{name}[{place}]" if many else f"{path}.{name}", faults)
        elif type(inner) is int:
            if kind == "timestamp_t" and not EARLIEST <= inner <= LATEST:
                faults.append(Fault(f"{path}.{name}", _TOO_EARLY if inner < EARLIEST else _TOO_LATE, inner))
            sibling = attribute.get("sibling")
            if sibling and sibling in value and inner != OTHER and not attribute.get("is_array"):
                expected = attribute.get("enum", {}).get(str(inner), {}).get("caption")
                if (caption := value[sibling]) is not None and expected not in (None, caption):
                    message = f'expected "{expected}", the caption of {name} {inner}'
                    faults.append(Fault(f"{path}.{sibling}", message, caption))
