"""What is read, what is not, and that the counts add up: in = out + quarantined."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sign_ins import TIME, sign_in, write_lines

from residual.ocsf.read import Table, read
from residual.ocsf.records import Limits

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "security-lake" / "samples"


def write_parquet(path: Path, events: list[dict[str, Any]], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(events, infer_schema_length=None, **options).write_parquet(path)
    return path


def rejects(table: Table) -> list[dict[str, Any]]:
    return [json.loads(line) for line in table.quarantine.read_text().splitlines()]


def uids(table: Table) -> list[str]:
    return table.events.select("metadata.uid").collect().to_series().to_list()


def assert_adds_up(table: Table) -> None:
    summary = table.summary
    assert summary.rows_in == summary.rows_out + summary.rows_quarantined
    assert table.events.select(pl.len()).collect().item() == summary.rows_out
    rows = [reject for reject in rejects(table) if "rows" not in reject]
    whole_files = sum(reject["rows"] or 0 for reject in rejects(table) if "rows" in reject)
    assert len(rows) + whole_files == summary.rows_quarantined


@pytest.mark.parametrize(
    "kind", ["events.parquet", "events.jsonl", "events.json", "events.ndjson.gz", "events.json.gz"]
)
def test_the_same_events_are_the_same_table_in_every_format(tmp_path: Path, kind: str) -> None:
    events = [sign_in(n, is_mfa=None if n % 2 else True) for n in range(5)]
    path = tmp_path / kind
    if kind == "events.parquet":
        write_parquet(path, events)
    elif ".json" in path.suffixes:
        text = json.dumps(events, indent=1 if kind.endswith("json") else None).encode()
        path.write_bytes(gzip.compress(text) if kind.endswith(".gz") else text)
    else:
        write_lines(path, events)
        path.write_bytes(gzip.compress(path.read_bytes()) if kind.endswith(".gz") else path.read_bytes())
    table = read(tmp_path)
    assert_adds_up(table)
    frame = table.events.collect()
    assert frame.schema["time"] == frame.schema["src_endpoint.port"] == pl.Int64
    assert frame.row(1, named=True) == {
        "class_uid": 3002, "category_uid": 3, "activity_id": 1, "type_uid": 300201, "severity_id": 1,
        "time": TIME + 1, "status_id": 1, "status": "Success",
        "metadata.version": "1.8.0", "metadata.uid": "event-1", "metadata.profiles": ["cloud"],
        "metadata.product.name": "directory", "cloud.provider": "aws", "user.name": "ada",
        "user.groups": [{"name": "staff"}, {"name": "admins"}], "src_endpoint.ip": "10.0.0.1",
        "src_endpoint.port": 50123, "service.name": "console", "is_mfa": None,
    }  # fmt: skip
    assert frame["is_mfa"].to_list() == [True, None, True, None, True]


def test_one_file_and_one_pretty_event(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps(sign_in(), indent=2))
    assert uids(read(path)) == ["event-0"]


def test_partitions_become_columns_and_files_that_are_no_events_are_listed(tmp_path: Path) -> None:
    for day in ("20240101", "20240102"):
        folder = tmp_path / "ext" / "aws" / "region=eu-west-1" / "accountId=1234" / f"eventDay={day}"
        write_parquet(folder / "part.parquet", [sign_in(int(day))])
        write_lines(folder / "part.jsonl", [sign_in(int(day) + 10)])
    (tmp_path / "README.md").write_text("not events")
    write_lines(tmp_path / "_temporary" / "half.jsonl", [sign_in()])
    table = read(tmp_path)
    frame = table.events.collect()
    assert_adds_up(table)
    assert frame["eventDay"].to_list() == ["20240101"] * 2 + ["20240102"] * 2
    assert frame["region"].unique().to_list() == ["eu-west-1"]
    assert frame.columns[-3:] == ["region", "accountId", "eventDay"]
    assert table.summary.ignored == ["README.md", "_temporary/half.jsonl"]
    assert table.summary.drift == []


def test_labels_of_a_simulation_are_not_events(tmp_path: Path) -> None:
    write_parquet(tmp_path / "events" / "class=authentication" / "part.parquet", [sign_in()])
    pl.DataFrame({"metadata.uid": ["event-0"], "type": ["beacon"]}).write_parquet(tmp_path / "labels.parquet")
    table = read(tmp_path)
    assert (table.summary.files, table.summary.rows_in) == (1, 1)
    assert "type" not in table.events.collect_schema()


def test_wanted_columns_are_typed_even_where_no_file_has_them(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [sign_in()])
    wanted = ["duration", "time", "http_request.user_agent", "is_mfa", "metadata.profiles", "metadata.labels"]
    frame = read(tmp_path, columns=wanted).events.collect()
    assert frame.schema == {
        "duration": pl.Int64, "time": pl.Int64, "http_request.user_agent": pl.String, "is_mfa": pl.Boolean,
        "metadata.profiles": pl.List(pl.String), "metadata.labels": pl.List(pl.String),
    }  # fmt: skip
    assert frame.row(0) == (None, TIME, None, None, ["cloud"], None)
    for name in ("shoe.size", "user"):
        with pytest.raises(ValueError, match=f"columns: '{name}' is in no file and is no column of OCSF"):
            read(tmp_path, columns=[name])


BAD_EVENTS: list[tuple[dict[str, Any], str]] = [
    ({"time": None}, "time: required, but missing"),
    ({"class_uid": None}, "class_uid: required, but missing"),
    ({"metadata": {"uid": "x", "product": {"name": "p"}}}, "metadata.version: required, but missing"),
    ({"class_uid": 9999}, "class_uid: no class of OCSF 1.8.0"),
    ({"time": TIME // 1000}, "time: too early for milliseconds since 1970 (is it in seconds?)"),
    ({"time": TIME * 1000}, "time: too late for milliseconds since 1970 (is it in microseconds?)"),
    (
        {"session": {"created_time": TIME // 1000}},
        "session.created_time: too early for milliseconds since 1970 (is it in seconds?)",
    ),
]


@pytest.mark.parametrize(("changes", "reason"), BAD_EVENTS)
@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_bad_event_is_quarantined_with_the_reason(
    tmp_path: Path, changes: dict[str, Any], reason: str, suffix: str
) -> None:
    events = [sign_in(0), sign_in(1, **changes), sign_in(2)]
    path = tmp_path / f"a.{suffix}"
    write_lines(path, events) if suffix == "jsonl" else write_parquet(path, events)
    table = read(tmp_path)
    assert_adds_up(table)
    assert uids(table) == ["event-0", "event-2"]
    assert table.summary.quarantined == {reason: 1}
    (reject,) = rejects(table)
    raw = json.loads(reject["raw"]) if suffix == "jsonl" else reject["raw"]
    assert (reject["file"], reject.get("line", reject.get("row")), reject["reason"]) == (
        path.name,
        2 if suffix == "jsonl" else 1,
        reason,
    )
    assert raw == events[1]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"time": 17', "not JSON: Expecting ',' delimiter"),
        ('{"message": "cut in the mid', "not JSON: Unterminated string starting at"),
        (b'{"message": "\xff\xfe"}', "not UTF-8"),
        ("5", "expected object, got integer"),
        ("null", "expected object, got null"),
        (json.dumps(sign_in(time="yesterday")), "time: expected integer, got string"),
        (json.dumps(sign_in(time=1.5)), "time: expected integer, got number"),
        (json.dumps(sign_in(status={"text": "x"})), "status: expected string, got object"),
        (json.dumps(sign_in(user="ada")), "user: expected object, got string"),
        (json.dumps(sign_in(is_mfa=1)), "is_mfa: expected boolean, got integer"),
        (json.dumps(sign_in(user={"groups": ["staff"]})), "user.groups[]: expected object, got string"),
        (json.dumps(sign_in(user={"groups": {"name": "staff"}})), "user.groups: expected array, got object"),
        (json.dumps(sign_in(duration=2**63)), "duration: too large for 64 bits"),
        (json.dumps(sign_in(message="\ud800")), "message: no Unicode, it holds a lone surrogate"),
        (json.dumps(sign_in() | {"\ud800": 1}), "a name is no Unicode, it holds a lone surrogate"),
        (json.dumps(sign_in() | {"user.name": "eve"}), "user.name: occurs twice, with and without dots in a name"),
        ('{"time": NaN}', "not JSON: NaN is no JSON value"),
        ("[" * 100_000, "not JSON: nested too deeply"),
        (json.dumps(sign_in(unknown={"a": {"b": {"c": {}}}})), "nested deeper than 4"),
        (json.dumps(sign_in(user={"groups": [{"a": {"b": 1}}]})), "nested deeper than 4"),
    ],
)
def test_a_bad_line_is_quarantined_and_the_others_go_on(tmp_path: Path, line: str | bytes, reason: str) -> None:
    write_lines(tmp_path / "a.jsonl", [sign_in(1), line, "", sign_in(2)])
    table = read(tmp_path, limits=Limits(depth=4))
    assert_adds_up(table)
    assert uids(table) == ["event-1", "event-2"]
    (reject,) = rejects(table)
    assert (reject["line"], reject["reason"]) == (2, reason)
    assert reject["raw"] == (line if isinstance(line, str) else line.decode(errors="backslashreplace"))


def test_the_first_of_equal_uids_is_kept(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [sign_in(1), sign_in(2, time=None), sign_in(1)])
    write_parquet(tmp_path / "b.parquet", [sign_in(2), sign_in(3), sign_in(3, message="again")])
    without = sign_in(metadata={"version": "1.8.0", "product": {"name": "p"}})
    write_lines(tmp_path / "c.jsonl", [sign_in(2), without, without])
    table = read(tmp_path)
    assert_adds_up(table)
    assert uids(table) == ["event-1", "event-2", "event-3", None, None]
    assert table.summary.quarantined == {"metadata.uid: seen before": 3, "time: required, but missing": 1}


@pytest.mark.parametrize(
    "asked",
    [
        lambda events: events.select("time", "metadata.uid"),
        lambda events: events.select(pl.len()),
        lambda events: events.select(pl.lit(1).alias("one"), "type_uid"),
        lambda events: events.filter(pl.col("metadata.uid") > "event-3").select("message"),
        lambda events: events.filter(pl.col("message").is_null()).head(2),
        lambda events: events.head(4).filter(pl.col("message").is_null()),
        lambda events: events.slice(2, 3),
        lambda events: events.tail(2),
        lambda events: events.join(events.select("metadata.uid"), on="metadata.uid", maintain_order="left"),
    ],
)
@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_part_of_a_table_is_part_of_the_whole(tmp_path: Path, asked: Callable[[Any], Any], engine: Any) -> None:
    write_parquet(tmp_path / "day=1" / "a.parquet", [sign_in(0), sign_in(1, time=5), sign_in(2, type_uid=None)])
    write_lines(tmp_path / "day=2" / "b.jsonl", [sign_in(3, message="x"), sign_in(0), sign_in(4)])
    write_parquet(tmp_path / "day=3" / "c.parquet", [sign_in(5, message="y"), sign_in(6), sign_in(6)])
    table = read(tmp_path)
    whole = table.events.collect(engine=engine)
    assert uids(table) == [f"event-{n}" for n in (0, 2, 3, 4, 5, 6)]
    assert_frame_equal(asked(table.events).collect(engine=engine), asked(whole.lazy()).collect())


def test_a_truncated_parquet_is_a_file_of_unknown_rows(tmp_path: Path) -> None:
    whole = write_parquet(tmp_path / "a.parquet", [sign_in(0)])
    (tmp_path / "b.parquet").write_bytes(whole.read_bytes()[:-100])
    (tmp_path / "c.parquet").write_bytes(b"")
    table = read(tmp_path)
    assert_adds_up(table)
    assert (table.summary.files, table.summary.rows_in, table.summary.rows_out) == (3, 1, 1)
    assert table.summary.unknown == {
        "b.parquet": "no whole Parquet file: Parquet magic bytes not found in footer. "
        "Either the file is corrupted or this is not a parquet file.",
        "c.parquet": "no whole Parquet file: Parquet file size is 0 bytes",
    }
    assert [reject["rows"] for reject in rejects(table)] == [None, None]


def test_a_page_that_promises_a_negative_number_of_values(tmp_path: Path) -> None:
    whole = write_parquet(tmp_path / "a.parquet", [sign_in(0)]).read_bytes()
    one, less_than_none = b"\x2c\x15\x02\x15", b"\x2c\x15\x03\x15"  # the beginning of a page's header
    assert one in whole
    (tmp_path / "a.parquet").write_bytes(whole.replace(one, less_than_none, 1))
    table = read(tmp_path)
    assert_adds_up(table)
    (reason,) = table.summary.quarantined
    assert reason.startswith("a page cannot be decoded: ")
    assert table.events.collect().height == 0


def test_a_parquet_with_a_broken_page_is_rejected_whole_and_its_uids_are_free_again(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", [sign_in(n, message=f"{n * 7919:x}" * 9) for n in range(300)])
    content = bytearray(path.read_bytes())
    middle = content.find(b"\x28\xb5\x2f\xfd", 2000)  # where a zstd frame begins
    content[middle : middle + 8] = b"\0" * 8
    path.write_bytes(content)
    write_parquet(tmp_path / "b.parquet", [sign_in(5)])
    table = read(tmp_path)
    assert_adds_up(table)
    assert uids(table) == ["event-5"]
    (reason,) = table.summary.quarantined
    assert reason.startswith("a page cannot be decoded: ")
    assert table.summary.quarantined[reason] == 300


def test_a_gzip_stream_that_breaks_off_gives_what_came_before(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl.gz", [sign_in(n) for n in range(2000)])
    packed = gzip.compress(path.read_bytes())
    path.write_bytes(packed[: len(packed) // 2])
    table = read(tmp_path)
    assert_adds_up(table)
    assert 0 < table.summary.rows_out < 2000
    assert table.summary.unknown == {
        "a.jsonl.gz": "broken off: Compressed file ended before the end-of-stream marker was reached"
    }


def test_a_gzip_bomb_is_refused_by_the_stated_limit(tmp_path: Path) -> None:
    line = (json.dumps(sign_in()) + "\n").encode()
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(line * 3 + b"\n" * 3_000_000))
    write_lines(tmp_path / "good.jsonl", [sign_in(1)])
    table = read(tmp_path, limits=Limits(free_bytes=1_000_000))
    assert_adds_up(table)
    assert uids(table) == ["event-0", "event-1"]
    assert table.summary.unknown == {"bomb.jsonl.gz": "gzip unpacks to more than 200 times its size"}


def test_a_long_line_is_refused_by_the_stated_limit_and_only_its_beginning_kept(tmp_path: Path) -> None:
    long = json.dumps(sign_in(message="x" * 2_000_000))
    write_lines(tmp_path / "a.jsonl", [sign_in(1), long, sign_in(2), long + "x" * 700_000])
    (tmp_path / "b.json").write_text(f"[{json.dumps(sign_in(3))}, {json.dumps(sign_in(4, message='x' * 300_000))}]")
    table = read(tmp_path, limits=Limits(line_bytes=200_000))
    assert_adds_up(table)
    assert uids(table) == ["event-1", "event-2", "event-3"]
    assert table.summary.quarantined["longer than 200000 bytes"] >= 2
    assert max(len(reject.get("raw", "")) for reject in rejects(table)) == 1000
    assert Limits().line_bytes == 16 * 2**20 < 100_000_000


def test_columns_are_limited(tmp_path: Path) -> None:
    wild = [sign_in(n, wild={f"field {n}": 1}) for n in range(5)]
    write_lines(tmp_path / "a.jsonl", wild)
    there = len(read(tmp_path).events.collect_schema())
    table = read(tmp_path, limits=Limits(columns=there - 2))
    assert_adds_up(table)
    assert table.summary.quarantined == {f"more than {there - 2} columns": 2}


@pytest.mark.parametrize(
    ("text", "reason", "kept"),
    [
        ("[{}, {}", "the array breaks off after value 2", 2),
        ("[{}, {} {}]", "the array breaks off after value 2", 2),
        ("[{}, {", "value 2 has no end: not JSON: Expecting property name enclosed in double quotes", 1),
        ("[{}] x", "value 2 has no end: not JSON: Expecting value", 1),
        ('{"Records": [{}, {}', "the array breaks off after value 2", 2),
        ('{"Records": [{}], "more": 1', "value 1 has no end: not JSON: Expecting ',' delimiter", 1),
    ],
)
def test_a_broken_array_gives_what_came_before(tmp_path: Path, text: str, reason: str, kept: int) -> None:
    for number in range(text.count("{}")):
        text = text.replace("{}", json.dumps(sign_in(number)), 1)
    (tmp_path / "a.json").write_text(text)
    table = read(tmp_path)
    assert_adds_up(table)
    assert uids(table) == [f"event-{number}" for number in range(kept)]
    assert table.summary.unknown == {"a.json": reason}


def test_empty_folders_files_and_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no events in .*: expected files in \.parquet, \.json, \.jsonl, \.ndjson"):
        read(tmp_path)
    with pytest.raises(
        ValueError, match=r"folder must be a folder or a file of events, got .*nowhere, which does not exist"
    ):
        read(tmp_path / "nowhere")
    (tmp_path / "empty.jsonl").write_bytes(b"")
    table = read(tmp_path, columns=["time", "user.name"])
    assert_adds_up(table)
    assert table.events.collect().schema == {"time": pl.Int64, "user.name": pl.String}
    with pytest.raises(ValueError, match="quarantine must be outside the folder that is read"):
        read(tmp_path, quarantine=tmp_path / "rejects.jsonl")
    with pytest.raises(ValueError, match="line_bytes must be at least 1, got 0"):
        Limits(line_bytes=0)
    with pytest.raises(ValueError, match="depth must be at most 100, got 101"):
        Limits(depth=101)


def test_one_bad_line_or_long_value_among_many(tmp_path: Path) -> None:
    events: list[Any] = [sign_in(n, odd=n) for n in range(1500)]
    events[700] = sign_in(700, odd="x" * 300_000)
    write_lines(tmp_path / "lines" / "a.jsonl", [*events[:900], "{", *events[900:]])
    (tmp_path / "array").mkdir()
    (tmp_path / "array" / "a.json").write_text(json.dumps([events[700]], indent=1))
    table = read(tmp_path / "lines")
    assert_adds_up(table)
    assert uids(table) == [f"event-{n}" for n in range(1500)]
    assert [entry["line"] for entry in rejects(table)] == [901]
    assert uids(read(tmp_path / "array")) == ["event-700"]


def test_quarantine_goes_where_it_is_asked_to(tmp_path: Path) -> None:
    write_lines(tmp_path / "in" / "a.jsonl", [sign_in(), "{"])
    table = read(tmp_path / "in", quarantine=tmp_path / "out" / "rejects.jsonl")
    assert table.quarantine == tmp_path / "out" / "rejects.jsonl"
    assert len(rejects(table)) == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["rejects.jsonl"]


good = st.builds(sign_in, st.integers(0, 10))
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
damaged = st.builds(
    lambda number, name, value: sign_in(number) | {name: value},
    st.integers(0, 10),
    st.sampled_from(["time", "class_uid", "user", "src_endpoint", "unmapped", "observables", "metadata", "odd", "a.b"]),
    anything,
)
cut = st.builds(lambda event, at: json.dumps(event)[:at].encode(), good, st.integers(1, 400))
lines = st.lists(
    good | damaged | cut | st.binary(min_size=1, max_size=9).filter(lambda line: b"\n" not in line), max_size=12
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(lines, st.booleans())
def test_whatever_the_lines_are_the_counts_add_up(
    tmp_path_factory: pytest.TempPathFactory, lines: list[dict[str, Any] | bytes], packed: bool
) -> None:
    lines = [sign_in(11), *lines]  # else the first might be taken for the beginning of an array, or of packed bytes
    path = write_lines(tmp_path_factory.mktemp("lines") / "a.jsonl", lines)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    table = read(path)
    assert_adds_up(table)
    assert table.summary.unknown == {}
    assert table.summary.rows_in == sum(bool(line.strip()) for line in path_lines(lines))
    kept = uids(table)
    named = [uid for uid in kept if uid is not None]
    assert len(set(named)) == len(named)


def path_lines(lines: list[dict[str, Any] | bytes]) -> list[bytes]:
    return [json.dumps(line).encode() if isinstance(line, dict) else line for line in lines]


@given(st.lists(st.sampled_from(["good", "late", "null", "again"]), min_size=1, max_size=40), st.integers(1, 5))
def test_whatever_the_rows_are_the_counts_add_up(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[str], files: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    changes: dict[str, dict[str, Any]] = {"late": {"time": TIME // 1000}, "null": {"severity_id": None}}
    events = [sign_in(0 if kind == "again" else n + 1, **changes.get(kind, {})) for n, kind in enumerate(kinds)]
    for number in range(files):
        if part := events[number::files]:
            write_parquet(folder / f"{number}.parquet", part, schema_overrides={"severity_id": pl.Int32})
    table = read(folder)
    assert_adds_up(table)
    again = kinds.count("again")
    assert table.summary.quarantined == {
        reason: count
        for reason, count in {
            "time: too early for milliseconds since 1970 (is it in seconds?)": kinds.count("late"),
            "severity_id: required, but missing": kinds.count("null"),
            "metadata.uid: seen before": max(0, again - 1),
        }.items()
        if count
    }


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no ../shared/data/security-lake beside the repository")
def test_every_security_lake_sample_is_read() -> None:
    for path in sorted(SAMPLES.rglob("*.parquet")):
        table = read(path)
        assert (table.summary.rows_in, table.summary.rows_out) == (1, 1), path.name
        assert table.events.collect().height == 1
    table = read(SAMPLES)
    assert_adds_up(table)
    assert (table.summary.files, table.summary.rows_in) == (34, 34)
    assert table.summary.quarantined == {"metadata.uid: seen before": 1}  # two of the samples are the same event
    assert {"actor.user.uuid", "cloud.account_uid", "unmapped"} <= set(table.events.collect_schema())
