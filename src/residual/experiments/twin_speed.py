"""The recorded speed of the JAX twin beside torch, read back. Told in `book/part2/jax.md`.

`python benchmarks/twin.py --out results/twin-speed.json` records it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from residual.experiments.records import read_record
from residual.experiments.stats import Interval, median_interval

PEER = "torch"


@dataclass(frozen=True)
class Speed:
    """What one arm took for one job, in every round; the arms of a round took turns.

    Attributes:
        net: such as "ResNet-18".
        job: "prediction" or "training step".
        images: in the batch.
        arm: "torch", "torch, channels last", "torch, fused" or "JAX".
        seconds: one number a round.
    """

    net: str
    job: str
    images: int
    arm: str
    seconds: tuple[float, ...]


def recorded(path: Path) -> list[Speed]:
    """The measurements of a recorded benchmark.

    Raises:
        ValueError: where the file is missing, or no such record.
    """
    try:
        return [Speed(**{**run, "seconds": tuple(run["seconds"])}) for run in read_record(path)["runs"]]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected the runs of benchmarks/twin.py: {error}") from error


def ratios(speeds: Sequence[Speed], *, to: str = PEER) -> dict[tuple[str, str, int], dict[str, Interval]]:
    """Time over that of the arm `to` in the same round, as median and interval, by job and then by arm.

    Raises:
        ValueError: where a job lacks the arm `to`, or has fewer than six rounds.
    """
    jobs: dict[tuple[str, str, int], dict[str, Sequence[float]]] = {}
    for speed in speeds:
        jobs.setdefault((speed.net, speed.job, speed.images), {})[speed.arm] = speed.seconds
    found: dict[tuple[str, str, int], dict[str, Interval]] = {}
    for job, arms in jobs.items():
        if to not in arms:
            raise ValueError(f"speeds must have the arm {to!r} for every job, {job} has {', '.join(arms)}")
        found[job] = {
            arm: median_interval([a / b for a, b in zip(seconds, arms[to], strict=True)])
            for arm, seconds in arms.items()
        }
    return found
