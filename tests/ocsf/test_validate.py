from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sign_ins import TIME, sign_in

from residual.ocsf.checks import EARLIEST, LATEST
from residual.ocsf.schema import VERSIONS, class_keys, ocsf
from residual.ocsf.validate import NOT_CHECKABLE, faults


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
        ({"type_name": "Logoff"}, '$.type_name: expected "Authentication: Logon", the caption of type_uid 300201'),
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
        (
            {"actor": {"user": {"name": "ada", "type_id": 1, "type": "Admin"}}},
            '$.actor.user.type: expected "User", the caption of type_id 1',
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


def test_a_whole_number_may_be_written_with_a_fraction_of_zero() -> None:
    numbers = {name: float(value) for name, value in sign_in().items() if type(value) is int}
    assert faults(sign_in(**numbers)) == []
    for changes in ({"time": TIME // 1000}, {"type_uid": 300202}, {"class_uid": 9999}, {"severity_id": 7}):
        written = {name: float(value) for name, value in changes.items()}
        assert messages(sign_in(**written)) == messages(sign_in(**changes)) != []
    assert messages(sign_in(status_id=2.0, status="Success")) == messages(sign_in(status_id=2, status="Success")) != []
    assert messages(sign_in(time=TIME + 0.5)) == ["$.time: expected integer"]


def test_a_type_that_follows_from_class_and_activity_may_be_left_out() -> None:
    assert faults(sign_in(type_uid=None)) == []
    paths = {fault.path for fault in faults(sign_in(type_uid=None, activity_id=None))}
    assert paths == {"$.activity_id", "$.type_uid"}


@pytest.mark.parametrize("uid", [uid for uid, key in class_keys().items() if "/" in key])
def test_classes_of_extensions_are_checked_by_their_own_schema(uid: int) -> None:
    of_class = ocsf()["classes"][class_keys()[uid]]
    found = messages({"class_uid": uid, "category_uid": of_class["category_uid"], "shoe": 42})
    assert "$.shoe: no attribute here (profiles: none)" in found
    assert "$.time: required, but missing" in found
    assert not [message for message in found if "class_uid" in message or "category_uid" in message]


def test_a_class_of_an_extension_unknown_to_the_schema_is_not_checkable() -> None:
    assert messages(sign_in(class_uid=900_001)) == [f"$.class_uid: {NOT_CHECKABLE}"]
    assert messages(sign_in(class_uid=2**40)) == ["$.class_uid: no class of OCSF 1.8.0"]


@pytest.mark.parametrize("version", sorted(VERSIONS))
def test_every_version_that_is_at_hand_can_be_checked_against(version: str) -> None:
    found = {fault.path: fault.by_rule for fault in faults(sign_in(status="Failure", time=5), version=version)}
    assert (found["$.status"], found["$.time"]) == (True, True)
    assert "$.user.name" not in found


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
