"""Checking files: counts add up, causes are told apart, and neither pieces nor processes change the report."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sign_ins import TIME, sign_in, write_lines

from residual.ocsf import bulk
from residual.ocsf.bulk import validate_folder
from residual.ocsf.report import MANY, Report


def counts(report: Report) -> dict[str, int]:
    return dict(report.faults)


def claiming(version: object, number: int = 0, **changes: Any) -> dict[str, Any]:
    event = sign_in(number, **changes)
    event["metadata"] = {name: value for name, value in event["metadata"].items() if name != "version"}
    if version is not None:
        event["metadata"]["version"] = version
    event["metadata"]["product"] = {"name": "directory", "vendor_name": "Acme"}
    return event


@given(st.lists(st.sampled_from(["good", "late", "status"]), max_size=30))
def test_counts_add_up(tmp_path_factory: pytest.TempPathFactory, kinds: list[str]) -> None:
    changes = {"good": {}, "late": {"time": 1_700_000_000}, "status": {"status": "Failure", "severity_id": 7}}
    lines = [sign_in(n, **changes[kind]) for n, kind in enumerate(kinds)]
    report = validate_folder(write_lines(tmp_path_factory.mktemp("bulk") / "a.jsonl", lines))
    assert (report.events, report.invalid) == (len(kinds), len(kinds) - kinds.count("good"))
    assert sum(counts(report).values()) == kinds.count("late") + 2 * kinds.count("status")
    for path, kind in (("$.time", "late"), ("$.status", "status")):
        causes = [cause for cause in report.causes.values() if cause.path == path]
        assert [cause.count for cause in causes] == [kinds.count(kind)][: len(causes)]
        assert [cause.example.place for cause in causes] == [kinds.index(kind) + 1 for _ in causes]


def test_a_folder_is_checked_with_its_unreadable_lines_and_files(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [sign_in(0), '{"cut', sign_in(1, severity_id=7)])
    pl.DataFrame([sign_in(2), sign_in(3, status="Failure"), sign_in(4, duration=5)]).write_parquet(
        tmp_path / "b.parquet"
    )
    (tmp_path / "c.parquet").write_bytes((tmp_path / "b.parquet").read_bytes()[:500])
    (tmp_path / "notes.txt").write_text("no events")
    report = validate_folder(tmp_path)
    assert (report.files, report.events, report.invalid) == (3, 6, 3)
    examples = {cause.path: cause.example for cause in report.causes.values()}
    assert {path: (one.file, one.place, one.uid) for path, one in examples.items()} == {
        "$": ("a.jsonl", 2, None),
        "$.severity_id": ("a.jsonl", 3, "'event-1'"),
        "$.status": ("b.parquet", 1, "'event-3'"),
    }
    assert (list(report.unknown), report.ignored) == (["c.parquet"], ["notes.txt"])


def test_equal_faults_in_an_array_are_one_cause(tmp_path: Path) -> None:
    wrong = {"type_id": 1, "value": 3}
    report = validate_folder(write_lines(tmp_path / "a.jsonl", [sign_in(observables=[wrong, wrong])]))
    assert counts(report) == {"$.observables[*].value: expected string": 2}


def test_versions_are_counted_and_a_missing_type_is_no_fault(tmp_path: Path) -> None:
    versions = ["1.1.0", "1.1", "0.31.2", "1.0.0-rc.2", None, 5, "\x1b[2J", "1" * 5000]
    write_lines(tmp_path / "a.jsonl", [claiming(version, type_uid=None) for version in versions])
    report = validate_folder(tmp_path)
    assert report.versions == Counter(
        {"1.1.0": 1, "1.1": 1, "0.31.2": 1, "1.0.0-rc.2": 1, "none": 1, "not a version": 3}
    )
    assert (report.derived, set(counts(report))) == (
        len(versions), {"$.metadata.version: required, but missing", "$.metadata.version: expected string"}
    )  # fmt: skip


def test_a_fault_comes_from_the_version_alone_if_that_version_allows_it(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"user": {"name": "ada", "account_type": "Other", "shoe": 1}, "mfa": True, "time": 5}
    versions = ["1.0.0-rc.2", "1.1.0", "1.1", "1.8.0", "1.8", "1.9.0", "0.31.2", None]
    report = validate_folder(write_lines(tmp_path / "a.jsonl", [claiming(v, **changes) for v in versions]))
    found = {cause.path: (cause.count, cause.by_version, cause.untold) for cause in report.causes.values()}
    assert found == {
        "$.metadata.version": (1, 0, 0),
        "$.mfa": (8, 1, 2),  # as is account_type: there until 1.0.0-rc.2
        "$.user.account_type": (8, 1, 2),
        "$.user.shoe": (8, 0, 2),
        "$.time": (8, 0, 2),
    }


def test_nothing_inside_what_the_version_forbids_comes_from_it(tmp_path: Path) -> None:
    inside = claiming("1.0.0-rc.2", osint=[{"type_id": 1, "shoe": 1}])  # an attribute of ours alone
    report = validate_folder(write_lines(tmp_path / "a.jsonl", [inside]))
    assert report.invalid == 1
    assert not any(cause.by_version for cause in report.causes.values() if cause.path.startswith("$.osint"))


def test_events_of_unknown_extensions_are_counted_and_not_invalid(tmp_path: Path) -> None:
    report = validate_folder(write_lines(tmp_path / "a.jsonl", [sign_in(), sign_in(1, class_uid=900_001.0)]))
    assert (report.events, report.invalid, report.not_checkable) == (2, 0, {9: 1})


def test_very_many_unknown_attributes_are_one_cause(tmp_path: Path) -> None:
    few = [sign_in(n, user={"name": "ada", f"shoe{n % MANY}": 1}) for n in range(2 * MANY)]
    report = validate_folder(write_lines(tmp_path / "few.jsonl", few))
    assert set(report.causes) == {(f"$.user.shoe{n}", "no attribute here (profiles: cloud)") for n in range(MANY)}
    many = [sign_in(n, user={"name": "ada", f"shoe{n}": 1}) for n in range(2 * MANY)]
    report = validate_folder(write_lines(tmp_path / "many.jsonl", many))
    (cause,) = report.causes.values()
    assert (cause.path, cause.count, cause.example.place) == ("$.user.*", 2 * MANY, 1)


def told(report: Report) -> str:
    return json.dumps(report.as_json() | {"seconds": 0})


def folder_of_all_sorts(folder: Path) -> Path:
    changes: list[dict[str, Any]] = [{}, {"status": "Failure"}, {"time": TIME // 1000}, {"type_uid": None}]
    events = [claiming(f"1.{n % 10}.0", n, **changes[n % 4], **{f"shoe{n}": n}) for n in range(150)]
    write_lines(folder / "a.jsonl", [*events[:90], '{"cut', "", *events[90:], "[1]"])
    write_lines(folder / "b" / "c.jsonl", events[:20])
    pl.DataFrame([sign_in(n, **changes[n % 3]) for n in range(70)]).write_parquet(folder / "d.parquet")
    (folder / "e.parquet").write_bytes((folder / "d.parquet").read_bytes()[:700])
    return folder


def test_the_report_is_the_same_whatever_the_number_of_processes(tmp_path: Path) -> None:
    folder = folder_of_all_sorts(tmp_path)
    assert told(validate_folder(folder, processes=1)) == told(validate_folder(folder, processes=2))


@pytest.mark.parametrize("rows", [1, 7, 69])
@pytest.mark.parametrize("size", [1, 700, 20_000])
def test_the_report_is_the_same_whatever_the_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, size: int
) -> None:
    folder = folder_of_all_sorts(tmp_path)
    whole = validate_folder(folder)
    monkeypatch.setattr(bulk, "PIECE_ROWS", rows)
    monkeypatch.setattr(bulk, "PIECE_BYTES", size)
    assert told(validate_folder(folder)) == told(whole)
