"""Whether an event is valid OCSF 1.8.0: the JSON Schema of its class, and the rules that the schema does not know.

The JSON Schema of a class is built by `ocsf-json-schema` for the profiles that the event names in `metadata.profiles`;
`checks` adds the rules; it is compiled once, and run by `jsonschema-rs`. With the rules a schema takes four times as
long, though all that they look at are few numbers and captions, and these recur. So what passed once is remembered, and
an event with nothing new goes through the schema without rules. Many files are checked in `residual.ocsf.bulk`. Told in
`book/part3/records.md`.
"""

from collections.abc import Callable, Hashable, Mapping
from functools import cache, lru_cache
from typing import Any

import jsonschema_rs
from ocsf_json_schema import OcsfJsonSchemaEmbedded
from ocsf_json_schema.utility import generate_object_name_slug

from residual.ocsf.checks import IMPLAUSIBLE, Fault, add_bounds, add_pairs, pairs
from residual.ocsf.schema import VERSION, class_keys, ocsf

EXTENSION = 100_000  # a class of an extension has the extension's number times this in its uid
NOT_CHECKABLE = f"of an extension that is not part of OCSF {VERSION}, so it cannot be checked"


_MOST_PASSED = 100_000
_passed: set[Hashable] = set()  # a class or an object by name, with the values in it that the rules look at


def _schema(version: str, class_uid: int, profiles: frozenset[str], *rules: Callable[..., None]) -> dict[str, Any]:
    content, key = ocsf(version), class_keys(version)[class_uid]
    schema: dict[str, Any] = OcsfJsonSchemaEmbedded(content).get_class_schema(key, sorted(profiles))
    objects = {generate_object_name_slug(name): entry for name, entry in content["objects"].items()}
    for add in rules:
        add(schema, content["classes"][key])
        for name, inner in schema["$defs"].items():
            add(inner, objects[name])
    return schema


@lru_cache(maxsize=256)
def _quick(version: str, class_uid: int, profiles: frozenset[str]) -> jsonschema_rs.Validator:
    """The compiled schema of a class under profiles, without the rules for pairs."""
    return jsonschema_rs.validator_for(_schema(version, class_uid, profiles, add_bounds))


@lru_cache(maxsize=256)
def _whole(version: str, class_uid: int, profiles: frozenset[str]) -> tuple[jsonschema_rs.Validator, dict[str, Any]]:
    """The compiled schema with all rules, and the schema itself. Values are masked in its messages."""
    schema = _schema(version, class_uid, profiles, add_bounds, add_pairs)
    return jsonschema_rs.validator_for(schema, mask="value"), schema


@cache
def _looked_at(version: str, group: str, name: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The attributes of a class or an object that the rules for pairs look at, and its objects by attribute."""
    entry = ocsf(version)[group][name]
    inside = {key: a["object_type"] for key, a in entry["attributes"].items() if a["type"] == "object_t"}
    return tuple(sorted({attribute for pair in pairs(entry) for attribute in pair})), inside


def _pairs(value: Mapping[str, Any], version: str, group: str, name: str, found: list[Hashable]) -> None:
    """Add what the rules for pairs look at in an object, and in the objects inside it; all types are as they should."""
    names, inside = _looked_at(version, group, name)
    if names:
        found.append((version, name, *map(value.get, names)))
    for key, inner in value.items():
        if type(inner) is dict:
            if key in inside:
                _pairs(inner, version, "objects", inside[key], found)
        elif type(inner) is list and key in inside:
            for element in inner:
                _pairs(element, version, "objects", inside[key], found)


@cache
def _forms() -> dict[str, str]:
    """What a regular expression of the schema stands for, such as "IP Address"."""
    types = ocsf()["dictionary"]["types"]["attributes"].values()
    return {entry["regex"]: entry["caption"] for entry in types if "regex" in entry}


def whole(value: object) -> int | None:
    """A whole number, also one that is written with a fraction of zero; None for all else."""
    if type(value) is float and value.is_integer():
        return int(value)
    return value if type(value) is int else None


def faults(event: object, *, version: str = VERSION) -> list[Fault]:
    """Everything that is wrong with one event, a nested dict without nulls; empty if it is valid.

    An attribute of a profile is known only in an event whose `metadata.profiles` names that profile. A number that is
    written with a fraction of zero is a whole number: 1.0 is 1. An event of an extension that the schema does not
    have has `NOT_CHECKABLE` for its only fault.

    Args:
        event: as JSON has it.
        version: of OCSF, one of `schema.VERSIONS`.
    """
    if not isinstance(event, dict):
        return [Fault("$", "expected object", event)]
    got = event.get("class_uid")
    if (uid := whole(got)) is None:
        return [Fault("$.class_uid", "required, but missing" if got is None else "expected integer", got)]
    if (key := class_keys(version).get(uid)) is None:
        of_extension = EXTENSION <= uid < 1000 * EXTENSION
        return [Fault("$.class_uid", NOT_CHECKABLE if of_extension else f"no class of OCSF {version}", got)]
    entry = ocsf(version)["classes"][key]
    metadata = event.get("metadata")
    named = metadata.get("profiles") if isinstance(metadata, dict) else None
    named = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    known = frozenset(named).intersection(entry["profiles"])
    event_faults = [
        Fault("$.metadata.profiles[*]", f"no profile of {entry['name']}", name) for name in named if name not in known
    ]
    try:
        found: list[Hashable] = []
        if _quick(version, uid, known).is_valid(event):
            _pairs(event, version, "classes", key, found)
            if _passed.issuperset(found):
                return event_faults
        validator, schema = _whole(version, uid, known)
        under = ", ".join(sorted(known)) or "none"
        wrong = [fault for error in validator.iter_errors(event) for fault in _faults_of(error, schema, under)]
    except ValueError as error:  # nested without end, a name that is no string
        wrong = [Fault("$", f"no JSON that can be checked: {error}")]
    if not wrong:
        if len(_passed) > _MOST_PASSED:
            _passed.clear()
        _passed.update(found)
    return event_faults + wrong


def _faults_of(error: jsonschema_rs.ValidationError, schema: Any, under: str) -> list[Fault]:
    """An error of the schema in our words: what was expected, at the place where it was expected."""
    kind = error.kind.as_dict()
    path = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
    *above, _ = error.schema_path
    rule = schema
    for step in above:
        rule = rule[step]
    match error.kind.name:
        case "additionalProperties":
            inside: Any = error.instance
            message = f"no attribute here (profiles: {under})"
            return [Fault(f"{path}.{name}", message, inside[name], name) for name in kind["unexpected"]]
        case "required":
            return [Fault(f"{path}.{kind['property']}", "required, but missing", by_rule="allOf" in above)]
        case "anyOf" | "oneOf" as which:
            names = ", ".join(name for alternative in rule[which] for name in alternative["required"])
            return [Fault(path, f"{'at least' if which == 'anyOf' else 'exactly'} one of {names} is needed")]
        case "type":
            message = f"expected {' or '.join(kind['types'])}"
        case "enum":
            message = f"expected one of {', '.join(map(str, sorted(kind['options'])))}"
        case "const":
            message = rule.get("$comment", f"expected {kind['expected_value']}")
        case "pattern":
            message = f"expected the form of {_forms().get(kind['pattern'], 'its type')}"
        case "minimum" | "maximum" if kind["limit"] in IMPLAUSIBLE:
            message = IMPLAUSIBLE[kind["limit"]]
        case _:
            message = error.message.removeprefix("value is ")
    return [Fault(path, message, error.instance, by_rule="allOf" in above or message in IMPLAUSIBLE.values())]
