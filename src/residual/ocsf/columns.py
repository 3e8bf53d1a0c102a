"""Which columns the files hold, and of which type: what OCSF says, and for what it does not know, the first file.

A column's type is settled once, so that a later file with another type is seen: a wider number widens it, and anything
else is a conflict. An array is a tree of its own, whose elements are written `path[]`. Told in
`book/part3/records.md`.
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Literal, TypeAlias, cast

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


@cache
def _attributes() -> dict[str, Attribute]:
    """All attributes by name: OCSF gives a name the same primitive type wherever it stands."""
    found: dict[str, Attribute] = dict(ocsf()["dictionary"]["attributes"])
    for group in ("objects", "classes"):
        for entry in ocsf()[group].values():
            for name, attribute in entry["attributes"].items():
                found.setdefault(name, attribute)
    return found


@lru_cache(maxsize=100_000)
def _known(path: str) -> tuple[Shape, Attribute] | None:
    parent, _, name = path.rpartition(".")
    attribute = _attributes().get(name.removesuffix("[]"))
    if attribute is None or (parent and shape_in_ocsf(parent) != "object"):
        return None
    if attribute.get("is_array") and not name.endswith("[]"):
        return "list", attribute
    if name.endswith("[]") and not attribute.get("is_array"):
        return None
    if attribute["type"] == "object_t" and attribute["object_type"] != "object":
        return "object", attribute
    return _OF_TYPE.get(attribute["type"], pl.String()), attribute


def shape_in_ocsf(path: str) -> Shape | None:
    """What OCSF 1.8.0 has at a path, if it knows the path."""
    known = _known(path)
    return known[0] if known else None


def is_text(path: str) -> bool:
    """Whether OCSF lets any JSON stand there (`unmapped`, `data`): such a column holds JSON text."""
    known = _known(path)
    return known is not None and (known[1]["type"] == "json_t" or known[1].get("object_type") == "object")


def is_time(path: str) -> bool:
    known = _known(path)
    return known is not None and known[1]["type"] == "timestamp_t"


def word(shape: Shape) -> str:
    """A shape in JSON's words, for a message."""
    if isinstance(shape, (pl.List, pl.Array)) or shape == "list":
        return "array"
    if isinstance(shape, pl.Struct):
        return "object"
    if isinstance(shape, pl.DataType) and shape.is_numeric():
        return "integer" if shape.is_integer() else "number"
    return str(shape).lower()


def normal(dtype: pl.DataType) -> pl.DataType:
    """The type that a scalar of a file is given where OCSF does not know the column."""
    if dtype.is_integer():
        return pl.Int64()
    if dtype.is_numeric():
        return pl.Float64()
    return pl.String() if isinstance(dtype, (pl.Categorical, pl.Enum)) else dtype


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
        self._children: dict[str, list[str]] = {}
        self._log: list[tuple[str, Shape | None]] = []

    def settle(self, path: str, shape: Shape, *, as_in_file: bool = False) -> Shape:
        """What stands at `path`, given that a file has `shape` there; what OCSF has, unless the file's is to be kept.

        Raises:
            ValueError: for a new column beyond the most that there may be.
        """
        settled = self.shapes.get(path)
        if settled is None:
            ours = shape_in_ocsf(path)
            if ours is None or as_in_file:
                ours = shape
            if ours != "object" and "[]" not in path:
                if len(self.names) >= self.most:
                    raise ValueError(f"more than {self.most} columns")
                self.names.append(path)
            parent = path.removesuffix("[]") if path.endswith("[]") else path.rpartition(".")[0]
            self._children.setdefault(parent, []).append(path)
            self._change(path, ours)
        elif settled == pl.Int64 and shape == pl.Float64 and shape_in_ocsf(path) is None:
            self._change(path, shape)
        return self.shapes[path]

    def _change(self, path: str, shape: Shape) -> None:
        self._log.append((path, self.shapes.get(path)))
        self._set(path, shape)

    def _set(self, path: str, shape: Shape) -> None:
        self.shapes[path] = shape
        self.kinds[path] = next((kind for kind, of_kind in SHAPE_OF_KIND.items() if of_kind == shape), None)

    def keep(self) -> None:
        """Forget how to undo what was settled so far."""
        self._log.clear()

    def undo(self) -> None:
        """Unsettle all that was settled since `keep`: the event that brought it was rejected."""
        for path, before in reversed(self._log):
            if before is not None:
                self._set(path, before)
                continue
            del self.shapes[path], self.kinds[path]
            parent = path.removesuffix("[]") if path.endswith("[]") else path.rpartition(".")[0]
            self._children[parent].remove(path)
            if path in self.names[-len(self._log) :]:
                self.names.remove(path)
        self._log.clear()

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
