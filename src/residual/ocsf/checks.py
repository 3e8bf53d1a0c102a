"""Three rules of OCSF that its JSON Schema does not hold an event to. Told in `book/part3/records.md`.

`type_uid` is `class_uid * 100 + activity_id`; a caption beside an id (`status` beside `status_id`) is the one that the
schema gives for that id, unless the id is 99, Other; and a time is in milliseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from residual.ocsf.schema import ocsf
from residual.ocsf.times import time_fault

OTHER = 99


@dataclass(frozen=True)
class Fault:
    """What is wrong at one place of an event.

    Attributes:
        path: JSON path of the value, `$.answers[0].type`; of a missing value, where it should be.
        message: what was expected. Free of the value, so that equal faults of many events count as one.
        got: the value, None where there is none.
    """

    path: str
    message: str
    got: Any = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}, got {self.got!r}"


@dataclass(frozen=True)
class _Rule:
    """What to look at in an attribute: whether it is a time, the captions of its ids, or the object that it is."""

    is_time: bool
    sibling: str | None
    captions: Mapping[int, str]
    inside: str | None


@cache
def _rules(group: str, name: str) -> dict[str, _Rule]:
    """The attributes of a class or an object (`group` is "classes" or "objects") that have something to look at."""
    rules = {}
    for key, attribute in ocsf()[group][name]["attributes"].items():
        sibling = None if attribute.get("is_array") else attribute.get("sibling")
        rule = _Rule(
            is_time=attribute["type"] == "timestamp_t",
            sibling=sibling,
            captions={int(i): e["caption"] for i, e in attribute.get("enum", {}).items()} if sibling else {},
            inside=attribute["object_type"] if attribute["type"] == "object_t" else None,
        )
        if rule.is_time or rule.sibling or rule.inside:
            rules[key] = rule
    return rules


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def check(event: Mapping[str, Any], class_name: str) -> list[Fault]:
    """Every breach of the three rules in an event of a class. Values of a wrong type are left to the schema."""
    found: list[Fault] = []
    numbers = [event.get(name) for name in ("class_uid", "activity_id", "type_uid")]
    if all(_is_int(number) for number in numbers):
        class_uid, activity, type_uid = numbers
        if type_uid != (expected := class_uid * 100 + activity):  # type: ignore[operator]  # integers, by `all` above
            found.append(Fault("$.type_uid", f"expected class_uid * 100 + activity_id, {expected}", type_uid))
    _check_object(event, _rules("classes", class_name), "$", found)
    return found


def _check_object(value: Mapping[str, Any], rules: Mapping[str, _Rule], path: str, found: list[Fault]) -> None:
    for name, inner in value.items():
        if (rule := rules.get(name)) is None:
            continue
        if rule.inside is not None:
            if isinstance(inner, dict):
                _check_object(inner, _rules("objects", rule.inside), f"{path}.{name}", found)
            elif isinstance(inner, list):
                for place, element in enumerate(inner):
                    if isinstance(element, dict):
                        _check_object(element, _rules("objects", rule.inside), f"{path}.{name}[{place}]", found)
        elif _is_int(inner):
            if rule.is_time and (message := time_fault(inner)):
                found.append(Fault(f"{path}.{name}", message, inner))
            if rule.sibling is not None and inner != OTHER:
                caption = value.get(rule.sibling)
                expected = rule.captions.get(inner)
                if caption is not None and expected is not None and caption != expected:
                    message = f'expected "{expected}", the caption of {name} {inner}'
                    found.append(Fault(f"{path}.{rule.sibling}", message, caption))
