from pathlib import Path

import polars as pl
import pytest
from sign_ins import TIME, sign_in, write_lines

from residual.ocsf.inspect import ColumnSummary, inspect
from residual.ocsf.read import read


def test_inspection_counts_classes_nulls_and_values(tmp_path: Path) -> None:
    events = [sign_in(n, status="Failure" if n < 2 else "Success", is_mfa=True if n == 0 else None) for n in range(8)]
    process = sign_in(9, class_uid=1007)
    table = read(write_lines(tmp_path / "a.jsonl", [*events, process])).events
    found = inspect(table, top=1)
    assert (found.events, found.first, found.last) == (9, TIME, TIME + 9)
    assert found.classes == {3002: 8, 1007: 1}
    assert found.class_names() == {3002: "Authentication", 1007: "Process Activity"}
    columns = {column.name: column for column in found.columns}
    assert list(columns) == table.collect_schema().names()
    assert columns["status"] == ColumnSummary("status", pl.String(), 0.0, (("Success", 7),))
    assert columns["is_mfa"] == ColumnSummary("is_mfa", pl.Boolean(), 8 / 9, ((True, 1),))
    assert columns["metadata.profiles"].top == ()


def test_inspection_of_nothing(tmp_path: Path) -> None:
    found = inspect(read(write_lines(tmp_path / "a.jsonl", ["{"])).events)
    assert (found.events, found.classes, found.first, found.last) == (0, {}, None, None)
    assert {column.null_rate for column in found.columns} == {0.0}


def test_bad_top_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="top must be at least 0, got -1"):
        inspect(pl.LazyFrame({"time": [1], "class_uid": [3002]}), top=-1)
