"""What stands at a path: the type that OCSF gives it; and where OCSF knows nothing, the type that holds what all files
have there.

The type of a known column never depends on the files. An unknown one is as wide as it must be: numbers with fractions
beside whole ones make it Float64, and values of two kinds, text. An array is one column, whose elements are written
`path[]`. Told in `book/part3/records.md`.
"""

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Literal, TypeAlias, cast

import polars as pl

from residual.ocsf.schema import Attribute, ocsf

Shape: TypeAlias = pl.DataType | Literal["list", "object"]

_OF_TYPE: dict[str, pl.DataType] = {
    "boolean_t": pl.Boolean(), "float_t": pl.Float64(),
    "integer_t": pl.Int64(), "long_t": pl.Int64(), "port_t": pl.Int64(), "timestamp_t": pl.Int64(),
}  # fmt: skip


class Uuid(pl.Binary):
    """The 16 bytes of a UUID, as a Parquet file tells them from other bytes; polars does not."""


class Large(pl.Int64):
    """Whole numbers of which some are too large to be exact as Float64."""

    def __repr__(self) -> str:
        return "Int64"


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


@cache
def text_names() -> tuple[str, ...]:
    """The attributes that may hold any JSON: `unmapped`, `data` and some others."""
    of_any = (n for n, a in _attributes().items() if a["type"] == "json_t" or a.get("object_type") == "object")
    return tuple(sorted(of_any))


def is_text(path: str) -> bool:
    """Whether any JSON may stand there (`unmapped`, `data`, wherever they are): such a column holds JSON text."""
    return path[path.rfind(".") + 1 :] in text_names()


def is_time(path: str) -> bool:
    return _known(path)[1].get("type") == "timestamp_t"


def word(shape: Shape) -> str:
    """A shape in JSON's words, for a message."""
    if isinstance(shape, (pl.List, pl.Array)) or shape == "list":
        return "array"
    if isinstance(shape, (pl.Struct, pl.Map)) or shape == "object":
        return "object"
    if isinstance(shape, pl.DataType) and shape.is_numeric():
        return "integer" if shape.is_integer() else "number"
    return str(shape.base_type()).lower() if isinstance(shape, pl.DataType) else shape


def settled(path: str, dtype: pl.DataType) -> pl.DataType:
    """The type that values of `dtype` are cast to at `path`: OCSF's, and where it has none, one that holds them all.

    `Null` where OCSF has an array or object and the file something else, so that no value fits. Inside arrays another
    version of OCSF may have an object where ours has an array, or the other way round: there, the file's word counts.
    """
    ours = shape_in_ocsf(path)
    if is_text(path):
        return pl.String()
    if isinstance(ours, pl.DataType):
        return ours
    inner = element(dtype)
    if inner is not None and (ours != "object" or "[]" in path):
        return pl.List(settled(f"{path}[]", inner))
    if isinstance(dtype, pl.Struct) and (ours != "list" or "[]" in path):
        inside = {name: settled(f"{path}.{name}", field) for name, field in fields(dtype)}
        return pl.Struct(inside) if inside else pl.Null()
    if ours is not None:
        return pl.Null()
    if isinstance(dtype, pl.Extension):
        return settled(path, storage(dtype))
    if dtype.is_integer():
        return dtype if isinstance(dtype, Large) else pl.Int64()
    if dtype.is_float():
        return pl.Float64()
    return dtype if isinstance(dtype, (pl.Null, pl.Boolean)) else pl.String()


def joined(one: pl.DataType, other: pl.DataType) -> pl.DataType:
    """The type that holds the values of both, in whatever order they come."""
    if isinstance(other, pl.Null):
        return one
    if isinstance(one, pl.Null):
        return other
    if isinstance(one, Large) or isinstance(other, Large):
        return Large() if one.is_integer() and other.is_integer() else pl.String()
    of_one, of_other = element(one), element(other)
    if of_one is not None and of_other is not None:
        return pl.List(joined(of_one, of_other))
    if isinstance(one, pl.Struct) and isinstance(other, pl.Struct):
        inside = dict(fields(one))
        for name, field in fields(other):
            inside[name] = joined(inside.get(name, pl.Null()), field)
        return pl.Struct(inside)
    if one == other:
        return one
    are_numbers = one.is_numeric() and other.is_numeric()
    return pl.Float64() if are_numbers else pl.String()


def certain(dtype: pl.DataType) -> pl.DataType:
    """A type without `Null`: what was never filled is taken for text."""
    if (inner := element(dtype)) is not None:
        return pl.List(certain(inner))
    if isinstance(dtype, pl.Struct):
        return pl.Struct({name: certain(field) for name, field in fields(dtype)})
    if isinstance(dtype, Large):
        return pl.Int64()
    return pl.String() if isinstance(dtype, pl.Null) else dtype


class Columns:
    """The columns of the files that were looked over, in the order of their first appearance.

    Attributes:
        types: of the columns, each joined over all files.
    """

    def __init__(self) -> None:
        self.types: dict[str, pl.DataType] = {}

    def admit(self, types: Mapping[str, pl.DataType]) -> None:
        """Note the types that some rows have."""
        for name, dtype in types.items():
            self.types[name] = joined(self.types.get(name, pl.Null()), dtype)

    def dtype(self, name: str) -> pl.DataType:
        return certain(self.types[name])


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


def storage(dtype: pl.Extension) -> pl.DataType:
    """The type in which an extension type keeps its values."""
    return cast(pl.DataType, dtype.ext_storage())


def entries(dtype: pl.Map) -> tuple[pl.DataType, pl.DataType]:
    """The types of a map's keys and values."""
    return cast(pl.DataType, dtype.key), cast(pl.DataType, dtype.value)


def fields(dtype: pl.Struct) -> Iterator[tuple[str, pl.DataType]]:
    """The names and types of a struct's fields."""
    return ((field.name, cast(pl.DataType, field.dtype)) for field in dtype.fields)
