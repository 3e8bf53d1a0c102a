"""Events that Arrow refuses to put into one table: what is wrong with each is said, and the others are sorted into
tables that it takes.

An event is refused for what no table can hold. Of the others those go together that have values of the same kind in the
same places. Told in `book/part3/records.md`.
"""

import json
import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from residual.ocsf.arrow_json import Shapes, as_text, parse
from residual.ocsf.casting import EXACT
from residual.ocsf.columns import is_text
from residual.ocsf.limits import Limits
from residual.ocsf.records import Record

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


@dataclass
class Group:
    """Events that one table can hold: their numbers, their text, and the kind of what stands at each path."""

    numbers: list[int] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)


@dataclass
class Mended:
    """Tables of events, each with the numbers of its events; and why the other events are in none."""

    tables: list[tuple[list[int], pl.DataFrame]] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)


def mend(records: Mapping[int, Record], names: Collection[str], limits: Limits) -> Mended:
    """Sort events into tables. An event that adds a column when there are too many is refused, too."""
    mended = Mended()
    surveys: dict[int, _Survey] = {}
    names = set(names)
    for number, record in records.items():
        try:
            if record.reason is not None:
                raise ValueError(record.reason)
            surveys[number] = _Survey(record.value, limits)
            if len(more := names | surveys[number].columns) > max(limits.columns, len(names)):
                raise ValueError(f"more than {limits.columns} columns")
            names = more
        except (ValueError, RecursionError) as error:
            surveys.pop(number, None)
            mended.reasons[number] = str(error)
    for group in _groups(surveys):
        _tables(group.numbers, group.lines, limits, mended)
    return mended


def _groups(surveys: Mapping[int, "_Survey"]) -> list[Group]:
    """Events in groups, each event in the first whose kinds are its own wherever both have something."""
    found: dict[str, set[str]] = {}
    for survey in surveys.values():
        for path, kind in survey.kinds.items():
            found.setdefault(path, set()).add(kind)
    disputed = {path for path, kinds in found.items() if len(kinds) > 1}
    groups: list[Group] = []
    for number, survey in surveys.items():
        kinds = {path: kind for path, kind in survey.kinds.items() if path in disputed}
        for group in groups:
            if all(group.kinds.get(path, kind) == kind for path, kind in kinds.items()):
                break
        else:
            groups.append(group := Group())
        group.kinds |= kinds
        group.numbers.append(number)
        group.lines.append(json.dumps(survey.event).encode())
    return groups


def _tables(numbers: list[int], lines: list[bytes], limits: Limits, mended: Mended) -> None:
    """The events of a group as a table, or as several where Arrow does not take them together."""
    table = parse(b"\n".join(lines), len(lines), Shapes(), limits, exact=True)
    if table is not None:
        mended.tables.append((numbers, table))
    elif len(lines) == 1:
        mended.reasons[numbers[0]] = "no table can hold this event"
    else:
        half = len(lines) // 2
        for part in (slice(half), slice(half, None)):
            _tables(numbers[part], lines[part], limits, mended)


class _Survey:
    """What is in an event: the kind of the value at each path, and the columns that it fills.

    Attributes:
        event: in which values that may be any JSON are text, and so are those of several kinds in one place.

    Raises:
        ValueError: for what no table can hold, naming the path.
    """

    def __init__(self, event: Any, limits: Limits) -> None:
        if type(event) is not dict:
            raise ValueError(f"expected object, got {'null' if event is None else _WORDS[type(event)]}")
        self.kinds: dict[str, str] = {}
        self.columns: set[str] = set()
        self._mixed: set[str] = set()
        self._limits = limits
        self._look(event, "", "", 1)
        self.event = self._mended(event, "", "")
        for place in self._mixed:
            self.kinds[place] = "string"

    def _look(self, value: Any, path: str, place: str, depth: int) -> None:
        """Note the kinds of a value and of all in it; it stands in `depth` objects and arrays, itself among them.

        `place` is the path as Arrow knows it: there a dot in a name is no step.
        """
        if value is None:
            return
        kind = "string" if path and is_text(path) else self._kind(value, path)
        if self.kinds.setdefault(place, kind) != kind:
            self._mixed.add(place)
        if kind in ("object", "array"):
            if depth > self._limits.depth:
                raise ValueError(f"nested deeper than {self._limits.depth}")
            for step, inner in _inside(value):
                if _SURROGATE.search(step):
                    raise ValueError("a name is no Unicode, it holds a lone surrogate")
                self._look(inner, _path(path, step, value), f"{place}\0{step}", depth + 1)
        if path and kind != "object" and "[]" not in path:
            self.columns.add(path)

    def _kind(self, value: Any, path: str) -> str:
        """The word for a value. A whole number is a number, unless it could lose digits beside one with a fraction."""
        kind = _WORDS[type(value)]
        if kind == "integer":
            if not _SMALLEST <= value <= _LARGEST:
                raise ValueError(f"{path}: too large for 64 bits")
            return kind if abs(value) >= EXACT else "number"
        if kind == "number" and not math.isfinite(value):
            raise ValueError(f"{path}: too large for 64 bits")
        if kind == "string" and not value.isascii() and _SURROGATE.search(value):
            raise ValueError(f"{path}: no Unicode, it holds a lone surrogate")
        return kind

    def _mended(self, value: Any, path: str, place: str) -> Any:
        if value is None or isinstance(value, str):
            return value
        if place in self._mixed or (path and is_text(path)):
            text = as_text(value)
            if _SURROGATE.search(text):
                raise ValueError(f"{path}: no Unicode, it holds a lone surrogate")
            return text
        mended = [
            (step, self._mended(inner, _path(path, step, value), f"{place}\0{step}")) for step, inner in _inside(value)
        ]
        if isinstance(value, dict):
            return dict(mended)
        return [inner for _, inner in mended] if isinstance(value, list) else value


def _inside(value: Any) -> Iterable[tuple[str, Any]]:
    """What is in an object or an array, with the step that leads there."""
    if isinstance(value, dict):
        return value.items()
    return (("[]", inner) for inner in value) if isinstance(value, list) else ()


def _path(path: str, step: str, value: Any) -> str:
    return f"{path}.{step}" if path and isinstance(value, dict) else path + step
