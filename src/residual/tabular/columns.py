"""Which encodings a column gets, by its kind, and which types it may come in. Told in `book/part3/encoding.md`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.ocsf.schema import Feature
from residual.tabular.categories import Categories, Scope, Shape, Subnet
from residual.tabular.cells import Cells, Part, State, part_of, widened
from residual.tabular.numbers import Age, Cycle, Flag, Length, Present, Scaled, Scaling

EVENT_TIME = "time"  # the path of when an event was


def _is_text(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.String | pl.Categorical | pl.Enum)


def _is_integer(dtype: pl.DataType) -> bool:
    return dtype.is_integer()


_NUMBER = ("integers or floating-point numbers", lambda dtype: dtype.is_integer() or dtype.is_float())
_INTEGER = ("integers (milliseconds since 1970, UTC)", _is_integer)
_CODE = ("integers or strings", lambda dtype: dtype.is_integer() or _is_text(dtype))
_TEXT = ("strings", _is_text)
_FLAG = ("Boolean", lambda dtype: dtype == pl.Boolean)
_LIST = ("lists", lambda dtype: isinstance(dtype, pl.List | pl.Array))
_CODES, _NAMES = ("enum", "string", "uid", "port"), ("hostname", "command", "path", "url")
_TYPES: dict[str, tuple[str, Callable[[pl.DataType], bool]]] = {
    "number": _NUMBER, "time": _INTEGER, "flag": _FLAG, "list": _LIST,
    **dict.fromkeys(_CODES, _CODE),
    **dict.fromkeys((*_NAMES, "ip", "subnet", "email", "mac", "hash"), _TEXT),
}  # fmt: skip


def parts_of(feature: Feature, *, scaling: Scaling, vocabulary: int, buckets: int, grams: int) -> tuple[Part, ...]:
    """The encodings that a column of this kind gets, in the order of their outputs."""
    codes = Categories(vocabulary, buckets)
    match feature.kind:
        case "number":
            return Present(), Scaled(scaling)
        case "list":
            return Present(), Length(scaling)
        case "flag":
            return (Flag(),)
        case "time":
            return (Cycle(),) if feature.path == EVENT_TIME else (Cycle(), Age(scaling))
        case "ip":
            return codes, Scope(), Subnet(vocabulary, buckets)
        case "hostname" | "command" | "path" | "url":
            return codes, Shape(grams)
    return (codes,)


class Chunk:
    """Some rows of a table.

    Attributes:
        values: columns by path, those with no value at all left out.
        filled: for each of these, which of its cells have a value; NaN and infinite numbers count as none.
        time: float64 [n], when each event was, in ms since 1970 UTC; NaN where that is not known.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self.rows = len(frame)
        self.values = {series.name: series for series in frame if series.null_count() < len(series)}
        filled = [
            pl.col(name).is_finite().fill_null(False) if series.dtype.is_float() else pl.col(name).is_not_null()
            for name, series in self.values.items()
        ]
        self.filled = dict(zip(self.values, frame.select(filled), strict=True))  # one query for all columns
        self.time = np.full(self.rows, np.nan)
        if EVENT_TIME in self.values:
            self.time = self.values[EVENT_TIME].cast(pl.Float64).fill_null(np.nan).to_numpy()


class Column:
    """One column of the dictionary: what it may hold, how it is encoded, and whether it was ever filled."""

    def __init__(self, feature: Feature, **settings: Any) -> None:
        if feature.kind not in _TYPES:
            raise ValueError(f"feature {feature.path!r} has kind {feature.kind!r}, expected one of {', '.join(_TYPES)}")
        self.feature = feature
        self.parts = parts_of(feature, **settings)
        self.filled = 0  # cells met by `update`
        self.text: bool | None = None  # whether values are strings, where the kind leaves it open

    def check(self, dtype: pl.DataType) -> None:
        """Whether the column may come in this type; one of type Null is empty and always may.

        Raises:
            ValueError: naming the column, its type and what was expected.
        """
        expected, fits = _TYPES[self.feature.kind]
        if self.text is not None and self.feature.kind in _CODES:
            expected, fits = ("strings", _is_text) if self.text else ("integers", _is_integer)
            expected += ", as when it was fitted"
        if not (isinstance(dtype, pl.Null) or fits(dtype)):
            raise ValueError(
                f"column {self.feature.path!r} has type {dtype}, expected {expected} (kind {self.feature.kind!r})"
            )

    def cells(self, chunk: Chunk) -> Cells | None:
        """The filled cells of this column, or None where there are none."""
        path = self.feature.path
        if path not in chunk.values:
            return None
        values, filled = chunk.values[path], chunk.filled[path]
        rows = np.flatnonzero(filled.to_numpy())
        if not len(rows):
            return None
        return Cells(widened(values.filter(filled)), rows, chunk.time[rows])

    def update(self, cells: Cells) -> None:
        self.text = cells.values.dtype == pl.String
        self.filled += len(cells.rows)
        for part in self.parts:
            part.update(cells)

    def numeric_names(self) -> list[str]:
        """Names of the numeric outputs; none for a column never filled."""
        return [self.feature.path + name for part in self.parts if self.filled for name in part.numeric_names]

    def cardinalities(self) -> dict[str, int]:
        """Categorical outputs and how many codes each has; none for a column never filled."""
        codes = [code for part in self.parts if self.filled for code in part.cardinalities().items()]
        return {self.feature.path + name: count for name, count in codes}

    def encode(self, cells: Cells, numeric: NDArray[np.float32], categorical: NDArray[np.int32]) -> None:
        """Write the codes of `cells` into this column's own outputs: [rows, f] and [rows, c]."""
        first_numeric, first_code = 0, 0
        for part in self.parts if self.filled else ():
            if width := len(part.numeric_names):
                numeric[cells.rows, first_numeric : first_numeric + width] = part.numeric(cells)
                first_numeric += width
            if width := len(part.cardinalities()):
                categorical[cells.rows, first_code : first_code + width] = part.categorical(cells)
                first_code += width

    def state(self) -> State:
        learned = {f"{i}.{name}": value for i, part in enumerate(self.parts) for name, value in part.state().items()}
        return {"filled": self.filled, "text": self.text, **learned}

    def restore(self, state: State) -> None:
        self.filled, self.text = state["filled"], state["text"]
        for i, part in enumerate(self.parts):
            part.restore(part_of(state, f"{i}."))
