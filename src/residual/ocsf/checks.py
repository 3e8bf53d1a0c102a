"""Three rules of OCSF that its JSON Schema lacks. Told in `book/part3/records.md`.

`type_uid` is `class_uid * 100 + activity_id`, and may be left out where these are there; a caption beside an id
(`status` beside `status_id`) is the one that the schema gives for that id, unless the id is 99, Other; and a time is in
milliseconds since 1970 in UTC.

A time is plausible between March 1973 and the end of the year 9999. The span is so wide because certificates expire in
9999 and files are dated 1980. It still refuses every time between 1990 and 5000 that is in seconds or in microseconds,
since those numbers lie outside it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import polars as pl

Entry: TypeAlias = Mapping[str, Any]  # what OCSF says of a class or an object

OTHER = "99"
EARLIEST = 100_000_000_000
LATEST = 253_402_300_799_999
IMPLAUSIBLE = {
    EARLIEST: "too early for milliseconds since 1970 (is it in seconds?)",
    LATEST: "too late for milliseconds since 1970 (is it in microseconds?)",
}


@dataclass(frozen=True)
class Fault:
    """What is wrong at one place of an event.

    Attributes:
        path: JSON path of the value, `$.answers[0].type`; of a missing value, where it should be.
        message: what was expected. Free of the value, so that equal faults of many events count as one.
        got: the value, None where there is none.
        unknown: the last name of the path, where the fault is that OCSF has no such attribute there; else empty.
        by_rule: whether one of the three rules says so, and not the JSON Schema.
    """

    path: str
    message: str
    got: Any = None
    unknown: str = ""
    by_rule: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.message}, got {self.got!r}"


@dataclass(frozen=True)
class Shape:
    """What the rules for pairs need to know of a class or an object.

    Attributes:
        pairs: a number, the attribute beside it, and by number what that must be, and what to say if it is not.
        objects: shapes of the attributes that are objects.
        arrays: shapes of the elements of those that are arrays of objects.
    """

    pairs: list[tuple[str, str, dict[float, tuple[object, str]]]]
    objects: "dict[str, Shape]"
    arrays: "dict[str, Shape]"


def time_faults(column: pl.Expr) -> pl.Expr:
    """What is wrong with the times of an integer column; null where nothing is."""
    early, late = (pl.lit(message) for message in IMPLAUSIBLE.values())
    return pl.when(column < EARLIEST).then(early).when(column > LATEST).then(late)


def add_bounds(schema: dict[str, Any], entry: Entry) -> None:
    """Bound the times in the JSON Schema of a class or an object, and let a class do without `type_uid`."""
    for name, there in schema["properties"].items():
        if entry["attributes"][name]["type"] == "timestamp_t":
            there |= {"minimum": EARLIEST, "maximum": LATEST}
    if "class_uid" in schema["properties"]:
        schema["required"].remove("type_uid")
        schema["allOf"] = [{"if": {"required": ["activity_id"]}, "else": {"required": ["type_uid"]}}]


def pair_faults(value: Entry, path: str, shape: Shape) -> Iterator[Fault]:
    """Where a number has the wrong text or type beside it, at any depth."""
    for name, other, cases in shape.pairs:
        number = value.get(name)
        if other in value and type(number) in (int, float) and number in cases:
            then, why = cases[number]
            if value[other] != then:
                yield Fault(f"{path}.{other}", why, value[other], by_rule=True)
    for name, inner in value.items():
        if type(inner) is dict and name in shape.objects:
            yield from pair_faults(inner, f"{path}.{name}", shape.objects[name])
        elif type(inner) is list and name in shape.arrays:
            for n, one in enumerate(inner):
                if type(one) is dict:
                    at = f"{path}.{name}[{n}]"
                    yield from pair_faults(one, at, shape.arrays[name])


def shapes_of(parts: Mapping[str, tuple[Entry, Entry]]) -> dict[str, Shape]:
    """Shapes of a class and of the objects inside it, from the JSON Schema and the entry of each, by reference."""
    shapes = {reference: Shape([], {}, {}) for reference in parts}
    for reference, (schema, entry) in parts.items():
        shape, there = shapes[reference], schema["properties"]
        known = [pair for pair in pairs(entry) if there.keys() >= set(pair)]
        shape.pairs.extend((name, other, _cases(entry, name, other)) for name, other in known)
        for name, value in there.items():
            if "$ref" in value:
                shape.objects[name] = shapes[value["$ref"]]
            elif "$ref" in value.get("items", {}):
                shape.arrays[name] = shapes[value["items"]["$ref"]]
    return shapes


def _cases(entry: Entry, name: str, other: str) -> dict[float, tuple[object, str]]:
    """What must stand beside each number, and what to say if it does not."""
    cases: dict[float, tuple[object, str]] = {}
    for number, value in entry["attributes"][name].get("enum", {}).items():
        if other == "type_uid":
            then = entry["uid"] * 100 + int(number)
            cases[int(number)] = then, f"expected class_uid * 100 + activity_id, {then}"
        elif number != OTHER:
            cases[int(number)] = value["caption"], f'expected "{value["caption"]}", the caption of {name} {number}'
    return cases


def pairs(entry: Entry) -> Iterator[tuple[str, str]]:
    """The attributes of a class or an object that are numbers, each with the one beside it that it decides."""
    for name, attribute in entry["attributes"].items():
        if (sibling := attribute.get("sibling")) and not attribute.get("is_array"):
            yield name, sibling
    if "class_uid" in entry["attributes"]:
        yield "activity_id", "type_uid"
