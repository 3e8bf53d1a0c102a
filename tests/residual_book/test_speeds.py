"""Recorded benchmarks come back as they were measured, and are drawn."""

import json
from pathlib import Path
from typing import Any

import pytest

from residual_book.speeds import notes, recorded_speeds, times_as_fast
from residual_book.stats import Interval


def comparison(**changes: Any) -> dict[str, Any]:
    ratio = {"estimate": 1.5, "low": 1.4, "high": 1.6, "n": 7, "confidence": 0.95}
    arm = {"median_ms": 20.0, "times_as_fast_as_peer": ratio, "seconds": [0.02] * 7}
    where = {"job": "inference", "net": "resnet18", "images": 1, "threads": 2, "peer": "torchvision"}
    return {**where, "notes": {"a": 2.0}, "arms": {"torchvision": arm, "ours": arm}, **changes}


def written(folder: Path, *runs: Any) -> Path:
    path = folder / "speed.json"
    path.write_text(json.dumps({"command": "", "provenance": {}, "runs": list(runs)}))
    return path


def test_every_arm_comes_back_and_is_drawn(tmp_path: Path) -> None:
    speeds = recorded_speeds(written(tmp_path, comparison(), comparison(net="resnet50", images=32)))
    assert [(s.net, s.arm) for s in speeds] == [
        (net, arm) for net in ("resnet18", "resnet50") for arm in ("torchvision", "ours")
    ]
    assert speeds[1].times_as_fast == Interval(1.5, 1.4, 1.6, 7)
    assert (speeds[1].job, speeds[1].images, speeds[1].threads, speeds[1].median_ms) == ("inference", 1, 2, 20.0)
    drawing = times_as_fast(speeds, "Dots.")
    assert drawing.alt == "Dots."
    labels = ("1 image", "32 images", "ResNet-18", "ResNet-50", "ours", "times as fast as torchvision")
    assert all(f">{label}<" in drawing.svg() for label in labels)


@pytest.mark.parametrize(
    "run", [{"depth": 20}, comparison(arms={"ours": {"median_ms": 1.0}}), comparison(arms=None), "nothing"]
)
def test_another_record_is_refused(tmp_path: Path, run: Any) -> None:
    with pytest.raises(ValueError, match=r"speed\.json: expected a benchmark's comparisons"):
        recorded_speeds(written(tmp_path, run))


def test_notes_of_a_comparison(tmp_path: Path) -> None:
    path = written(tmp_path, comparison(), comparison(net="resnet50", notes={"a": 3.0}))
    assert notes(path, "inference", "resnet50") == {"a": 3.0}
    with pytest.raises(ValueError, match="resnet34 at 'inference'"):
        notes(path, "inference", "resnet34")
