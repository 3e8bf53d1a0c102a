"""Kinds of input that people have and that once failed: each is read, or has a reason."""

import datetime as dt
import json
import os
import uuid
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sign_ins import TIME, sign_in, write_lines

from residual.ocsf.bulk import validate_folder
from residual.ocsf.read import Table, read

NOON = dt.datetime(2025, 8, 12, 12, tzinfo=dt.UTC)


def arrow(path: Path, events: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(events), path)
    return path


def column(table: Table, name: str) -> list[Any]:
    assert table.summary.rows_in == table.summary.rows_out + table.summary.rows_quarantined
    return table.events.select(name).collect().to_series().to_list()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"text", '{"x":"text"}'),
        ({"y": None, "z": 1.0}, '{"x":{"z":1}}'),
        (float("nan"), '{"x":"nan"}'),
        (NOON, '{"x":"2025-08-12T12:00:00+00:00"}'),
    ],
)
def test_a_struct_that_may_be_any_json_is_text(tmp_path: Path, value: object, text: str) -> None:
    assert column(read(arrow(tmp_path / "a.parquet", [sign_in(unmapped={"x": value})])), "unmapped") == [text]


def test_bytes_that_are_no_text_and_maps_with_numbers_as_keys(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([sign_in(n) for n in range(2)])
    keyed = pa.array([[(1, b"a")], [(2, b"\xff")]], pa.map_(pa.int32(), pa.binary()))
    pq.write_table(table.append_column("unmapped", keyed), tmp_path / "a.parquet")
    found = read(tmp_path)
    assert column(found, "unmapped") == ['{"1":"a"}']
    assert found.summary.quarantined == {"unmapped: expected string, got object": 1}
    assert validate_folder(tmp_path).events == 2


def test_json_text_of_arrows_own_type(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([sign_in()]).append_column("unmapped", pa.array(['{"a": 1}'], pa.json_()))
    pq.write_table(table, tmp_path / "a.parquet")
    assert column(read(tmp_path), "unmapped") == ['{"a": 1}']


def test_a_rejected_row_of_views_keeps_its_text(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([sign_in(0), sign_in(1, time=None)])
    message = pa.array(["one", "a text too long for a view to hold itself"], pa.string_view())
    pq.write_table(table.append_column("message", message), tmp_path / "a.parquet")
    read_table = read(tmp_path)
    assert column(read_table, "message") == ["one"]
    (reject,) = map(json.loads, read_table.quarantine.read_text().splitlines())
    assert reject["raw"]["message"] == "a text too long for a view to hold itself"


@pytest.mark.parametrize("number", ["c3f1a2b4-9d8e-4f70-8a91-b2c3d4e5f607", "41424344-4546-4748-494a-4b4c4d4e4f50"])
def test_a_uuid_has_its_canonical_text(tmp_path: Path, number: str) -> None:
    table = pa.Table.from_pylist([sign_in()])
    version, product = (table["metadata"].combine_chunks().field(name) for name in ("version", "product"))
    column_of = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([uuid.UUID(number).bytes], pa.binary(16)))
    metadata = pa.StructArray.from_arrays([version, column_of, product], ["version", "uid", "product"])
    table = table.drop_columns(["metadata", "cloud"]).append_column("metadata", metadata)
    pq.write_table(table, tmp_path / "a.parquet")
    assert column(read(tmp_path), "metadata.uid") == [number]
    assert validate_folder(tmp_path).invalid == 0


def test_times_are_milliseconds_wherever_they_stand(tmp_path: Path) -> None:
    more = {"enrichments": [{"name": "geo", "value": "x", "data": "{}", "created_time": NOON}]}
    arrow(tmp_path / "a.parquet", [sign_in(time=NOON, **more), sign_in(1, time=NOON, status="Failure", **more)])
    table, ms = read(tmp_path), int(NOON.timestamp() * 1000)
    assert column(table, "time") == [ms, ms]
    assert column(table, "enrichments")[0][0]["created_time"] == ms
    assert list(validate_folder(tmp_path).faults) == ['$.status: expected "Success", the caption of status_id 1']


def test_a_partition_fills_the_column_in_its_type(tmp_path: Path) -> None:
    without = {name: value for name, value in sign_in().items() if name != "class_uid"}
    arrow(tmp_path / "class_uid=3002" / "a.parquet", [without])
    write_lines(tmp_path / "class_uid=3002" / "b.jsonl", [without | {"time": TIME + 1}])
    table = read(tmp_path)
    assert column(table, "class_uid") == [3002, 3002]
    assert table.events.collect_schema()["class_uid"] == pl.Int64
    assert validate_folder(tmp_path).invalid == 0
    arrow(tmp_path / "class_uid=sign-in" / "c.parquet", [without])
    assert read(tmp_path).summary.quarantined == {"class_uid: expected integer, got string 'sign-in' in the path": 1}


def test_odd_partitions(tmp_path: Path) -> None:
    lake = tmp_path / "env=prod" / "lake"
    for name in ("tenant=YWI=", "tenant=a%2Fb", "env=dev", "tenant=__HIVE_DEFAULT_PARTITION__"):
        arrow(lake / name / "a.parquet", [sign_in(len(name))])
        write_lines(lake / name / "b.jsonl", [sign_in(100 + len(name))])
    table = read(lake)
    assert column(table, "tenant") == [None] * 2 + ["YWI="] * 2 + [None] * 2 + ["a/b"] * 2
    assert column(table, "env") == ["dev"] * 2 + [None] * 6


def test_files_are_known_by_what_is_in_them_and_the_others_are_listed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "in", tmp_path / "elsewhere"
    write_lines(folder / "A.JSON", [sign_in(0)])
    arrow(folder / "B.PARQUET", [sign_in(1)])
    (folder / "c.log.gz").write_bytes(pa.compress(json.dumps(sign_in(2)).encode(), codec="gzip", asbytes=True))
    (folder / "d.jsonl.zst").write_bytes(pa.compress(json.dumps(sign_in(3)).encode(), codec="zstd", asbytes=True))
    (folder / "e.ocsf").write_text(json.dumps(sign_in(4), indent=1))
    write_lines(elsewhere / "f.jsonl", [sign_in(5)])
    (folder / "notes.txt").write_text("no events")
    os.symlink("../elsewhere", folder / "linked")
    os.symlink("../elsewhere", folder / "linked-again")
    os.symlink(".", folder / "loop")
    os.symlink("nowhere.parquet", folder / "dangling.parquet")
    table = read(folder)
    assert column(table, "metadata.uid") == [f"event-{n}" for n in range(6)]
    assert table.summary.ignored == ["dangling.parquet", "linked-again", "loop", "notes.txt"]


THREE = [sign_in(n, unmapped={"n": n}) for n in range(3)]


@pytest.mark.parametrize(
    "content",
    [
        "".join(map(json.dumps, THREE)),
        "\n".join(json.dumps(event) for event in THREE).encode("utf-16"),
        json.dumps(THREE),
        "\n".join(json.dumps([event]) for event in THREE),
        "[\n" + ",\n".join(map(json.dumps, THREE)) + "\n]\n",
        json.dumps({"Records": THREE}),
        json.dumps({"events": THREE, "next": None}, indent=2),
        "\n".join(json.dumps(event, indent=2) for event in THREE),
        "\r\n".join(map(json.dumps, THREE)),
    ],
)
def test_json_in_any_form(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = read(path)
    assert column(table, "metadata.uid") == [f"event-{n}" for n in range(3)]
    assert column(table, "unmapped") == ['{"n":0}', '{"n":1}', '{"n":2}']
    assert validate_folder(path).events == 3


def test_a_type_uid_that_is_missing_is_computed_and_counted(tmp_path: Path) -> None:
    events = [sign_in(0), sign_in(1, type_uid=None), sign_in(2, type_uid=None, activity_id=None)]
    write_lines(tmp_path / "a.jsonl", events)
    arrow(tmp_path / "b.parquet", [{n: v for n, v in sign_in(3, activity_id=2).items() if n != "type_uid"}])
    table = read(tmp_path)
    assert column(table, "type_uid") == [300201, 300201, 300202]
    assert table.summary.derived == {"type_uid": 2}
    assert table.summary.quarantined == {"activity_id: required, but missing": 1}


def test_a_uid_at_another_time_is_another_event(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [sign_in(0), sign_in(0, time=TIME + 5), sign_in(0)])
    table = read(tmp_path)
    assert column(table, "time") == [TIME, TIME + 5]
    assert table.summary.quarantined == {"metadata.uid: seen before": 1}


def test_whole_numbers_beside_fractions_lose_no_digit(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [sign_in(0, odd=2**53 + 1), sign_in(1, odd=2)])
    write_lines(tmp_path / "b.jsonl", [sign_in(2, odd=0.5)])
    assert column(read(tmp_path), "odd") == ["9007199254740993", "2", "0.5"]
    assert column(read(tmp_path / "a.jsonl"), "odd") == [2**53 + 1, 2]
