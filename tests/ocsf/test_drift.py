"""A later file that differs from an earlier one: what is widened, cast, quarantined, and reported."""

from itertools import permutations
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sign_ins import TIME, sign_in, write_lines

from residual.ocsf.intake import Drift
from residual.ocsf.read import Table, read


def month(folder: Path, number: int, *columns: pl.Expr, **changes: Any) -> None:
    """A file of two events, its columns changed by expressions."""
    path = folder / f"month={number:02}" / "part.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    events = [sign_in(10 * number + n, **changes) for n in range(2)]
    pl.DataFrame(events).with_columns(*columns).write_parquet(path)


def both(folder: Path, *columns: pl.Expr, **changes: Any) -> Table:
    """A month as it should be, and one that differs."""
    month(folder, 1, **changes)
    month(folder, 2, *columns, **changes)
    table = read(folder)
    assert table.summary.rows_in == 4 == table.summary.rows_out + table.summary.rows_quarantined
    return table


def changes_of(table: Table) -> list[tuple[str, str]]:
    assert {drift.file for drift in table.summary.drift} <= {"month=02/part.parquet"}
    return [(drift.column, drift.change) for drift in table.summary.drift]


def column(table: Table, name: str) -> list[Any]:
    return table.events.select(name).collect().to_series().to_list()


def test_a_new_column_is_null_before(tmp_path: Path) -> None:
    table = both(tmp_path, pl.lit(5).alias("duration"))
    assert changes_of(table) == [("duration", "new column")]
    assert column(table, "duration") == [None, None, 5, 5]


def test_a_new_struct_field_is_null_before(tmp_path: Path) -> None:
    table = both(tmp_path, pl.col("user").struct.with_fields(pl.lit("Ada L.").alias("full_name")))
    assert changes_of(table) == [("user.full_name", "new field of user")]
    assert column(table, "user.full_name") == [None, None, "Ada L.", "Ada L."]
    assert column(table, "user.name") == ["ada"] * 4


def test_a_new_field_inside_an_array_is_null_before(tmp_path: Path) -> None:
    numbered = pl.struct(pl.element().struct.field("name"), pl.lit("7").alias("uid"))
    table = both(tmp_path, pl.col("user").struct.with_fields(pl.field("groups").list.eval(numbered)))
    assert changes_of(table) == [("user.groups[].uid", "new field of user.groups[]")]
    assert column(table, "user.groups")[0] == [{"name": "staff", "uid": None}, {"name": "admins", "uid": None}]
    assert column(table, "user.groups")[3] == [{"name": "staff", "uid": "7"}, {"name": "admins", "uid": "7"}]


def test_a_column_that_is_gone_is_null_after(tmp_path: Path) -> None:
    month(tmp_path, 1, pl.lit("x").alias("message"))
    month(tmp_path, 2)
    assert column(read(tmp_path), "message") == ["x", "x", None, None]


def test_integer_widths_are_widened(tmp_path: Path) -> None:
    narrow = pl.col("src_endpoint").struct.with_fields(pl.field("port").cast(pl.UInt16))
    table = both(tmp_path, narrow, pl.col("severity_id").cast(pl.Int8))
    assert changes_of(table) == [
        ("severity_id", "Int64 became Int8: widened"),
        ("src_endpoint.port", "Int64 became UInt16: widened"),
    ]
    assert table.events.collect_schema()["src_endpoint.port"] == pl.Int64
    assert column(table, "src_endpoint.port") == [50123] * 4


def test_a_column_of_another_type_is_cast_where_it_can_be(tmp_path: Path) -> None:
    ports = pl.Series(["443", "https"])
    text = pl.col("src_endpoint").struct.with_fields(pl.lit(ports).alias("port"))
    table = both(tmp_path, text)
    assert changes_of(table) == [
        ("src_endpoint.port", "Int64 became String: cast, and what cannot be cast is quarantined")
    ]
    assert column(table, "src_endpoint.port") == [50123, 50123, 443]
    assert table.summary.quarantined == {"src_endpoint.port: expected integer, got string": 1}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (pl.lit(True).alias("severity_id"), "severity_id: expected integer, got boolean"),
        (pl.lit(1.5).alias("severity_id"), "severity_id: expected integer, got number"),
        (pl.lit(2**63, dtype=pl.UInt64).alias("severity_id"), "severity_id: too large for 64 bits"),
        (pl.lit(1).alias("is_mfa"), "is_mfa: expected boolean, got integer"),
        (pl.lit("ada").alias("user"), "user: expected object, got string"),
        (pl.struct(pl.lit(1).alias("a")).alias("status"), "status: expected string, got object"),
        (pl.concat_list("status").alias("status"), "status: expected string, got array"),
        (pl.lit(b"\xff").alias("status"), "status: expected string, got binary"),
        (
            pl.col("metadata").struct.with_fields(pl.lit("cloud").alias("profiles")),
            "metadata.profiles: expected array, got string",
        ),
        (
            pl.col("user").struct.with_fields(pl.concat_list(pl.lit("staff")).alias("groups")),
            "user.groups[]: expected object, got string",
        ),
    ],
)
def test_what_cannot_be_cast_is_quarantined(tmp_path: Path, changed: pl.Expr, reason: str) -> None:
    table = both(tmp_path, changed, is_mfa=True)
    assert table.summary.quarantined == {reason: 2}
    assert column(table, "metadata.uid") == ["event-10", "event-11"]


@pytest.mark.parametrize(
    ("changed", "name", "value"),
    [
        (pl.col("time").cast(pl.Datetime("ms")), "time", TIME + 21),
        (pl.lit(1.0).alias("severity_id"), "severity_id", 1),
        (pl.lit(b"Success").alias("status"), "status", "Success"),
        (pl.lit(5).alias("message"), "message", "5"),
        (pl.lit("red", dtype=pl.Categorical).alias("color"), "color", "red"),
        (pl.struct(pl.lit(1).alias("a"), pl.lit("ü").alias("b")).alias("unmapped"), "unmapped", '{"a":1,"b":"ü"}'),
        (pl.from_epoch("time", time_unit="ms").alias("time_dt"), "time_dt", "2023-11-14T22:13:20.021"),
    ],
)
def test_a_cast_that_loses_nothing(tmp_path: Path, changed: pl.Expr, name: str, value: object) -> None:
    table = both(tmp_path, changed)
    assert table.summary.rows_quarantined == 0
    assert str(column(table, name)[-1]).removesuffix("000") == str(value)


@pytest.mark.parametrize("order", list(permutations(("whole", "fraction", "text"))))
def test_a_column_that_ocsf_does_not_know_is_widened_whatever_the_order(tmp_path: Path, order: tuple[str, ...]) -> None:
    shoes = {"whole": pl.lit(1, dtype=pl.Int16), "fraction": pl.lit(2.5), "text": pl.lit("large")}
    for number, kind in enumerate(order):
        month(tmp_path, number, shoes[kind].alias("shoe"))
    table = read(tmp_path)
    texts = {"whole": "1", "fraction": "2.5", "text": "large"}
    assert column(table, "shoe") == [texts[kind] for kind in order for _ in range(2)]
    assert table.summary.rows_quarantined == 0
    assert table.summary.drift[-1].change.endswith(
        "kept as text" if order[-1] == "text" or "text" in order[:2] else "widened"
    )


def test_json_widens_too_and_is_compared_with_parquet(tmp_path: Path) -> None:
    lines = [sign_in(1, shoe=1, sizes=[1], hand=1), sign_in(2, shoe=2.5, sizes=[1, 2.5]), sign_in(3, hand="left")]
    lines += [sign_in(5, shoe=3, severity_id=2.0, user={"name": None})]
    write_lines(tmp_path / "a.jsonl", lines)
    pl.DataFrame([sign_in(4, shoe=4, sizes=[], hat=1)]).write_parquet(tmp_path / "b.parquet")
    table = read(tmp_path)
    assert column(table, "shoe") == [1.0, 2.5, None, 3.0, 4.0]
    assert column(table, "sizes") == [[1.0], [1.0, 2.5], None, None, []]
    assert column(table, "hand") == ["1", None, "left", None, None]
    assert column(table, "severity_id")[3] == 2
    assert column(table, "user.name")[3] is None
    assert table.summary.quarantined == {}
    assert Drift("b.parquet", "hat", "new column") in table.summary.drift


def test_other_classes_are_no_drift(tmp_path: Path) -> None:
    pl.DataFrame([sign_in(1)]).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "class=other").mkdir()
    pl.DataFrame([sign_in(2, hat=1)]).write_parquet(tmp_path / "class=other" / "a.parquet")
    assert read(tmp_path).summary.drift == []


def test_a_column_that_occurs_twice_rejects_its_rows(tmp_path: Path) -> None:
    month(tmp_path, 1)
    month(tmp_path, 2, pl.lit("eve").alias("user.name"))
    table = read(tmp_path)
    assert table.summary.quarantined == {"user.name: occurs twice, with and without dots in a name": 2}
    assert table.summary.rows_out == 2


@pytest.mark.parametrize("statistics", [True, False])
def test_large_numbers_keep_their_digits_beside_fractions(tmp_path: Path, statistics: bool) -> None:
    for number, (name, odd) in enumerate({"a": [2**53 + 1, 7], "b": [0.5, 2.0]}.items()):
        events = [sign_in(2 * number + place, odd=value) for place, value in enumerate(odd)]
        pl.DataFrame(events).write_parquet(tmp_path / f"{name}.parquet", statistics=statistics)
    table = read(tmp_path)
    assert column(table, "odd") == ["9007199254740993", "7", "0.5", "2"]
    assert [drift.change for drift in table.summary.drift] == ["Int64 became Float64: kept as text"]
