"""One JSON event to one row of dotted columns, strictly: a value of another type than its column's is refused.

Told in `book/part3/records.md`.
"""

import json
from typing import Any

from residual.ocsf.columns import SHAPE_OF_KIND, Columns, is_text, shape_in_ocsf, word
from residual.ocsf.limits import Limits

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


class WrongError(Exception):
    """Why an event does not fit into the columns."""


class Flattener:
    """Turns events into rows, and lets `columns` learn what it has not seen."""

    def __init__(self, columns: Columns, limits: Limits) -> None:
        self.columns = columns
        self.limits = limits

    def row(self, event: object) -> dict[str, Any]:
        """The values of an event by column. Nulls are left out, an array stays a list.

        Raises:
            WrongError: naming the path, what was expected and what was got.
        """
        if type(event) is not dict:
            raise WrongError(f"expected object, got {_word(event)}")
        self.columns.keep()
        row: dict[str, Any] = {}
        try:
            self._object(event, "", row, 1)
        except WrongError:
            self.columns.undo()
            raise
        return row

    def _object(self, value: dict[str, Any], prefix: str, row: dict[str, Any], depth: int) -> None:
        if depth > self.limits.depth:
            raise WrongError(f"nested deeper than {self.limits.depth}")
        for name, inner in value.items():
            if inner is None:
                continue
            path = prefix + name
            kind = self._kind(path, name, inner)
            if kind is dict and type(inner) is dict:
                self._object(inner, path + ".", row, depth + 1)
                continue
            if path in row:
                raise WrongError(f"{path}: occurs twice, with and without dots in a name")
            row[path] = self._fitted(path, kind, inner, depth)

    def _kind(self, path: str, name: str, value: Any) -> type | None:
        """The Python type that values at `path` have, settled now if it never was."""
        if "[]" in name:
            raise WrongError(f"{path}: a name may not hold []")
        return self.columns.kinds[path] if path in self.columns.kinds else self._learned(path, value)

    def _learned(self, path: str, value: Any) -> type | None:
        if not _is_unicode(path):
            raise WrongError("a name is no Unicode, it holds a lone surrogate")
        try:
            self.columns.settle(path, SHAPE_OF_KIND[str if is_text(path) else type(value)])
        except ValueError as error:
            raise WrongError(str(error)) from None
        return self.columns.kinds[path]

    def _fitted(self, path: str, kind: type | None, value: Any, depth: int) -> Any:
        """A value that is no object in a column, or one of any kind inside an array."""
        got = type(value)
        if got is kind:
            if got is int and not _SMALLEST <= value <= _LARGEST:
                raise WrongError(f"{path}: too large for 64 bits")
            if got is str and not _is_unicode(value):
                raise WrongError(f"{path}: no Unicode, it holds a lone surrogate")
            return self._array(path + "[]", value, depth + 1) if got is list else value
        if kind is str and is_text(path):
            return self._fitted(path, kind, json.dumps(value, ensure_ascii=False), depth)
        if kind is float and got is int:
            if not _SMALLEST <= value <= _LARGEST:
                raise WrongError(f"{path}: too large for 64 bits")
            return float(value)
        if kind is int and got is float:
            if value.is_integer():
                return self._fitted(path, kind, int(value), depth)
            if shape_in_ocsf(path) is None:
                self.columns.settle(path, SHAPE_OF_KIND[float])
                return value
        raise WrongError(f"{path}: expected {word(self.columns.shapes[path])}, got {_word(value)}")

    def _array(self, path: str, values: list[Any], depth: int) -> list[Any]:
        """The elements of an array; an object without values becomes null, as it does where it is flattened."""
        if depth > self.limits.depth:
            raise WrongError(f"nested deeper than {self.limits.depth}")
        return [None if value is None else self._element(path, "", value, depth) for value in values]

    def _element(self, path: str, name: str, value: Any, depth: int) -> Any:
        kind = self._kind(path, name, value)
        if kind is not dict or type(value) is not dict:
            return self._fitted(path, kind, value, depth)
        if depth >= self.limits.depth:
            raise WrongError(f"nested deeper than {self.limits.depth}")
        inside = {
            name: self._element(f"{path}.{name}", name, inner, depth + 1)
            for name, inner in value.items()
            if inner is not None
        }
        return inside or None


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _word(value: object) -> str:
    return "null" if value is None else word(SHAPE_OF_KIND[type(value)])
