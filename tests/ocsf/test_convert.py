"""Logs become OCSF: what every source has in common. Zeek's own in test_convert_zeek, CloudTrail's in _cloudtrail."""

import gzip
import json
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pytest
from commands import run, said
from conversions import converted

from residual import cli
from residual.ocsf.convert import convert
from residual.ocsf.convert.draft import Draft, mapping
from residual.ocsf.read import read
from residual.ocsf.records import Record

CALL = {
    "eventTime": "2024-08-02T08:53:24Z", "eventID": "a", "eventName": "GetObject", "eventSource": "s3.amazonaws.com",
    "sourceIPAddress": "1.2.3.4", "userIdentity": {"arn": "arn:aws:iam::1:user/ada"},
}  # fmt: skip


def text(*calls: object) -> bytes:
    return "\n".join(json.dumps(call) for call in calls).encode()


@pytest.mark.parametrize(
    "content",
    [
        text(CALL, CALL),
        text([CALL, CALL]),
        text([CALL], [CALL]),
        text({"Records": [CALL]}, {"Records": [CALL]}),
        json.dumps([CALL, CALL], indent=2).encode(),
        json.dumps({"Records": [CALL, CALL]}, indent=2).encode(),
        2 * json.dumps(CALL, indent=2).encode(),
        b"\xef\xbb\xbf" + text(CALL, CALL),
        text(CALL, CALL).decode().encode("utf-16"),
        gzip.compress(text(CALL, CALL)),
        gzip.compress(text({"Records": [CALL, CALL]})),
        pa.compress(text(CALL, CALL), codec="zstd", asbytes=True),
    ],
)
def test_json_in_any_wrapping(tmp_path: Path, content: bytes) -> None:
    events, quarantine = converted(tmp_path, content)
    assert [event["api"]["operation"] for event in events] == ["GetObject", "GetObject"]
    assert not quarantine


def test_the_hash_is_that_of_the_record_as_it_stands(tmp_path: Path) -> None:
    line = json.dumps(CALL).replace(" ", "  ").encode()
    for content in (line, b"[" + line + b"]", gzip.compress(line + b"\r\n")):
        (event,), _ = converted(tmp_path, content)
        assert event["raw_data_hash"] == {"algorithm_id": 3, "algorithm": "SHA-256", "value": sha256(line).hexdigest()}


@pytest.mark.parametrize(
    ("content", "good", "place", "reason"),
    [
        (text(CALL) + b'\n{"eventTime": "20', 1, "line 2", "not JSON: Unterminated string starting at"),
        (text(CALL) + b"\n[1]", 1, "line 2", "expected a JSON object"),
        (text(CALL) + b'\n{"a": 1, "a": 2}', 1, "line 2", "not JSON: a name occurs twice in an object"),
        (text(CALL) + b'\n{"a": NaN}', 1, "line 2", "not JSON: NaN is no JSON value"),
        (text(CALL) + b'\n{"a": ' + 5000 * b"1" + b"}", 1, "line 2", "not JSON: a number is too long"),
        (text(CALL) + b"\n" + 100_000 * b'{"a":', 1, "line 2", "nested too deeply"),
        (text(CALL) + b'\n{"a": "\xff"}', 1, "line 2", "not UTF-8"),
        (text({**CALL, "eventTime": "yesterday"}), 0, "line 1", "eventTime: expected a time"),
        (
            text({**CALL, "eventTime": "1970-01-02T00:00:00Z"}),
            0,
            "line 1",
            "eventTime: expected a time between March 1973",
        ),
        (text([CALL, CALL])[:-9], 1, "after value 1", "the file breaks off here (value 2 has no end"),
        (text([CALL])[:-1], 1, "after value 1", "the file breaks off here (the array breaks off"),
        (
            gzip.compress(text(CALL) + b"\n" + sha256(b"").hexdigest().encode())[:-20],
            1,
            "after line 1",
            "the file breaks off here",
        ),
        (text(CALL) + b"\n" + (2**24 + 1) * b"x" + b"\n" + text(CALL), 2, "line 2", "longer than 16777216 bytes"),
    ],
)
def test_what_cannot_be_converted_has_a_place_and_a_reason(
    tmp_path: Path, content: bytes, good: int, place: str, reason: str
) -> None:
    events, (reject,) = converted(tmp_path, content)
    assert len(events) == good
    assert (reject["file"], reject["place"]) == ("0-conn.log", place)
    assert reject["reason"].startswith(reason)


def test_half_a_character_is_kept_as_it_was_written(tmp_path: Path) -> None:
    (event,), _ = converted(tmp_path, text({**CALL, "eventName": "a\ud800\U0001f600b", "\udfff": 1}))
    assert event["api"]["operation"] == "a\\ud800\U0001f600b"
    assert event["unmapped"] == {"\\udfff": 1}


def test_the_same_file_gives_the_same_ids_and_every_record_its_own(tmp_path: Path) -> None:
    call = {name: value for name, value in CALL.items() if name != "eventID"}
    first, _ = converted(tmp_path, text(call, call))
    again, _ = converted(tmp_path, gzip.compress(text(call, call)))
    assert first == again
    assert len({event["metadata"]["uid"] for event in first}) == 2
    assert converted(tmp_path, text(CALL))[0][0]["metadata"]["uid"] == "a"


def test_what_was_converted_can_be_read(tmp_path: Path) -> None:
    other = {**CALL, "eventID": "b", "eventName": "ConsoleLogin", "requestParameters": {"deep": [{"x": None}]}}
    converted(tmp_path, text(CALL, other, {"no": "call"}))
    table = read(next(tmp_path.glob("out*")))
    assert table.summary.rows_out == 2
    assert not table.summary.rows_quarantined
    assert table.events.select("metadata.uid").collect()["metadata.uid"].to_list() == ["a", "b"]


@pytest.mark.parametrize(
    ("class_uid", "name", "table"),
    [
        (4001, "zeek.toml", "conn"), (4003, "zeek.toml", "dns"), (4002, "zeek.toml", "http"),
        (4001, "zeek.toml", "ssl"), (6003, "cloudtrail.toml", "event"), (3002, "cloudtrail.toml", "sign_in"),
    ],
)  # fmt: skip
def test_every_place_of_a_mapping_is_one_of_the_class(class_uid: int, name: str, table: str) -> None:
    tables = mapping(name)
    fields = tables.get("all", {}) | tables[table]
    named = {field: "1" for some in fields.values() for field in ([some] if isinstance(some, str) else some)}
    draft = Draft(class_uid, Record(1, b""), named | {"ts": 1.7e9}, "ts", {})
    draft.take_all(fields)
    assert draft.places.keys() >= {path for path in fields if not path.endswith("is_mfa")}


def test_files_are_known_by_what_they_hold(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    (logs / "deep").mkdir(parents=True)
    for name, content in {
        "a.TXT": text(CALL),
        "deep/b": gzip.compress(text(CALL)),
        "c.json": b"\n",
        "d.json": b"\0x",
    }.items():
        (logs / name).write_bytes(content)
    (logs / "e").symlink_to(logs / "a.TXT")
    conversion = convert("cloudtrail", logs, tmp_path / "out")
    assert (conversion.files, conversion.rows_out) == (3, 3)
    assert conversion.passed_over == {"c.json": "empty", "d.json": "not records of CloudTrail: JSON"}


def test_what_is_asked_for_wrongly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs, full, out = tmp_path / "logs", tmp_path / "full", tmp_path / "out"
    for folder in (logs, full):
        folder.mkdir()
    (full / "something").write_text("text")
    for arguments, message in (
        (("splunk", full, out), "source must be zeek or cloudtrail, got 'splunk'"),
        (("zeek", tmp_path / "none", out), "which does not exist"),
        (("zeek", logs, out), "no logs in"),
        (("zeek", full, out), "no logs in"),
        (("zeek", logs, full), "out must be a new or an empty folder"),
        (("zeek", logs, logs / "out"), "out must be outside"),
    ):
        source, folder, target = map(str, arguments)
        assert message in said(cli.main, capsys, "convert", source, folder, "--out", target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "logs"]


def test_the_command_counts_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.json").write_bytes(text(CALL, {}))
    (logs / "b.md").write_bytes(b"notes")
    run(cli.main, "convert", "cloudtrail", str(logs), "--out", str(tmp_path / "out"))
    out = capsys.readouterr().out
    for part in (
        "1 files, 2 records, 1 events",
        "1 API Activity (6003)",
        "1 quarantined: eventTime: exp",
        "over: 'b.md'",
    ):
        assert part in out
