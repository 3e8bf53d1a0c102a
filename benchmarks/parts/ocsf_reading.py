"""The same question put to three readers: of every column of a folder, the sum of its numbers (fractions cut
off) or the bytes of its text.

Every value has to be decoded for it, and the answers must be equal.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from residual.ocsf.events import dicts
from residual.ocsf.read import read

MOST = 30_000  # events of a class that are read as JSON
Totals = dict[str, int]


def _classes(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.is_dir())


def leaves(schema: pa.Schema) -> Iterator[tuple[str, ...]]:
    """The paths of all scalar columns."""

    def walk(field: pa.Field, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        path = (*above, field.name)
        if pa.types.is_struct(field.type):
            for inner in field.type:
                yield from walk(inner, path)
        elif not pa.types.is_nested(field.type) and not pa.types.is_null(field.type):
            yield path

    for field in schema:
        yield from walk(field, ())


def columns(folder: Path) -> list[str]:
    """The dotted names of all scalar columns of a folder."""
    return sorted({".".join(path) for place in _classes(folder) for path in leaves(ds.dataset(place).schema)})


def by_residual(folder: Path, names: list[str]) -> Totals:
    """Our reader, which besides looks at every row for what would put it into quarantine."""
    events = read(folder, columns=names).events
    types = events.collect_schema()
    sums = [
        (pl.col(name).str.len_bytes() if types[name] == pl.String else pl.col(name)).cast(pl.Int64).sum()
        for name in names
    ]
    return dict(events.select(sums).collect(engine="streaming").row(0, named=True))


def by_pyarrow(folder: Path, names: list[str]) -> Totals:
    totals = dict.fromkeys(names, 0)
    for place in _classes(folder):
        dataset = ds.dataset(place)
        paths = {".".join(path): ds.field(*path) for path in leaves(dataset.schema)}
        for batch in dataset.to_batches(columns=paths):
            for name in paths:
                column = batch.column(name)
                text = pa.types.is_large_string(column.type)
                values = pc.binary_length(column) if text else column.cast(pa.int64(), safe=False)
                totals[name] += pc.sum(values).as_py() or 0
    return totals


def by_duckdb(folder: Path, names: list[str]) -> Totals:
    totals = dict.fromkeys(names, 0)
    with duckdb.connect() as database:
        database.execute("SET threads = 2")
        for place in _classes(folder):
            schema = ds.dataset(place).schema
            wanted = {}
            for path in leaves(schema):
                field = schema.field(path[0])
                for name in path[1:]:
                    field = field.type.field(name)
                column = ".".join(f'"{name}"' for name in path)
                if pa.types.is_large_string(field.type):
                    column = f"strlen({column})"
                elif pa.types.is_floating(field.type):
                    column = f"trunc({column})"
                wanted[".".join(path)] = f"sum({column}::BIGINT)"
            query = f"SELECT {', '.join(wanted.values())} FROM read_parquet('{place}/**/*.parquet')"
            row = database.execute(query).fetchone()
            for name, value in zip(wanted, row, strict=True):
                totals[name] += int(value or 0)
    return totals


def written_as_json(folder: Path, out: Path) -> int:
    """Write a folder as JSON Lines without nulls, at most `MOST` events of each class in a file, and count them."""
    out.mkdir()
    count = 0
    for place in _classes(folder):
        table = pl.scan_parquet(place / "**/*.parquet", hive_partitioning=False).head(MOST).collect()
        with (out / f"{place.name.partition('=')[2] or place.name}.jsonl").open("w") as file:
            file.writelines(f"{json.dumps(event)}\n" for event in dicts(table))
        count += table.height
    return count


def json_by_residual(folder: Path) -> int:
    """Our reader, which besides looks at every row; how many rows there are."""
    return read(folder).events.collect(engine="streaming").height


def json_by_polars(folder: Path) -> int:
    """polars, which takes each file's types from all of its lines."""
    return sum(pl.read_ndjson(path, infer_schema_length=None).height for path in sorted(folder.glob("*.jsonl")))


JSON_READERS = {"residual": json_by_residual, "polars": json_by_polars}
READERS = {"residual": by_residual, "pyarrow": by_pyarrow, "duckdb": by_duckdb}
