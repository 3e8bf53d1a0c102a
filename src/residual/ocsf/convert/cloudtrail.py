"""Records of AWS CloudTrail as OCSF: sign-ins (3002), changes of accounts (3001), and API Activity (6003).

Which field goes where, which call is which activity, and why, stands in `cloudtrail.toml`.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from residual.ocsf.convert.draft import Draft, Fields, mapping, value
from residual.ocsf.convert.values import parsed
from residual.ocsf.records import Record

WHAT = "records of CloudTrail: JSON"
STARTS = (b"{", b"[")
_MAPPING = mapping("cloudtrail.toml")
_SIGN_INS, _ACCOUNT_CALLS, _ACCOUNT_WORDS, _WORDS = (
    {name: int(activity) for activity, names in _MAPPING[table].items() for name in names}
    for table in ("sign_ins", "account_calls", "account_words", "words")
)
_CALLER = {
    path.removeprefix("actor.user."): field for path, field in _MAPPING["event"].items() if "actor.user." in path
}
_OF_ONESELF = ("ChangePassword", "PasswordUpdated")
_OF_RESOURCE = {"ARN": "uid", "accountId": "owner", "type": "type"}


def converter(_file: str) -> Callable[[Record], dict[str, Any]]:
    """What makes the event of a record."""
    return _event


def _event(raw: Record) -> dict[str, Any]:
    record = parsed(raw.raw)
    name = text if isinstance(text := record.get("eventName"), str) else ""
    word = match[0] if (match := re.match("[A-Z][a-z]+", name)) else ""
    reads = record.get("readOnly") is True or _WORDS.get(word) == 2
    changes = not reads and (record.get("eventSource") == "iam.amazonaws.com" or name in _OF_ONESELF)
    caller = _user(record, _CALLER, "name", "uid", "account.uid")
    role = _user(record, _MAPPING["role"], "name", "uid") if name.startswith("AssumeRole") else {}
    changed = caller if name in _OF_ONESELF else _user(record, _MAPPING["changed"], "name")
    if name in _SIGN_INS and (user := role or caller):
        class_uid, activity = 3002, _SIGN_INS[name]
    elif changes and (user := changed):
        class_uid, activity = 3001, _ACCOUNT_CALLS.get(name, _ACCOUNT_WORDS.get(word, 99))
    else:
        class_uid, activity, user = 6003, _WORDS.get(word, 2 if reads else 99), {}
    draft = Draft(class_uid, raw, record, "eventTime", _MAPPING["always"])
    failed = record.get("errorCode") or value(record, "responseElements.ConsoleLogin") == "Failure"
    draft.put("status_id", 2 if failed else 1)
    for attribute, text in user.items():
        draft.put(f"user.{attribute}", text)
    draft.take("sourceIPAddress", "src_endpoint.ip", _ip)
    if class_uid == 6003:
        draft.take("resources", "resources", _resources)
    if class_uid == 3002:
        draft.put("service.name", record.get("eventSource"))
        draft.take_all(_MAPPING["sign_in"])
    draft.take_all(_MAPPING["event"])
    if activity == 99:
        draft.put("activity_name", name)
    return draft.finished(activity)


def _user(record: Mapping[str, Any], fields: Mapping[str, Fields], *needed: str) -> dict[str, Any]:
    """A user, by the fields that name one; empty if the record has none of the attributes that are `needed`."""
    user = {attribute: value(record, some) for attribute, some in fields.items()}
    return user if any(isinstance(user.get(attribute), str) for attribute in needed) else {}


def _ip(text: Any) -> Any:
    with suppress(ValueError):
        ip_address(str(text))
        return text


def _resources(given: Any) -> list[dict[str, Any]] | None:
    """Resources in OCSF's words; None, so that they stay unmapped, if they say more than these have room for."""
    if not isinstance(given, list) or not all(isinstance(r, dict) and r.keys() <= _OF_RESOURCE.keys() for r in given):
        return None
    return [{_OF_RESOURCE[n]: {"account": {"uid": v}} if n == "accountId" else v for n, v in r.items()} for r in given]
