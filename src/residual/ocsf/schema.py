"""OCSF 1.8.0 as a typed feature dictionary: classes, their flattened columns, and what kind of thing a column holds.

All of it is read from the schema that the package `ocsf-json-schema` carries. Told in `book/part3/records.md`.

A column is named by its dotted path, `src_endpoint.ip`, and its depth is the number of names in the path. Attributes
that the schema deprecates are not columns, and a path does not enter the same object twice (a process has a parent
process, which has a parent process).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

from ocsf_json_schema import get_ocsf_schema, get_packaged_versions

VERSION = "1.8.0"
VERSIONS: frozenset[str] = frozenset(get_packaged_versions())  # that can be checked against, from 1.0.0-rc.2 on
PROFILES = ("cloud", "host", "security_control")

Kind: TypeAlias = Literal[
    "number", "enum", "string", "flag", "time", "ip", "subnet", "hostname", "command", "path", "url", "email", "mac",
    "hash", "uid", "port", "list",
]  # fmt: skip
Attribute: TypeAlias = Mapping[str, Any]

_KIND_OF_TYPE: dict[str, Kind] = {
    "boolean_t": "flag", "integer_t": "number", "long_t": "number", "float_t": "number", "timestamp_t": "time",
    "port_t": "port", "ip_t": "ip", "subnet_t": "subnet", "hostname_t": "hostname", "file_path_t": "path",
    "reg_key_path_t": "path", "url_t": "url", "email_t": "email", "mac_t": "mac", "file_hash_t": "hash",
    "resource_uid_t": "uid", "uuid_t": "uid",
}  # fmt: skip


@dataclass(frozen=True)
class Feature:
    """A column: its dotted path, and what kind of values it holds. `list` is any array, of scalars or of objects."""

    path: str
    kind: Kind


@cache
def ocsf(version: str = VERSION) -> dict[str, Any]:
    """The whole of a version of OCSF (1.8.0: 83 classes, 178 objects), as `ocsf-json-schema` carries it."""
    return get_ocsf_schema(version)


@cache
def class_keys(version: str = VERSION) -> dict[int, str]:
    """The key of every class in the schema, by `class_uid`: its name, after `win/` where it is of that extension."""
    return {entry["uid"]: key for key, entry in ocsf(version)["classes"].items()}


def ocsf_class(class_uid: int) -> dict[str, Any]:
    """The schema's entry of a class.

    Raises:
        ValueError: for a class that OCSF 1.8.0 does not have.
    """
    if (key := class_keys().get(class_uid)) is None:
        known = f"one of the {len(class_keys())} classes of OCSF {VERSION}"
        raise ValueError(f"class_uid must be {known}, got {class_uid!r}")
    entry: dict[str, Any] = ocsf()["classes"][key]
    return entry


CLASSES: dict[int, str] = {uid: ocsf_class(uid)["name"] for uid in (1007, 3002, 4001, 4003, 6002, 6003, 6008)}


def _kind_of(name: str, attribute: Attribute) -> Kind:
    """The kind of an attribute that is not an object; command lines and most uids are known by name alone."""
    if attribute.get("is_array"):
        return "list"
    if attribute.get("enum"):
        return "enum"
    if kind := _KIND_OF_TYPE.get(attribute["type"]):
        return kind
    if name == "cmd_line":
        return "command"
    return "uid" if name == "uid" or name.endswith("_uid") else "string"


def _walk(
    attributes: Mapping[str, Attribute],
    profiles: Collection[str],
    depth: int,
    inside: tuple[str, ...] = (),
    prefix: str = "",
    required: bool = False,
) -> Iterator[Feature]:
    """The columns of attributes that belong to no profile or to one of `profiles`; those `required` at every step."""
    for name, attribute in attributes.items():
        of_profiles = attribute.get("profiles")
        if "@deprecated" in attribute or (of_profiles and set(of_profiles).isdisjoint(profiles)):
            continue
        if required and attribute["requirement"] != "required":
            continue
        if attribute["type"] != "object_t" or attribute.get("is_array"):
            yield Feature(prefix + name, _kind_of(name, attribute))
        elif depth > 1 and (kind := attribute["object_type"]) not in inside:
            inner = ocsf()["objects"][kind]["attributes"]
            yield from _walk(inner, profiles, depth - 1, (*inside, kind), f"{prefix}{name}.", required)


def features(
    classes: Collection[int] = tuple(CLASSES), *, profiles: tuple[str, ...] = PROFILES, depth: int = 2
) -> dict[str, Feature]:
    """The columns that any of `classes` has, down to `depth` names per path, by path, sorted.

    A path is of the same kind wherever it is.

    Raises:
        ValueError: for an unknown class or profile, or a depth below 1.
    """
    if unknown := set(profiles) - set(ocsf()["profiles"]):
        known = ", ".join(sorted(ocsf()["profiles"]))
        raise ValueError(f"profiles must be among {known}; got {', '.join(sorted(unknown))}")
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    columns = {column for uid in classes for column in _walk(ocsf_class(uid)["attributes"], profiles, depth)}
    return {feature.path: feature for feature in sorted(columns, key=lambda feature: feature.path)}


@cache
def class_features(class_uid: int, *, profiles: tuple[str, ...] = PROFILES, depth: int = 2) -> dict[str, Feature]:
    """`features` of one class."""
    return features((class_uid,), profiles=profiles, depth=depth)


@cache
def required_columns() -> tuple[str, ...]:
    """The columns that an event of any class must have, whatever its profiles: required at each step of their path."""
    base_event = ocsf_class(0)["attributes"]
    return tuple(sorted(feature.path for feature in _walk(base_event, (), depth=2, required=True)))
