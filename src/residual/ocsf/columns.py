"""Which columns the files hold, and of which type: what OCSF says, and for what it does not know, the first file.

A column's type is settled once, so that a later file with another type is seen: a wider number widens it, and anything
else is a conflict. An array is a tree of its own, whose elements are written `path[]`. Told in
`book/part3/records.md`.
"""

from collections.abc import Iterator
from copy import copy
from functools import cache, lru_cache
from typing import Any, Literal, TypeAlias, cast

import polars as pl

from residual.ocsf.schema import Attribute, ocsf

Shape: TypeAlias = pl.DataType | Literal["list", "object"]

_OF_TYPE: dict[str, pl.DataType] = {
    "boolean_t": pl.Boolean(), "float_t": pl.Float64(),
    "integer_t": pl.Int64(), "long_t": pl.Int64(), "port_t": pl.Int64(), "timestamp_t": pl.Int64(),
}  # fmt: skip
SHAPE_OF_KIND: dict[type, Shape] = {
    bool: pl.Boolean(), int: pl.Int64(), float: pl.Float64(), str: pl.String(), list: "list", dict: "object",
}  # fmt: skip
_KIND_OF_SHAPE = {shape: kind for kind, shape in SHAPE_OF_KIND.items()}


@cache
def _attributes() -> dict[str, Attribute]:
    """All attributes by name: OCSF gives a name the same primitive type wherever it stands."""
    entries = [ocsf()["dictionary"], *ocsf()["objects"].values(), *ocsf()["classes"].values()]
    return {name: attribute for entry in reversed(entries) for name, attribute in entry["attributes"].items()}


@lru_cache(maxsize=100_000)
def _known(path: str) -> tuple[Shape | None, Attribute]:
    """What OCSF has at a path, and its entry there; None and an empty entry where it does not know the path."""
    parent, _, name = path.rpartition(".")
    attribute = _attributes().get(name.removesuffix("[]"), {})
    is_array, is_element = bool(attribute.get("is_array")), name.endswith("[]")
    if not attribute or (parent and shape_in_ocsf(parent) != "object") or (is_element and not is_array):
        return None, {}
    if is_array and not is_element:
        return "list", attribute
    if attribute["type"] == "object_t" and attribute["object_type"] != "object":
        return "object", attribute
    return _OF_TYPE.get(attribute["type"], pl.String()), attribute


def shape_in_ocsf(path: str) -> Shape | None:
    """What OCSF 1.8.0 has at a path, if it knows the path."""
    return _known(path)[0]


def is_text(path: str) -> bool:
    """Whether OCSF lets any JSON stand there (`unmapped`, `data`): such a column holds JSON text."""
    attribute = _known(path)[1]
    return attribute.get("type") == "json_t" or attribute.get("object_type") == "object"


def is_time(path: str) -> bool:
    return _known(path)[1].get("type") == "timestamp_t"


def word(shape: Shape) -> str:
    """A shape in JSON's words, for a message."""
    if isinstance(shape, (pl.List, pl.Array)) or shape == "list":
        return "array"
    if isinstance(shape, pl.Struct):
        return "object"
    if isinstance(shape, pl.DataType) and shape.is_numeric():
        return "integer" if shape.is_integer() else "number"
    return str(shape).lower()


class Columns:
    """The settled shape of every path that was seen.

    Attributes:
        names: of the columns, in the order of their first appearance.
        shapes: of the paths: columns, the objects above them, and what is inside arrays.
        kinds: the Python type of a JSON value that has this shape; None where no JSON value has.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.names: list[str] = []
        self.shapes: dict[str, Shape] = {}
        self.kinds: dict[str, type | None] = {}
        self._children: dict[str, tuple[str, ...]] = {}
        self._kept: dict[str, Any] | None = None

    def settle(self, path: str, shape: Shape, *, as_in_file: bool = False) -> Shape:
        """What stands at `path`, given that a file has `shape` there; what OCSF has, unless the file's is to be kept.

        Raises:
            ValueError: for a new column beyond the most that there may be.
        """
        settled, ours = self.shapes.get(path), shape_in_ocsf(path)
        if settled is not None and not (settled == pl.Int64 and shape == pl.Float64 and ours is None):
            return settled
        if ours is None or as_in_file:
            ours = shape
        is_column = settled is None and ours != "object" and "[]" not in path
        if is_column and len(self.names) >= self.most:
            raise ValueError(f"more than {self.most} columns")
        if self._kept is None:
            self._kept = {name: copy(value) for name, value in vars(self).items()}
        if is_column:
            self.names.append(path)
        if settled is None:
            parent = path.removesuffix("[]") if path.endswith("[]") else path.rpartition(".")[0]
            self._children[parent] = (*self._children.get(parent, ()), path)
        self.shapes[path], self.kinds[path] = ours, _KIND_OF_SHAPE.get(ours)
        return ours

    def keep(self) -> None:
        """Forget how to undo what was settled so far."""
        self._kept = None

    def undo(self) -> None:
        """Unsettle all that was settled since `keep`: the event or the file that brought it was rejected."""
        if self._kept is not None:
            vars(self).update(self._kept)

    def dtype(self, path: str) -> pl.DataType:
        """The polars type of what is settled at `path`.

        It is `Null` for elements of arrays that were always empty, and for objects inside arrays that had no fields.
        """
        shape = self.shapes.get(path, pl.Null())
        if shape == "list":
            return pl.List(self.dtype(f"{path}[]"))
        if shape == "object":
            inside = {child.rpartition(".")[2]: self.dtype(child) for child in self._children.get(path, [])}
            return pl.Struct(inside) if inside else pl.Null()
        assert isinstance(shape, pl.DataType)
        return shape


def leaves(path: str, dtype: pl.DataType) -> Iterator[tuple[str, pl.DataType]]:
    """What a type of a file consists of, down to the scalars inside its arrays."""
    if (inner := element(dtype)) is not None:
        yield from leaves(f"{path}[]", inner)
    elif isinstance(dtype, pl.Struct):
        for name, field in fields(dtype):
            yield from leaves(f"{path}.{name}", field)
    else:
        yield path, dtype


def element(dtype: pl.DataType) -> pl.DataType | None:
    """The type of the elements of an array, None for what is no array."""
    return cast(pl.DataType, dtype.inner) if isinstance(dtype, (pl.List, pl.Array)) else None


def fields(dtype: pl.Struct) -> Iterator[tuple[str, pl.DataType]]:
    """The names and types of a struct's fields."""
    return ((field.name, cast(pl.DataType, field.dtype)) for field in dtype.fields)
