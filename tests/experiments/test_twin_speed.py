import json
from pathlib import Path

import pytest

from residual.experiments.records import RESULTS
from residual.experiments.twin_speed import Speed, ratios, recorded


def speed(arm: str, *seconds: float) -> Speed:
    return Speed("ResNet-18", "prediction", 1, arm, seconds)


def test_ratios_are_taken_round_by_round() -> None:
    """A machine that slows down half-way slows both arms, and their ratio stays."""
    slower = (1.0, 1.0, 1.0, 9.0, 9.0, 9.0)
    found = ratios([speed("torch", *slower), speed("JAX", *(2 * s for s in slower))])
    ((job, arms),) = found.items()
    assert job == ("ResNet-18", "prediction", 1)
    assert (arms["JAX"].estimate, arms["JAX"].low, arms["JAX"].high) == (2, 2, 2)
    assert arms["torch"].estimate == 1


def test_ratios_need_the_peer() -> None:
    with pytest.raises(ValueError, match=r"must have the arm 'torch' for every job, .* has JAX"):
        ratios([speed("JAX", 1.0)])


def test_the_record_is_complete() -> None:
    found = ratios(recorded(RESULTS / "twin-speed.json"))
    assert {net for net, _, _ in found} == {"ResNet-18", "ResNet-50"}
    assert {job for _, job, _ in found} == {"prediction", "training step"}
    assert all({"torch", "torch, channels last", "JAX"} <= arms.keys() for arms in found.values())
    provenance = json.loads((RESULTS / "twin-speed.json").read_text())["provenance"]
    assert {"jax", "flax", "torch", "machine"} <= provenance.keys()


def test_another_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(json.dumps({"command": "", "provenance": {}, "runs": [{"depth": 20}]}))
    with pytest.raises(ValueError, match=r"other\.json: expected the runs of benchmarks/twin\.py"):
        recorded(path)
