"""Planted mistakes: what is planted is there, and who notices it."""

import pytest

from residual.experiments import defects
from residual.ocsf.checks import Fault


@pytest.fixture(scope="module")
def noticed() -> dict[str, defects.Noticed]:
    return {one.defect: one for one in defects.notice(5, events=2)}


def test_every_mistake_is_judged_once(noticed: dict[str, defects.Noticed]) -> None:
    assert list(noticed) == list(defects.DEFECTS)
    assert all(0 <= one.schema <= one.all_checks <= 1 for one in noticed.values())


@pytest.mark.parametrize(
    ("defect", "schema", "all_checks"),
    [
        ("no time", 1, 1),
        ("another id's caption", 0, 1),
        ("seconds for milliseconds", 0, 1),
        ("type_uid of another activity", 0, 1),
        ("hours off", 0, 0),
    ],
)
def test_who_notices(noticed: dict[str, defects.Noticed], defect: str, schema: float, all_checks: float) -> None:
    assert (noticed[defect].schema, noticed[defect].all_checks) == (schema, all_checks)


def test_a_soil_that_is_not_sound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defects, "faults", lambda event: [Fault("$.time", "required, but missing")])
    with pytest.raises(RuntimeError, match=r"an event of \w+ must be valid to plant in, got \$\.time: required"):
        list(defects.notice(0, events=1))
