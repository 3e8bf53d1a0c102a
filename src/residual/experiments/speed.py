"""Recorded benchmarks, read back: how many times as fast as its peer an arm was.

Told in `book/part2/resnet.md` and `book/part2/training.md`. `benchmarks/parts/turns.py` measures and writes them.
"""

from dataclasses import dataclass
from pathlib import Path

from residual.experiments.records import read_record
from residual.experiments.stats import Interval


@dataclass(frozen=True)
class Speed:
    """One arm of one comparison.

    Attributes:
        job: what was run, such as "inference".
        net: of which network, such as "resnet50".
        images: in a batch.
        threads: that torch used.
        peer: the arm that the others were measured against.
        arm: what was measured.
        median_ms: milliseconds a run, the median over rounds.
        times_as_fast: time of the peer over that of the arm in the same round: median over rounds, with its interval.
    """

    job: str
    net: str
    images: int
    threads: int
    peer: str
    arm: str
    median_ms: float
    times_as_fast: Interval


def recorded_speeds(path: Path) -> list[Speed]:
    """All arms of all comparisons of a recorded benchmark, peers included.

    Raises:
        ValueError: for a file that is missing or holds something else.
    """
    speeds = []
    try:
        for run in read_record(path)["runs"]:
            where = {name: run[name] for name in ("job", "net", "images", "threads", "peer")}
            for arm, measured in run["arms"].items():
                ratio = Interval(**measured["times_as_fast_as_peer"])
                speeds.append(Speed(**where, arm=arm, median_ms=measured["median_ms"], times_as_fast=ratio))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: expected a benchmark's comparisons: {error!r}") from error
    return speeds


def notes(path: Path, job: str, net: str) -> dict[str, float]:
    """What else was written down beside the comparison of `net` at `job`.

    Raises:
        ValueError: for a file that is missing or holds no such comparison.
    """
    for run in read_record(path)["runs"]:
        if (run.get("job"), run.get("net")) == (job, net):
            found: dict[str, float] = run["notes"]
            return found
    raise ValueError(f"{path}: expected a comparison of {net} at {job!r}, it has none")
