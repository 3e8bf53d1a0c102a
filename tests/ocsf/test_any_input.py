"""Whatever is in the columns: counts add up, no error is raised but ours, and how files are cut changes nothing."""

import datetime as dt
import json
from collections import Counter
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sign_ins import sign_in, write_lines

from residual.ocsf.bulk import validate_folder
from residual.ocsf.read import Table, read

PATHS = (
    "time", "class_uid", "activity_id", "type_uid", "is_mfa", "duration", "status", "user", "src_endpoint", "unmapped",
    "observables", "metadata", "odd", "a.b", "a", "user.name", "user.groups", "*", "^a.*$", "risk_score", "enrichments",
)  # fmt: skip
names = st.sampled_from(["name", "value", "data", "uid", "x", "", "*", "a.b"]) | st.text(max_size=3)
scalars = (
    st.none() | st.booleans() | st.integers() | st.integers(-9, 9) | st.floats() | st.text(max_size=5)
    | st.sampled_from([1.0, 2.5, 2**53 + 1, 2**63, "443", "1.0", "true", "2024-01-01T00:00:00Z", "\ud800"])
)  # fmt: skip
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)
changes = st.dictionaries(st.sampled_from(PATHS), anything, max_size=3)


def outcome(table: Table) -> tuple[Counter[str], dict[str, list[Any]], dict[str, pl.DataType]]:
    """What reading came to: the reasons, the rows, and the types."""
    summary = table.summary
    assert summary.rows_in == summary.rows_out + summary.rows_quarantined
    frame = table.events.collect()
    assert frame.height == summary.rows_out
    assert len(table.quarantine.read_text().splitlines()) == summary.rows_quarantined
    columns = {name: frame.get_column(name) for name in sorted(frame.columns)}
    types = {name: column.dtype for name, column in columns.items()}
    return summary.quarantined, {name: column.to_list() for name, column in columns.items()}, types


@settings(max_examples=150)
@given(st.lists(changes, min_size=1, max_size=5), st.lists(st.integers(0, 4), min_size=5, max_size=5))
def test_any_json_in_any_column_and_any_cut(
    tmp_path_factory: pytest.TempPathFactory, changed: list[dict[str, Any]], files: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("json")
    lines = [json.dumps(sign_in(n) | change) for n, change in enumerate(changed)]
    write_lines(folder / "lines" / "a.jsonl", lines)
    (folder / "array").mkdir()
    (folder / "array" / "a.json").write_text(f"[{', '.join(lines)}]")
    of_file: dict[int, list[str]] = {}
    for line, number in zip(lines, sorted(files), strict=False):
        of_file.setdefault(number, []).append(line)
    for number, some in of_file.items():
        write_lines(folder / "cut" / f"{number}.jsonl", some)
    as_one = outcome(read(folder / "lines"))
    assert repr(outcome(read(folder / "cut"))) == repr(as_one)
    if "NaN" not in (text := "".join(lines)) and "Infinity" not in text:  # these break an array off
        assert repr(outcome(read(folder / "array"))) == repr(as_one)
    report = validate_folder(folder / "lines")
    assert report.events == len(lines)


times = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31))
ARROW = {  # a type, and what values it may have
    pa.bool_(): st.booleans(),
    pa.int8(): st.integers(-128, 127),
    pa.uint16(): st.integers(0, 2**16 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats(),
    pa.decimal128(38, 3): st.decimals(-1000, 1000, places=3),
    pa.decimal256(50, 2): st.decimals(-1000, 1000, places=2),
    pa.large_binary(): st.binary(max_size=3),
    pa.date64(): st.dates(),
    pa.time32("ms"): st.times().map(lambda value: value.replace(microsecond=0)),
    pa.string(): st.text(max_size=4),
    pa.large_string(): st.text(max_size=4),
    pa.dictionary(pa.int32(), pa.string()): st.text(max_size=2),
    pa.binary(): st.binary(max_size=4),
    pa.binary(16): st.uuids().map(lambda value: value.bytes),
    pa.date32(): st.dates(),
    pa.timestamp("ms"): times,
    pa.timestamp("us", "UTC"): times.map(lambda value: value.replace(tzinfo=dt.UTC)),
    pa.timestamp("ns"): st.integers(-(2**63), 2**63 - 1),
    pa.timestamp("s"): st.integers(-(10**9), 10**12),
    pa.time64("us"): st.times(),
    pa.duration("us"): st.integers(-(2**60), 2**60),
    pa.null(): st.none(),
}


def grown(inner: st.SearchStrategy[tuple[pa.DataType, Any]]) -> st.SearchStrategy[tuple[pa.DataType, Any]]:
    """Arrays, objects and maps of what is there, each type with a strategy of its values."""
    return st.one_of(
        inner.map(lambda one: (pa.list_(one[0]), st.lists(one[1], max_size=3))),
        inner.map(lambda one: (pa.large_list(one[0]), st.lists(one[1], max_size=2))),
        inner.map(lambda one: (pa.list_(one[0], 2), st.lists(one[1], min_size=2, max_size=2))),
        st.dictionaries(
            st.sampled_from(["name", "value", "x", "data", "a.b", "created_time"]), inner, min_size=1, max_size=3
        ).map(
            lambda of: (
                pa.struct([(n, t) for n, (t, _) in of.items()]),
                st.fixed_dictionaries({n: v for n, (_, v) in of.items()}),
            )
        ),
        inner.map(
            lambda one: (
                pa.map_(pa.string(), one[0]),
                st.dictionaries(st.text(max_size=2), one[1], max_size=2).map(lambda d: list(d.items())),
            )
        ),
        inner.map(
            lambda one: (
                pa.map_(pa.int32(), one[0]),
                st.dictionaries(st.integers(0, 9), one[1], max_size=2).map(lambda d: list(d.items())),
            )
        ),
    )


types = st.recursive(st.sampled_from(list(ARROW)).map(lambda one: (one, st.none() | ARROW[one])), grown, max_leaves=4)


@st.composite
def columns(draw: st.DrawFn) -> pa.Table:
    """Some sign-ins with a column or two of any type."""
    rows = draw(st.integers(1, 4))
    table = pa.Table.from_pylist([sign_in(n) for n in range(rows)])
    for name in draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=2, unique=True)):
        dtype, values = draw(types)
        column = pa.array(draw(st.lists(st.none() | values, min_size=rows, max_size=rows)), dtype)
        if name in table.column_names:
            table = table.drop_columns(name)
        table = table.append_column(name, column)
    return table


@settings(max_examples=300)
@given(columns(), st.integers(0, 4))
def test_any_arrow_type_at_any_depth_and_any_cut(
    tmp_path_factory: pytest.TempPathFactory, table: pa.Table, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("parquet")
    for name in ("one", "two"):
        (folder / name).mkdir()
    pq.write_table(table, folder / "one" / "a.parquet")
    pq.write_table(table[:cut], folder / "two" / "a.parquet")
    pq.write_table(table[cut:], folder / "two" / "b.parquet")
    as_one = outcome(read(folder / "one"))
    assert repr(outcome(read(folder / "two"))) == repr(as_one)
    report = validate_folder(folder / "one")
    assert report.events == table.num_rows
