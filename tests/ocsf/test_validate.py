from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sign_ins import TIME, sign_in, write_lines

from residual.ocsf.checks import EARLIEST, LATEST
from residual.ocsf.validate import faults, validate_folder


def messages(event: object) -> list[str]:
    return [f"{fault.path}: {fault.message}" for fault in faults(event)]


def test_a_valid_event_has_no_faults() -> None:
    assert faults(sign_in()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": None}, "$.time: required, but missing"),
        ({"user": None}, "$.user: required, but missing"),
        ({"time": "yesterday"}, "$.time: expected integer"),
        ({"severity_id": 7}, "$.severity_id: expected one of 0, 1, 2, 3, 4, 5, 6, 99"),
        ({"category_uid": 4}, "$.category_uid: expected 3"),
        ({"api": 3}, "$.api: expected object"),
        ({"wrong": 1}, "$.wrong: no attribute here (profiles: cloud)"),
        ({"user": {"name": "ada", "shoe": 42}}, "$.user.shoe: no attribute here (profiles: cloud)"),
        ({"firewall_rule": {"uid": "1"}}, "$.firewall_rule: no attribute here (profiles: cloud)"),
        ({"service": None}, "$: at least one of service, dst_endpoint is needed"),
        ({"src_endpoint": {"ip": "1.2.3.444"}}, "$.src_endpoint.ip: expected the form of IP Address"),
        ({"src_endpoint": {"ip": "::1", "port": 70000}}, "$.src_endpoint.port: greater than the maximum of 65535"),
        ({"observables": [{"type_id": 1}, {"type_id": 1, "value": 3}]}, "$.observables[1].value: expected string"),
        ({"type_uid": 300202}, "$.type_uid: expected class_uid * 100 + activity_id, 300201"),
        ({"status": "Failure"}, '$.status: expected "Success", the caption of status_id 1'),
        (
            {"observables": [{"type_id": 2, "type": "Hostname", "value": "x"}]},
            '$.observables[0].type: expected "IP Address", the caption of type_id 2',
        ),
        (
            {"time": TIME // 1000},
            "$.time: too early for milliseconds since 1970 (is it in seconds?)",
        ),
        (
            {"time": TIME * 1000},
            "$.time: too late for milliseconds since 1970 (is it in microseconds?)",
        ),
        (
            {"session": {"uid": "1", "created_time": 1_700_000_000}},
            "$.session.created_time: too early for milliseconds since 1970 (is it in seconds?)",
        ),
        ({"class_uid": 9999}, "$.class_uid: no class of OCSF 1.8.0"),
        ({"class_uid": None}, "$.class_uid: required, but missing"),
        ({"class_uid": "3002"}, "$.class_uid: expected integer"),
        ({"class_uid": True}, "$.class_uid: expected integer"),
        (
            {"metadata": {"version": "1.8.0", "product": {"name": "x"}, "profiles": ["cloud", "astrology"]}},
            "$.metadata.profiles[*]: no profile of authentication",
        ),
    ],
)
def test_one_fault_is_the_only_one_found(changes: dict[str, Any], message: str) -> None:
    assert messages(sign_in(**changes)) == [message]


def test_every_fault_of_an_event_is_found() -> None:
    changes = {"time": 1_700_000_000, "severity_id": 7, "status": "Failure", "type_uid": 300205, "wrong": 1}
    assert {fault.path for fault in faults(sign_in(**changes))} == {f"$.{name}" for name in changes}


def test_any_caption_goes_with_other() -> None:
    assert faults(sign_in(status_id=99, status="Pending approval")) == []


@pytest.mark.parametrize("event", [None, 5, "text", []])
def test_what_is_no_object_is_a_fault(event: object) -> None:
    assert messages(event) == ["$: expected object"]


def test_what_is_no_json_is_a_fault_and_not_a_crash() -> None:
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"parent_process": deep}
    for event in (sign_in(actor={"process": deep}), sign_in() | {5: 1}):
        assert messages(event)[-1].startswith("$: no JSON that can be checked")


@given(st.integers(-(2**62), 2**62))
def test_a_time_is_plausible_or_a_fault(time: int) -> None:
    assert (faults(sign_in(time=time)) == []) == (EARLIEST <= time <= LATEST)


@given(st.lists(st.sampled_from(["good", "late", "status"]), max_size=30))
def test_bulk_counts_add_up(tmp_path_factory: pytest.TempPathFactory, kinds: list[str]) -> None:
    changes = {"good": {}, "late": {"time": 1_700_000_000}, "status": {"status": "Failure", "severity_id": 7}}
    lines = [sign_in(n, **changes[kind]) for n, kind in enumerate(kinds)]
    report = validate_folder(write_lines(tmp_path_factory.mktemp("bulk") / "a.jsonl", lines), most_rejects=5)
    bad = [n for n, kind in enumerate(kinds) if kind != "good"]
    assert (report.events, report.invalid) == (len(kinds), len(bad))
    assert [reject.place - 1 for reject in report.rejects] == bad[:5]
    assert [reject.uid for reject in report.rejects] == [f"event-{n}" for n in bad[:5]]
    assert report.faults.total() == kinds.count("late") + 2 * kinds.count("status")


def test_a_folder_is_validated_with_its_unreadable_lines_and_files(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [sign_in(0), '{"cut', sign_in(1, severity_id=7)])
    pl.DataFrame([sign_in(2), sign_in(3, status="Failure"), sign_in(4, duration=5)]).write_parquet(
        tmp_path / "b.parquet"
    )
    (tmp_path / "c.parquet").write_bytes((tmp_path / "b.parquet").read_bytes()[:500])
    report = validate_folder(tmp_path)
    assert (report.events, report.invalid) == (6, 3)
    assert [(r.file, r.place, str(r.faults[0].path)) for r in report.rejects] == [
        ("a.jsonl", 2, "$"),
        ("a.jsonl", 3, "$.severity_id"),
        ("b.parquet", 1, "$.status"),
    ]
    assert report.rejects[0].faults[0].message == "not JSON: Unterminated string starting at"
    assert list(report.unknown) == ["c.parquet"]
