"""Records of AWS CloudTrail as OCSF: sign-ins (3002), changes of accounts (3001), and API Activity (6003).

The mappings follow those of ocsf/examples on GitHub, mappings/markdown/AWS/v1.1.0/CloudTrail, and the choice of class
and activity that of mappings/bloblang/AWS/CloudTrail/v1.1.0. We depart from them in this:

- What OCSF has deprecated since stands elsewhere: the access key in `actor.session.credential_uid`, the service that
  called for a user in `actor.app_name`, the account that owns a resource in `owner.account`.
- An activity is told by the first word of a call's name. The mappings ask whether a word is anywhere in the name, which
  makes `DeleteListener` a Read; where the word says nothing, `readOnly` does.
- Every call with an `errorCode` failed, and every one without succeeded.
- A change of an account is one that IAM makes and that names a user or a role, since class 3001 must have a `user`. A
  change of a group is API Activity, and so is a sign-in of nobody.
- The `user` of AssumeRole is the role that is assumed, if the record names it; who assumes it is the `actor`.
- A switch of roles is an Account Switch, and a factor that is switched on or off is told as such: newer activities.
- There are no observables: they would repeat what the event says.
- An address that is no IP (`ec2.amazonaws.com`, AWS Internal) is `src_endpoint.domain`.

Fields: docs.aws.amazon.com, CloudTrail user guide, "CloudTrail record contents".
"""

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Any

from residual.ocsf.convert.draft import Draft, attempt, value
from residual.ocsf.convert.raw import Raw, parsed

WHAT = "records of CloudTrail: JSON"
STARTS = (b"{", b"[")
_FIELDS = {
    "eventID": "metadata.uid", "eventType": "metadata.event_code", "eventCategory": "metadata.product.feature.name",
    "eventVersion": "metadata.product.version", "eventName": "api.operation", "eventSource": "api.service.name",
    "apiVersion": "api.version", "requestID": "api.request.uid", "requestParameters": "api.request.data",
    "responseElements": "api.response.data", "errorCode": "api.response.error", "errorMessage": "api.response.message",
    "awsRegion": "cloud.region", "recipientAccountId": "cloud.account.uid", "userAgent": "http_request.user_agent",
    "vpcEndpointId": "src_endpoint.uid", "userIdentity.type": "actor.user.type", "userIdentity.arn": "actor.user.uid",
    "userIdentity.userName": "actor.user.name", "userIdentity.principalId": "actor.user.uid_alt",
    "userIdentity.accountId": "actor.user.account.uid", "userIdentity.accessKeyId": "actor.session.credential_uid",
    "userIdentity.invokedBy": "actor.app_name", "userIdentity.identityProvider": "actor.idp.name",
    "userIdentity.sessionContext.webIdFederationData.federatedProvider": "actor.idp.name",
    "userIdentity.sessionContext.sessionIssuer.arn": "actor.session.issuer",
    "userIdentity.sessionContext.attributes.creationDate": "actor.session.created_time",
    "userIdentity.sessionContext.attributes.mfaAuthenticated": "actor.session.is_mfa",
}  # fmt: skip
_OF_RESOURCE = {"ARN": "uid", "accountId": "owner", "type": "type"}
_OF_ONESELF = ("ChangePassword", "PasswordUpdated")
_SIGN_INS = {
    "ConsoleLogin": 1, "ExternalIdPDirectoryLogin": 1, "UserAuthentication": 1, "AssumeRole": 1, "SwitchRole": 7,
    "AssumeRoleWithSAML": 1, "AssumeRoleWithWebIdentity": 1, "CheckMfa": 99, "CredentialChallenge": 99,
    "CredentialVerification": 99,
}  # fmt: skip
_ACCOUNT_CALLS = {
    "ChangePassword": 3, "PasswordUpdated": 3, "UpdateLoginProfile": 4, "EnableMFADevice": 10,
    "DeactivateMFADevice": 11, "DeleteUserPolicy": 8, "DeleteRolePolicy": 8,
}  # fmt: skip
_ACCOUNT_WORDS = {"Create": 1, "Delete": 6, "Attach": 7, "Put": 7, "Add": 7, "Detach": 8, "Remove": 8}
_WORDS = (
    dict.fromkeys(("Create", "Run", "Generate"), 1)
    | dict.fromkeys(("Get", "List", "Describe", "Search", "Lookup"), 2)
    | dict.fromkeys((
        "Update", "Put", "Modify", "Add", "Remove", "Start", "Stop", "Attach", "Detach", "Associate", "Disassociate",
        "Tag", "Untag", "Enable", "Disable", "Register", "Deregister",
    ), 3)
    | dict.fromkeys(("Delete", "Terminate"), 4)
)  # fmt: skip


def events(records: Iterable[Raw], file: str) -> Iterator[tuple[Raw, dict[str, Any] | str]]:
    """The records of a file, each with its event, or with the reason why it has none."""
    return ((raw, attempt(raw, _event)) for raw in records)


def _event(raw: Raw) -> dict[str, Any]:
    record = parsed(raw.content)
    name = text if isinstance(text := record.get("eventName"), str) else ""
    word = match[0] if (match := re.match("[A-Z][a-z]+", name)) else ""
    reads = record.get("readOnly") is True or _WORDS.get(word) == 2
    changes = not reads and (record.get("eventSource") == "iam.amazonaws.com" or name in _OF_ONESELF)
    if name in _SIGN_INS and (user := _subject(record, name)):
        class_uid, activity = 3002, _SIGN_INS[name]
    elif changes and (user := _changed(record, name)):
        class_uid, activity = 3001, _ACCOUNT_CALLS.get(name, _ACCOUNT_WORDS.get(word, 99))
    else:
        class_uid, activity, user = 6003, _WORDS.get(word, 2 if reads else 99), {}
    draft = Draft(class_uid, record, raw, "CloudTrail", "AWS")
    draft.places |= {"metadata.profiles": ["cloud"], "cloud.provider": "AWS"}
    draft.take_time("eventTime")
    failed = record.get("errorCode") or value(record, "responseElements.ConsoleLogin") == "Failure"
    draft.put("status_id", 2 if failed else 1)
    for attribute, text in user.items():
        draft.put(f"user.{attribute}", text)
    if class_uid == 3002:
        draft.put("service.name", record.get("eventSource"))
        draft.take("additionalEventData.LoginTo", "dst_endpoint.svc_name")
        draft.take("additionalEventData.MFAUsed", "is_mfa")
    if class_uid == 6003:
        draft.take("resources", "resources", _resources)
    draft.take("sourceIPAddress", f"src_endpoint.{'ip' if _is_ip(record.get('sourceIPAddress')) else 'domain'}")
    for field, path in _FIELDS.items():
        draft.take(field, path)
    if activity == 99:
        draft.put("activity_name", name)
    return draft.finished(activity)


def _subject(record: dict[str, Any], name: str) -> dict[str, Any]:
    """Who signs in: the role that is assumed, or else who calls; empty if the record names neither."""
    role = {"name": "requestParameters.roleSessionName", "uid": "requestParameters.roleArn"}
    caller = {path.removeprefix("actor.user."): field for field, path in _FIELDS.items() if "actor.user." in path}
    for fields in (role, caller) if name.startswith("AssumeRole") else (caller,):
        user = {attribute: value(record, field) for attribute, field in fields.items()}
        if any(isinstance(user.get(one), str) and user[one] for one in ("name", "uid", "account.uid")):
            return user
    return {}


def _changed(record: dict[str, Any], name: str) -> dict[str, Any]:
    """The user or the role that a call changes; empty if it names none."""
    if name in _OF_ONESELF:
        return _subject(record, name)
    fields = {
        "name": ("requestParameters.userName", "requestParameters.roleName", "responseElements.accessKey.userName"),
        "uid": ("responseElements.user.arn", "responseElements.role.arn"),
        "uid_alt": ("responseElements.user.userId", "responseElements.role.roleId"),
    }
    user = {attribute: next(filter(None, (value(record, f) for f in some)), None) for attribute, some in fields.items()}
    return user if isinstance(user["name"], str) else {}


def _is_ip(text: object) -> bool:
    try:
        return isinstance(text, str) and bool(ip_address(text))
    except ValueError:
        return False


def _resources(given: Any) -> list[dict[str, Any]] | None:
    """Resources in OCSF's words; None, so that they stay unmapped, if they say more than these have room for."""
    if not isinstance(given, list) or not all(isinstance(r, dict) and r.keys() <= _OF_RESOURCE.keys() for r in given):
        return None
    return [{_OF_RESOURCE[n]: {"account": {"uid": v}} if n == "accountId" else v for n, v in r.items()} for r in given]
