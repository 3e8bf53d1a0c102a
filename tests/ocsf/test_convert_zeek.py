"""Zeek's conn, dns, http and ssl logs become Network, DNS and HTTP Activity."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from conversions import converted, outside
from hypothesis import given
from hypothesis import strategies as st

from residual.ocsf.convert import convert
from residual.ocsf.validate import faults

TYPES = {
    "ts": "time", "uid": "string", "id.orig_h": "addr", "id.orig_p": "port", "id.resp_h": "addr", "id.resp_p": "port",
    "proto": "enum", "service": "string", "duration": "interval", "orig_bytes": "count", "resp_bytes": "count",
    "conn_state": "string", "local_orig": "bool", "local_resp": "bool", "history": "string", "orig_pkts": "count",
    "resp_pkts": "count", "tunnel_parents": "set[string]", "trans_id": "count", "rtt": "interval", "query": "string",
    "qtype_name": "string", "rcode": "count", "AA": "bool", "RD": "bool", "answers": "vector[string]",
    "TTLs": "vector[interval]", "rejected": "bool", "version": "string", "cipher": "string", "server_name": "string",
    "established": "bool", "ja3": "string", "method": "string", "host": "string", "uri": "string",
    "_write_ts": "time", "user_agent": "string", "orig_l2_addr": "string",
    "status_code": "count", "response_body_len": "count",
}  # fmt: skip
BASE = {
    "ts": "1677024003.714845", "uid": "C6SgKom3WB2KEL2ae", "id.orig_h": "192.168.1.107", "id.orig_p": "65164",
    "id.resp_h": "2001:db8::1", "id.resp_p": "443", "proto": "tcp",
}  # fmt: skip
JSON_BASE = {**BASE, "ts": 1677024003.714845, "id.orig_p": 65164, "id.resp_p": 443}


def tsv(log: str, *rows: Mapping[str, str]) -> bytes:
    """A log with tabs, as Zeek writes it."""
    fields = list(dict.fromkeys(name for row in rows for name in row))
    head = ["#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", f"#path\t{log}"]
    head += ["\t".join(["#fields", *fields]), "\t".join(["#types", *(TYPES.get(name, "string") for name in fields)])]
    lines = ["\t".join(row.get(name, "-") for name in fields) for row in rows]
    return "\n".join([*head, *lines, "#close\t2024-08-16-09-45-01"]).encode(errors="surrogateescape")


def one(tmp_path: Path, log: str, **fields: str) -> dict[str, Any]:
    (event,), quarantine = converted(tmp_path, tsv(log, {**BASE, **fields}), source="zeek")
    assert not quarantine
    return event


def test_a_connection(tmp_path: Path) -> None:
    event = one(
        tmp_path, "conn", service="ssl", duration="1.234567", orig_bytes="10", resp_bytes="30", conn_state="SF",
        local_orig="T", local_resp="F", history="ShADad", orig_pkts="1", resp_pkts="2", mine="x",
        tunnel_parents="(empty)",
    )  # fmt: skip
    assert (event["class_uid"], event["activity_name"]) == (4001, "Close")
    assert (event["time"], event["metadata"]["original_time"]) == (1677024003714, "1677024003.714845")
    assert event["src_endpoint"] == {"ip": "192.168.1.107", "port": 65164}
    assert event["connection_info"] == {
        "direction_id": 2, "uid": "C6SgKom3WB2KEL2ae", "protocol_name": "tcp", "flag_history": "ShADad",
    }  # fmt: skip
    assert event["traffic"] == {
        "bytes_out": 10, "bytes_in": 30, "bytes": 40, "packets_out": 1, "packets_in": 2, "packets": 3,
    }  # fmt: skip
    assert (event["duration"], event["app_protocol_name"]) == (1234, "ssl")
    assert event["unmapped"] == {
        "duration": 1.234567, "local_orig": True, "local_resp": False, "tunnel_parents": [], "mine": "x",
    }  # fmt: skip


@pytest.mark.parametrize(("state", "activity"), [("S0", 4), ("REJ", 5), ("RSTR", 2), ("S1", 6), ("-", 6), ("odd", 6)])
def test_how_a_connection_ended(tmp_path: Path, state: str, activity: int) -> None:
    assert one(tmp_path, "conn", conn_state=state)["type_uid"] == 400100 + activity


def test_a_name_that_was_asked_for(tmp_path: Path) -> None:
    event = one(
        tmp_path, "dns", trans_id="7", rtt="0.0215", query="example.org", qtype_name="A", rcode="3", AA="T", RD="T",
        answers="a.example,1.2.3.4", TTLs="300.000000,60.000000", rejected="F",
    )  # fmt: skip
    assert (event["class_uid"], event["activity_name"], event["rcode"]) == (4003, "Traffic", "NXDomain")
    assert event["query"] == {"hostname": "example.org", "type": "A", "packet_uid": 7}
    assert event["answers"] == [
        {"flag_ids": [1, 3], "rdata": "a.example", "ttl": 300}, {"flag_ids": [1, 3], "rdata": "1.2.3.4", "ttl": 60},
    ]  # fmt: skip
    assert (event["status"], event["response_time"] - event["query_time"]) == ("Success", 21)
    assert one(tmp_path, "dns", query="example.org")["activity_name"] == "Query"


def test_a_page_that_was_asked_for(tmp_path: Path) -> None:
    fields = {"host": "example.org", "uri": "/a?b=1", "status_code": "404", "response_body_len": "12", "version": "1.1"}
    event = one(tmp_path, "http", method="GET", **fields)
    assert (event["class_uid"], event["activity_name"]) == (4002, "Get")
    assert event["http_request"]["url"] == {"hostname": "example.org", "path": "/a", "query_string": "b=1"}
    assert event["http_response"] == {"code": 404, "body_length": 12}
    assert one(tmp_path, "http", method="BREW", uri="/")["activity_name"] == "BREW"


def test_a_page_of_which_nothing_is_known(tmp_path: Path) -> None:
    events, (reject,) = converted(tmp_path, tsv("http", {**BASE, "response_body_len": "12"}), source="zeek")
    assert not events
    assert reject["reason"] == "$: at least one of http_request, http_response is needed"


def test_tls_is_a_connection_with_tls(tmp_path: Path) -> None:
    md5 = "e7d705a3286e19ea42f587b344ee6865"
    event = one(tmp_path, "ssl", version="TLSv13", cipher="TLS_X", server_name="example.org", established="T", ja3=md5)
    assert (event["class_uid"], event["activity_name"]) == (4001, "Open")
    assert event["tls"].pop("ja3_hash") == {"algorithm_id": 1, "algorithm": "MD5", "value": md5}
    assert event["tls"] == {"version": "TLSv13", "cipher": "TLS_X", "sni": "example.org"}
    assert one(tmp_path, "ssl", server_name="example.org")["unmapped"] == {"server_name": "example.org"}


@pytest.mark.parametrize("field", ["id.orig_h", "id.resp_p", "orig_bytes", "orig_l2_addr", "ts2"])
def test_a_value_without_a_place_stays_unmapped(tmp_path: Path, field: str) -> None:
    assert one(tmp_path, "conn", **{field: "strange"})["unmapped"][field] == "strange"


def test_bytes_that_are_no_text_are_written_as_zeek_writes_them(tmp_path: Path) -> None:
    assert one(tmp_path, "conn", history="a\udcffb")["connection_info"]["flag_history"] == "a\\xffb"


def test_a_line_with_tabs_may_begin_as_json_does(tmp_path: Path) -> None:
    (event,), _ = converted(tmp_path, tsv("conn", {"mine": "[1]", **BASE}), source="zeek")
    assert event["unmapped"] == {"mine": "[1]"}


def test_json_says_the_same_as_tabs(tmp_path: Path) -> None:
    from_tabs = one(tmp_path, "conn", orig_bytes="10", local_orig="T")
    lines = [
        {**JSON_BASE, "_path": "conn", "orig_bytes": 10, "local_orig": True},
        {**JSON_BASE, "ts": "2023-02-22T00:00:03.714845Z", "orig_bytes": 10, "local_orig": True, "service": None},
    ]
    events, _ = converted(tmp_path, "\n".join(map(json.dumps, lines)).encode(), source="zeek")
    for event in [from_tabs, *events]:
        del event["raw_data_hash"], event["metadata"]["uid"], event["metadata"]["original_time"]
    assert events == [from_tabs, from_tabs]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (tsv("notice", BASE), "no mapping for Zeek's log 'notice', there is one for conn, dns, http, ssl"),
        (tsv("conn", BASE).replace(b"\ttcp\n", b"\n"), "expected 7 fields, got 6"),
        (tsv("conn", BASE).replace(b"\tproto", b"\tuid"), "#fields names a field twice"),
        (tsv("conn", {**BASE, "ts": "-"}), "ts: expected a time, in seconds since 1970 or as in ISO 8601"),
        (
            tsv("conn", {**BASE, "ts": "928.9"}),
            "ts: expected a time between March 1973 and the year 9999; was the clock set?",
        ),
        (tsv("conn", {"ts": BASE["ts"], "uid": "C1"}), "$: at least one of dst_endpoint, src_endpoint is needed"),
        (b"# my own remark", "not JSON: Expecting value"),
    ],
)
def test_what_cannot_be_converted(tmp_path: Path, content: bytes, reason: str) -> None:
    events, (reject,) = converted(tmp_path, content, source="zeek")
    assert not events
    assert reject["reason"] == reason


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r"))
VALUES = st.one_of(
    TEXT,
    st.sampled_from(["-", "(empty)", "T", "F", "0", "-1", "1e400", "nan", "99999999999999999999", "1.5", "a,-"]),
    st.integers().map(str), st.floats().map(str), st.ip_addresses().map(str), st.sampled_from(sorted(BASE.values())),
)  # fmt: skip
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def leaves(value: object) -> list[object]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [value] if inner is None else [leaf for inside in inner for leaf in leaves(inside)]


def balanced(content: bytes, given: Mapping[str, object]) -> None:
    """Of two rows, each becomes a valid event or is quarantined, and the event of the second has all that it says."""
    with TemporaryDirectory() as folder:
        log, out = Path(folder, "conn.log"), Path(folder, "out")
        log.write_bytes(content)
        conversion = convert("zeek", log, out)
        events = [json.loads(line) for path in out.glob("[a-z]*") for line in path.read_text().splitlines()]
        assert conversion.rows_in == conversion.rows_out + conversion.rows_quarantined == 2
        assert len(events) == conversion.rows_out >= 1
        assert all(faults(event) == [] for event in events)
        if len(events) == 2:
            there = set(map(str, leaves(events[1])))
            for name in given.keys() - events[1].get("unmapped", {}).keys() - {"rejected", "uri"}:
                said = {leaf for leaf in leaves(given[name]) if leaf not in (None, "")}
                said = {int(leaf) if isinstance(leaf, float) and leaf.is_integer() else leaf for leaf in said}
                assert set(map(str, said)) <= there, name


@given(log=st.sampled_from(["conn", "dns", "http", "ssl"]), row=st.dictionaries(st.sampled_from(sorted(TYPES)), VALUES))
def test_any_value_in_any_field_of_a_log_with_tabs(log: str, row: dict[str, str]) -> None:
    given = {name: value for name, value in row.items() if value not in ("-", "(empty)")}
    balanced(tsv(log, {**BASE, "method": "GET"}, {**BASE, **row}), given)


@given(
    log=st.sampled_from(["conn", "dns", "http", "ssl"]),
    row=st.dictionaries(st.sampled_from(sorted(TYPES)), JSON_VALUES),
)
def test_any_value_in_any_field_of_a_log_in_json(log: str, row: dict[str, Any]) -> None:
    rows = ({**JSON_BASE, "method": "GET", "_path": log}, {**JSON_BASE, **row, "_path": log})
    balanced("\n".join(map(json.dumps, rows)).encode(), row)


def test_a_real_capture(tmp_path: Path) -> None:
    conversion = convert("zeek", outside("zeek-remcos"), tmp_path / "out")
    assert conversion.classes == {4001: 768, 4003: 22}
    assert conversion.quarantined.total() == 4
    assert conversion.rows_in == 794
