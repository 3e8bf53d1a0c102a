"""Alerts as Detection Findings: valid, equal after a round trip, and refused with the place where they are wrong."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from findings import ALERTS, HOUR, NOW, alert, signal
from hypothesis import given
from sign_ins import sign_in, write_lines

from residual.detect.alert import Alert, Entity, Verdict
from residual.detect.alerts import from_ocsf, read_alerts, to_ocsf, write_alerts
from residual.detect.words import often, title
from residual.ocsf.validate import faults


@given(ALERTS)
def test_any_alert_is_a_valid_finding_that_comes_back_equal(any_alert: Alert) -> None:
    finding = to_ocsf(any_alert)
    assert faults(finding) == []
    assert from_ocsf(json.loads(json.dumps(finding))) == any_alert


def test_a_finding_says_in_ocsf_what_an_alert_says() -> None:
    finding = to_ocsf(alert())
    assert finding["class_uid"] == 2004
    assert finding["is_alert"]
    info = finding["finding_info"]
    assert info["title"] == "Address 10.1.2.3: 41 failed sign-ins in 1 h, 2.1 expected"
    assert info["analytic"]["type_id"] == 4
    assert (info["related_events_count"], len(info["related_events"])) == (41, 5)
    assert [(one["type_id"], one["value"]) for one in finding["observables"]] == [(2, "10.1.2.3"), (4, "ada")]
    (analysis,) = finding["anomaly_analyses"]
    assert analysis["anomalies"][0]["observations"][0]["value"] == "41"
    assert [one["observations"][0]["value"] for one in analysis["baselines"]] == ["2.125", "1.4", "0.025", "4"]
    assert finding["evidences"][0]["src_endpoint"] == {"ip": "10.1.2.3"}
    assert "src_endpoint" not in finding["evidences"][0]["data"]
    assert "observed_pattern" not in analysis["anomalies"][0]
    (analysis,) = to_ocsf(alert(signals=(signal(detail="a before b"),)))["anomaly_analyses"]
    assert analysis["anomalies"][0]["observed_pattern"] == "a before b"
    assert not {"attacks", "risk_score", "confidence_score"} & finding.keys()


def test_the_odder_the_more_severe_and_never_critical() -> None:
    rates = (0.0, 1 / 365, 0.01, 0.5, 3.0)
    assert [to_ocsf(alert(signals=(signal(rate=rate),)))["severity_id"] for rate in rates] == [4, 4, 3, 2, 1]


@pytest.mark.parametrize(("answer", "uid", "status"), [("true", 2, 4), ("benign", 5, 4), ("unsure", 7, 2)])
def test_a_verdict_stays_with_its_alert(answer: Any, uid: int, status: int) -> None:
    answered = alert(verdict=Verdict(answer, "a scanner of ours", "ada", NOW))
    finding = to_ocsf(answered)
    assert (finding["verdict_id"], finding["status_id"], finding["comment"]) == (uid, status, "a scanner of ours")
    assert from_ocsf(finding) == answered
    assert to_ocsf(alert())["verdict_id"] == 0


def test_a_false_positive_of_another_tool_is_benign() -> None:
    assert from_ocsf(to_ocsf(alert()) | {"verdict_id": 1}).verdict == Verdict("benign", "")


def test_what_an_evidence_does_not_allow_is_kept_in_its_data() -> None:
    odd = alert(evidence=(sign_in(src_endpoint={"ip": "nowhere", "mood": 3}, device="a text"),))
    finding = to_ocsf(odd)
    assert finding["evidences"][0]["data"]["device"] == "a text"
    assert finding["evidences"][0]["data"]["src_endpoint"] == {"ip": "nowhere", "mood": 3}
    assert "user" in finding["evidences"][0]
    assert faults(finding) == []
    assert from_ocsf(finding) == odd


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"signals": ()}, "signals: expected at least one"),
        ({"signals": (signal(value=float("nan")),)}, "value that is not finite"),
        ({"raised": NOW // 1000}, "time: too early for milliseconds"),
        ({"uid": 7}, "finding_info.uid: expected string, got 7"),
        ({"evidence": ({"data": {1, 2}},)}, "not JSON serializable"),
    ],
)
def test_an_alert_that_cannot_be_written_is_an_error_and_leaves_no_file(
    changes: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=expected) as error:
        write_alerts(tmp_path / "alerts.jsonl", [alert(), replace(alert(), **changes)])
    assert "alert " in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_file_comes_back_equal(tmp_path: Path) -> None:
    alerts = [alert(), alert(1, signals=(signal(past=()),), firsts=(), events=(), evidence=()), alert(2, entities=())]
    for some in ([], alerts):
        write_alerts(tmp_path / "alerts.jsonl", some)
        assert read_alerts(tmp_path / "alerts.jsonl") == some


def without(path: str) -> dict[str, Any]:
    """A finding that lacks the value at a path."""
    finding = to_ocsf(alert())
    *above, last = path.split(".")
    part: Any = finding
    for step in above:
        part = part[int(step) if step.isdigit() else step]
    del part[last]
    return finding


def changed(text: str, by: str) -> str:
    line = json.dumps(to_ocsf(alert()))
    assert text in line
    return line.replace(text, by, 1)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{", "not JSON"),
        ("[1, 2]", r"\$: expected object, got 1"),
        (b"\xff", "not UTF-8"),
        (sign_in(), r"\$.class_uid: expected 2004, a Detection Finding, got 3002"),
        (changed('"41"', '"many"'), r"anomaly_analyses\[0\].anomalies\[0\].observations\[0\].value: expected a number"),
        (changed('"41"', '"inf"'), "expected a number, got 'inf'"),
        (changed('"value": "41"', '"value": 41'), "value: expected string, got 41"),
        (changed('"expected"', '"guessed"'), r'anomaly_analyses\[0\]: expected one .* "expected", got 0'),
        (changed('["address", "user"]', '["address"]'), r"\$.unmapped.kinds: expected a list of 2 texts"),
        (changed('"verdict_id": 0', '"verdict_id": 10'), r"\$.verdict_id: expected one of 0, 1, 2, 4, 5, 7, got 10"),
        (changed('{"whom": "organization"}', '"new"'), r"\$.enrichments\[0\].data: expected an object"),
        (to_ocsf(alert()) | {"anomaly_analyses": []}, r"\$.anomaly_analyses: expected at least one"),
        (to_ocsf(alert()) | {"evidences": [{"user": {"name": "ada"}}]}, r"\$.evidences\[0\].data: expected the rest"),
        (without("finding_info.uid"), r"\$.finding_info.uid: required, but missing"),
        (without("finding_info.last_seen_time"), r"\$.finding_info.last_seen_time: an alert needs it"),
        (without("unmapped.kinds"), r"\$.unmapped.kinds: an alert needs it"),
        (without("observables.1.value"), r"\$.observables\[1\].value: an alert needs it"),
        (without("anomaly_analyses.0.anomalies.0.observations.0.timespan"), r"\.timespan: an alert needs it"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_alert_is_an_error_that_names_its_place(line: Any, expected: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "alerts.jsonl", [to_ocsf(alert()), line])
    with pytest.raises(ValueError, match=rf"alerts.jsonl, line 2: .*{expected}"):
        read_alerts(path)


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl.gz"
    path.write_bytes(b"\x1f\x8b damaged")
    with pytest.raises(ValueError, match=r"alerts.jsonl.gz: "):
        read_alerts(path)


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (0.0, "less than once per year"), (1 / 500, "less than once per year"), (0.01, "once in 3 months"),
        (0.025, "once in 40 days"), (0.6, "once in 2 days"), (1.0, "once per day"), (2.5, "2.5 times per day"),
    ],
)  # fmt: skip
def test_how_often_in_words(rate: float, words: str) -> None:
    assert often(rate) == words


def test_titles_are_one_short_line() -> None:
    pair = (Entity("machine", "ws-12"), Entity("destination", "10.0.0.9"))
    for changes, expected in (
        (
            {"detector": "bytes of a machine to a host", "entities": pair, "value": 3.21e9, "expected": 41_234.5},
            "Machine ws-12 and destination 10.0.0.9: 3.21 billion bytes in 1 h, 41,200 expected",
        ),
        (
            {"detector": "users who sign in from an address", "value": 9.0, "end": NOW + 4 * HOUR},
            "Address 10.1.2.3: 9 users who sign in from it in 4 h, 2.1 expected",
        ),
        (
            {"detector": "values of a sign-in", "detail": "service vpn with country NZ", "value": 0.0},
            "Address 10.1.2.3: service vpn with country NZ: never seen before, 2.1 expected",
        ),
    ):
        assert title(alert(signals=(signal(**changes),))) == expected
    hostile = signal(detector="odd\u202e\n" * 3000, entities=(Entity("user\n", "x" * 10_000),))
    shown = to_ocsf(alert(signals=(hostile,)))["finding_info"]["title"]
    assert len(shown) < 2000
    assert shown.isprintable()
