"""Whether an event is valid OCSF 1.8.0: the JSON Schema of its class, and the rules that the schema does not know.

The JSON Schema of a class is built by `ocsf-json-schema` for the profiles that the event names in `metadata.profiles`,
compiled once, and run by `jsonschema-rs`; the rules are in `checks`. Many files are checked in `residual.ocsf.bulk`.
Told in `book/part3/records.md`.
"""

from functools import cache, lru_cache
from typing import Any

import jsonschema_rs
from ocsf_json_schema import OcsfJsonSchemaEmbedded
from ocsf_json_schema.utility import generate_object_name_slug

from residual.ocsf.checks import IMPLAUSIBLE, Fault, Shape, add_bounds, pair_faults, shapes_of
from residual.ocsf.schema import VERSION, class_keys, ocsf

EXTENSION = 100_000  # a class of an extension has the extension's number times this in its uid
NOT_CHECKABLE = f"of an extension that is not part of OCSF {VERSION}, so it cannot be checked"


@lru_cache(maxsize=256)
def _compiled(
    version: str, class_uid: int, profiles: frozenset[str]
) -> tuple[jsonschema_rs.Validator, dict[str, Any], Shape]:
    """The schema of a class under profiles: compiled, with values masked in its messages; as it is; and its shape."""
    content, key = ocsf(version), class_keys(version)[class_uid]
    schema: dict[str, Any] = OcsfJsonSchemaEmbedded(content).get_class_schema(key, sorted(profiles))
    parts = {"#": (schema, content["classes"][key])}
    for name, entry in content["objects"].items():
        if (slug := generate_object_name_slug(name)) in schema["$defs"]:
            parts[f"#/$defs/{slug}"] = (schema["$defs"][slug], entry)
    for part, entry in parts.values():
        add_bounds(part, entry)
    return jsonschema_rs.validator_for(schema, mask="value"), schema, shapes_of(parts)["#"]


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
    validator, schema, shape = _compiled(version, uid, known)
    try:
        if not validator.is_valid(event):
            under = ", ".join(sorted(known)) or "none"
            found = validator.iter_errors(event)
            event_faults += [fault for error in found for fault in _faults_of(error, schema, under)]
        return event_faults + list(pair_faults(event, "$", shape))
    except ValueError as error:  # nested without end, a name that is no string
        return [*event_faults, Fault("$", f"no JSON that can be checked: {error}")]


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
            message = f"expected {kind['expected_value']}"
        case "pattern":
            message = f"expected the form of {_forms().get(kind['pattern'], 'its type')}"
        case "minimum" | "maximum" if kind["limit"] in IMPLAUSIBLE:
            message = IMPLAUSIBLE[kind["limit"]]
        case _:
            message = error.message.removeprefix("value is ")
    return [Fault(path, message, error.instance, by_rule="allOf" in above or message in IMPLAUSIBLE.values())]
