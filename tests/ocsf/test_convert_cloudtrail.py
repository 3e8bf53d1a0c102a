"""Records of CloudTrail become sign-ins, changes of accounts and API Activity."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from conversions import converted, outside
from hypothesis import given
from hypothesis import strategies as st

from residual.ocsf.convert import convert
from residual.ocsf.validate import faults

ADA = {
    "type": "IAMUser", "arn": "arn:aws:iam::12:user/ada", "principalId": "AIDA1", "accountId": "12", "userName": "ada",
    "accessKeyId": "AKIA1",
}  # fmt: skip
CALL: dict[str, Any] = {
    "eventVersion": "1.09", "eventTime": "2024-08-02T08:53:24Z", "eventID": "865d9377", "eventType": "AwsApiCall",
    "eventName": "GetObject", "eventSource": "s3.amazonaws.com", "awsRegion": "eu-west-2", "recipientAccountId": "12",
    "requestID": "r1", "requestParameters": {"key": None}, "responseElements": None, "userAgent": "cli",
    "sourceIPAddress": "203.0.113.5", "userIdentity": ADA, "eventCategory": "Data", "readOnly": True,
}  # fmt: skip
ACTOR = {
    "user": {"type": "IAMUser", "uid": ADA["arn"], "uid_alt": "AIDA1", "account": {"uid": "12"}, "name": "ada"},
    "session": {"credential_uid": "AKIA1"},
}


def one(tmp_path: Path, **fields: object) -> dict[str, Any]:
    (event,), quarantine = converted(tmp_path, json.dumps({**CALL, **fields}).encode())
    assert not quarantine
    return event


def test_a_call(tmp_path: Path) -> None:
    error = {"errorCode": "AccessDenied", "errorMessage": "no", "resources": [{"ARN": "arn:x", "accountId": "12"}]}
    event = one(tmp_path, **error, additionalEventData={"bytes": 1})
    assert (event["class_uid"], event["activity_name"], event["status"]) == (6003, "Read", "Failure")
    assert event["time"] == 1722588804000
    assert event["metadata"]["uid"] == "865d9377"
    assert event["actor"] == ACTOR
    assert event["api"] == {
        "operation": "GetObject", "service": {"name": "s3.amazonaws.com"},
        "request": {"uid": "r1", "data": {"key": None}}, "response": {"error": "AccessDenied", "message": "no"},
    }  # fmt: skip
    assert event["cloud"] == {"provider": "AWS", "region": "eu-west-2", "account": {"uid": "12"}}
    assert event["resources"] == [{"uid": "arn:x", "owner": {"account": {"uid": "12"}}}]
    assert event["unmapped"] == {"readOnly": True, "additionalEventData": {"bytes": 1}}


@pytest.mark.parametrize(
    ("name", "reads", "activity"),
    [
        ("RunInstances", False, "Create"), ("DescribeAddresses", True, "Read"), ("PutObject", False, "Update"),
        ("TerminateInstances", False, "Delete"), ("BatchGetImage", True, "Read"), ("LeaveOrganization", False, None),
    ],
)  # fmt: skip
def test_the_activity_of_a_call(tmp_path: Path, name: str, reads: bool, activity: str | None) -> None:
    assert one(tmp_path, eventName=name, readOnly=reads)["activity_name"] == (activity or name)


def test_a_sign_in(tmp_path: Path) -> None:
    event = one(
        tmp_path, eventName="ConsoleLogin", eventSource="signin.amazonaws.com",
        responseElements={"ConsoleLogin": "Failure"},
        additionalEventData={"MFAUsed": "Yes", "LoginTo": "https://console", "MobileVersion": "No"},
    )  # fmt: skip
    assert (event["class_uid"], event["activity_name"], event["status"]) == (3002, "Logon", "Failure")
    assert event["user"] == ACTOR["user"]
    assert event["actor"] == ACTOR
    assert (event["service"], event["is_mfa"]) == ({"name": "signin.amazonaws.com"}, True)
    assert event["unmapped"]["additionalEventData"] == {"MobileVersion": "No"}


def test_a_role_that_is_assumed(tmp_path: Path) -> None:
    request = {"roleArn": "arn:aws:iam::12:role/admin", "roleSessionName": "night"}
    event = one(tmp_path, eventName="AssumeRole", requestParameters=request)
    assert (event["class_uid"], event["user"]) == (3002, {"name": "night", "uid": request["roleArn"]})
    assert event["actor"] == ACTOR
    assert one(tmp_path, eventName="AssumeRole", requestParameters=None)["user"] == ACTOR["user"]
    by_service = {"eventName": "AssumeRole", "userIdentity": {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}}
    event = one(tmp_path, **by_service, requestParameters=request, sourceIPAddress="ec2.amazonaws.com")
    assert (event["actor"], event["src_endpoint"]) == (
        {"app_name": "ec2.amazonaws.com"},
        {"domain": "ec2.amazonaws.com"},
    )
    assert one(tmp_path, **by_service, requestParameters=None)["class_uid"] == 6003


@pytest.mark.parametrize(
    ("name", "request_parameters", "activity"),
    [
        ("CreateUser", {"userName": "eve"}, "Create"), ("AttachUserPolicy", {"userName": "eve"}, "Attach Policy"),
        ("DeleteUserPolicy", {"userName": "eve"}, "Detach Policy"), ("DeleteRole", {"roleName": "eve"}, "Delete"),
        ("DeactivateMFADevice", {"userName": "eve"}, "MFA Factor Disable"),
        ("UpdateAccessKey", {"userName": "eve"}, "UpdateAccessKey"),
    ],
)  # fmt: skip
def test_an_account_that_is_changed(
    tmp_path: Path, name: str, request_parameters: dict[str, str], activity: str
) -> None:
    iam = {"eventSource": "iam.amazonaws.com", "readOnly": False, "eventName": name}
    event = one(tmp_path, **iam, requestParameters=request_parameters)
    assert (event["class_uid"], event["activity_name"], event["user"]) == (3001, activity, {"name": "eve"})
    assert event["actor"] == ACTOR
    assert one(tmp_path, **iam, requestParameters={"groupName": "g"})["class_uid"] == 6003


def test_a_password_that_its_owner_changes(tmp_path: Path) -> None:
    event = one(tmp_path, eventName="ChangePassword", eventSource="iam.amazonaws.com", readOnly=False)
    assert (event["class_uid"], event["activity_name"], event["user"]) == (3001, "Password Change", ACTOR["user"])


def test_what_no_class_can_have_is_quarantined(tmp_path: Path) -> None:
    without = (
        {name: value for name, value in CALL.items() if name != gone} for gone in ("userIdentity", "sourceIPAddress")
    )
    events, quarantine = converted(tmp_path, "\n".join(map(json.dumps, without)).encode())
    assert not events
    assert [reject["reason"] for reject in quarantine] == [
        "$.actor: required, but missing", "$.src_endpoint: required, but missing",
    ]  # fmt: skip


def places(value: object) -> list[tuple[str, ...]]:
    """The paths of all that is inside an object."""
    inner = value.items() if isinstance(value, dict) else ()
    return [(name, *rest) for name, inside in inner for rest in [(), *places(inside)]]


SESSION = {
    "attributes": {"creationDate": "2024-08-02T08:53:24Z", "mfaAuthenticated": "true"},
    "sessionIssuer": {"arn": "a"},
}
FULL = {
    **CALL, "userIdentity": {**ADA, "invokedBy": "x", "sessionContext": SESSION}, "errorCode": "No",
    "vpcEndpointId": "v", "resources": [{"ARN": "a"}], "requestParameters": {"userName": "eve", "roleArn": "r"},
    "apiVersion": "1", "responseElements": {"user": {"arn": "a", "userId": "b"}},
    "additionalEventData": {"MFAUsed": "No", "LoginTo": "l"},
}  # fmt: skip
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(
    name=st.sampled_from(["ConsoleLogin", "AssumeRole", "CreateUser", "ChangePassword", "RunInstances", "X"]),
    changes=st.dictionaries(st.sampled_from(sorted(places(FULL))), JSON_VALUES, max_size=5),
)
def test_any_value_in_any_field(name: str, changes: dict[tuple[str, ...], Any]) -> None:
    record = json.loads(json.dumps({**FULL, "eventName": name, "eventSource": "iam.amazonaws.com", "readOnly": False}))
    for (*above, last), value in changes.items():
        inside = record
        for step in above:
            inside = inside[step] if isinstance(inside.get(step), dict) else {}
        inside[last] = value
    with TemporaryDirectory() as folder:
        log, out = Path(folder, "log"), Path(folder, "out")
        log.write_text("\n".join(map(json.dumps, [CALL, record])))
        conversion = convert("cloudtrail", log, out)
        events = [json.loads(line) for path in out.glob("[a-z]*") for line in path.read_text().splitlines()]
        assert conversion.rows_in == conversion.rows_out + conversion.rows_quarantined == 2
        assert len(events) == conversion.rows_out >= 1
        assert all(faults(event) == [] for event in events)


def test_real_records(tmp_path: Path) -> None:
    conversion = convert("cloudtrail", outside("cloudtrail-stratus"), tmp_path / "out")
    assert conversion.classes == {6003: 287, 3002: 13, 3001: 10}
    assert not conversion.quarantined
