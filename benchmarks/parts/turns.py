"""Arms that take turns, so that a machine that slows down slows all of them, and what is said of their times."""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from residual_book.stats import Interval, median_interval

Arms = dict[str, Callable[[], object]]  # the first is the peer that the others are measured against
TURN_S = 0.2  # a turn lasts at least this long, so that a quick arm runs several times in it


@dataclass
class Comparison:
    """Seconds a run of each arm, a number a round.

    Attributes:
        job: what was run: "inference", "training step", "CIFAR training".
        net: of which network.
        images: a step.
        threads: that torch used.
        seconds: by arm; the first is the peer.
        notes: what else belongs to the numbers.
    """

    job: str
    net: str
    images: int
    threads: int
    seconds: dict[str, list[float]]
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def peer(self) -> str:
        return next(iter(self.seconds))

    def speed(self, arm: str) -> Interval:
        """How many times as fast as the peer: the median over rounds, each of which compares the same moments."""
        times = zip(self.seconds[self.peer], self.seconds[arm], strict=True)
        return median_interval([peer / own for peer, own in times])

    def record(self) -> dict[str, Any]:
        own = {key: value for key, value in asdict(self).items() if key != "seconds"}
        arms = {
            arm: {
                "median_ms": round(1000 * statistics.median(times), 3),
                "times_as_fast_as_peer": {key: round(value, 4) for key, value in asdict(self.speed(arm)).items()},
                "seconds": [round(second, 6) for second in times],
            }
            for arm, times in self.seconds.items()
        }
        return {**own, "peer": self.peer, "arms": arms}

    def __str__(self) -> str:
        title = f"{self.net}, {self.job}, {self.images} images, {self.threads} threads"
        lines = [
            f"  {arm:36}{1000 * statistics.median(times):9.1f} ms  {self.speed(arm)}"
            for arm, times in self.seconds.items()
        ]
        return "\n".join([title, *lines, *(f"  {key}: {value}" for key, value in self.notes.items())])


def take_turns(arms: Arms, rounds: int, *, threads: int) -> dict[str, list[float]]:
    """Seconds a run of each arm in each round. Every arm has run before; who begins changes with the round."""
    torch.set_num_threads(threads)
    names = list(arms)
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    repeats = {}
    for name, run in arms.items():
        first = _timed(run)
        repeats[name] = math.ceil(TURN_S / _timed(run)) if first < 1 or "compiled" in name else 1
    for i in range(rounds):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            times = [_timed(arms[name]) for _ in range(repeats[name])]
            seconds[name].append(statistics.mean(times))
    return seconds


def _timed(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
