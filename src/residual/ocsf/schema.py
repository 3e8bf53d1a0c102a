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

from ocsf_json_schema import get_ocsf_schema

VERSION = "1.8.0"
PROFILES = ("cloud", "host", "security_control")

Kind: TypeAlias = Literal[
    "number", "enum", "string", "flag", "time", "ip", "subnet", "hostname", "command", "path", "url", "email", "mac",
    "hash", "uid", "port", "list",
]  # fmt: skip
Requirement: TypeAlias = Literal["required", "recommended", "optional"]
Attribute: TypeAlias = Mapping[str, Any]

_KIND_OF_TYPE: dict[str, Kind] = {
    "boolean_t": "flag", "integer_t": "number", "long_t": "number", "float_t": "number", "timestamp_t": "time",
    "port_t": "port", "ip_t": "ip", "subnet_t": "subnet", "hostname_t": "hostname", "file_path_t": "path",
    "reg_key_path_t": "path", "url_t": "url", "email_t": "email", "mac_t": "mac", "file_hash_t": "hash",
    "resource_uid_t": "uid", "uuid_t": "uid",
}  # fmt: skip
_BY_STRENGTH: tuple[Requirement, ...] = ("required", "recommended", "optional")


@dataclass(frozen=True)
class Feature:
    """A column: its dotted path, and what kind of values it holds. `list` is any array, of scalars or of objects."""

    path: str
    kind: Kind


@cache
def ocsf() -> dict[str, Any]:
    """The whole of OCSF 1.8.0 (83 classes, 178 objects), as `ocsf-json-schema` carries it."""
    return get_ocsf_schema(VERSION)


@cache
def _classes() -> dict[int, dict[str, Any]]:
    return {entry["uid"]: entry for entry in ocsf()["classes"].values()}


CLASSES: dict[int, str] = {uid: _classes()[uid]["name"] for uid in (1007, 3002, 4001, 4003, 6002, 6003, 6008)}


def ocsf_class(class_uid: int) -> dict[str, Any]:
    """The schema's entry of a class.

    Raises:
        ValueError: for a class that OCSF 1.8.0 does not have.
    """
    if class_uid not in _classes():
        raise ValueError(f"class_uid must be one of the {len(_classes())} classes of OCSF {VERSION}, got {class_uid!r}")
    return _classes()[class_uid]


def members(attributes: Mapping[str, Attribute], profiles: Collection[str]) -> Iterator[tuple[str, Attribute]]:
    """The attributes that are there under `profiles`: those of no profile, and those of one of them."""
    for name, attribute in attributes.items():
        if not attribute.get("profiles") or not set(attribute["profiles"]).isdisjoint(profiles):
            yield name, attribute


def is_object(attribute: Attribute) -> bool:
    """Whether the attribute is one object, and so flattens further; an array of objects does not."""
    return attribute["type"] == "object_t" and not attribute.get("is_array")


def kind_of(name: str, attribute: Attribute) -> Kind:
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
) -> Iterator[Feature]:
    for name, attribute in members(attributes, profiles):
        if "@deprecated" in attribute:
            continue
        if not is_object(attribute):
            yield Feature(prefix + name, kind_of(name, attribute))
        elif depth > 1 and (kind := attribute["object_type"]) not in inside:
            inner = ocsf()["objects"][kind]["attributes"]
            yield from _walk(inner, profiles, depth - 1, (*inside, kind), f"{prefix}{name}.")


@cache
def class_features(class_uid: int, *, profiles: tuple[str, ...] = PROFILES, depth: int = 2) -> dict[str, Feature]:
    """The columns of one class down to `depth` names a path, by path, sorted.

    Raises:
        ValueError: for an unknown class or profile, or a depth below 1.
    """
    if unknown := set(profiles) - set(_profile_names()):
        raise ValueError(f"profiles must be among {', '.join(_profile_names())}; got {', '.join(sorted(unknown))}")
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    found = _walk(ocsf_class(class_uid)["attributes"], profiles, depth)
    return {feature.path: feature for feature in sorted(found, key=lambda feature: feature.path)}


@cache
def _profile_names() -> tuple[str, ...]:
    return tuple(sorted(ocsf()["profiles"]))


def features(
    classes: Collection[int] = tuple(CLASSES), *, profiles: tuple[str, ...] = PROFILES, depth: int = 2
) -> dict[str, Feature]:
    """The columns that any of `classes` has, by path, sorted; a path is of the same kind wherever it is.

    Raises:
        ValueError: for an unknown class or profile, or a depth below 1.
    """
    union: dict[str, Feature] = {}
    for uid in classes:
        union |= class_features(uid, profiles=profiles, depth=depth)
    return dict(sorted(union.items()))


def steps(class_uid: int, path: str, *, profiles: Collection[str] = PROFILES) -> list[Attribute]:
    """The attributes along `path`, from the class down to the one that it names, deprecated ones too.

    Raises:
        ValueError: for an unknown class, or a path that the class does not have under `profiles`.
    """
    attributes = ocsf_class(class_uid)["attributes"]
    found: list[Attribute] = []
    for name in path.split("."):
        attribute = dict(members(attributes, profiles)).get(name)
        if attribute is None:
            raise ValueError(f"path must be one of class {class_uid} under profiles {tuple(profiles)}, got {path!r}")
        found.append(attribute)
        attributes = ocsf()["objects"][attribute["object_type"]]["attributes"] if is_object(attribute) else {}
    return found


def requirement(class_uid: int, path: str, *, profiles: Collection[str] = PROFILES) -> Requirement:
    """How much the schema asks for a path: required only if every step to it is.

    Raises:
        ValueError: for an unknown class, or a path that the class does not have under `profiles`.
    """
    return max((step["requirement"] for step in steps(class_uid, path, profiles=profiles)), key=_BY_STRENGTH.index)


def captions(class_uid: int, path: str, *, profiles: Collection[str] = PROFILES) -> dict[int, str]:
    """What the ids of an enum stand for, such as 1: "Success" for `status_id`; empty for any other path.

    Raises:
        ValueError: for an unknown class, or a path that the class does not have under `profiles`.
    """
    attribute = steps(class_uid, path, profiles=profiles)[-1]
    if attribute["type"] == "string_t":
        return {}
    return {int(key): value["caption"] for key, value in attribute.get("enum", {}).items()}
