"""Normal work that episodes borrow from: whatever an attack does not decide itself is a copy of some normal event."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from residual.simulate.activity import normal_day
from residual.simulate.calendar import DAY, START
from residual.simulate.organization import Floats, Ints, Organization

Frames = dict[str, pl.DataFrame]  # decisions by group


@dataclass(frozen=True)
class Reference:
    """A few normal working days of an organization, and how hard its attacks are to tell from them."""

    org: Organization
    days: Sequence[Frames]
    hardness: float

    def rows(self, group: str, condition: pl.Expr, n: int, rng: np.random.Generator) -> pl.DataFrame:
        """`n` normal events of a group that meet a condition, at random; so entities weigh by what they do.

        Raises:
            ValueError: if no event does.
        """
        matching = self.frame(group).filter(condition)
        if matching.height == 0:
            raise ValueError(f"condition must hold for a normal event of {group}, got none with {condition}")
        return matching[rng.integers(0, matching.height, n)]

    def frame(self, group: str) -> pl.DataFrame:
        """All normal events of a group."""
        return pl.concat([day[group] for day in self.days])

    def between(self, easy: tuple[float, float], hard: tuple[float, float], rng: np.random.Generator) -> float:
        """A number from a range that moves from `easy` to `hard` with the hardness (on a logarithmic scale)."""
        low, high = (a ** (1 - self.hardness) * b**self.hardness for a, b in zip(easy, hard, strict=True))
        return float(rng.uniform(min(low, high), max(low, high)))

    @cached_property
    def sent(self) -> Floats:
        """Bytes that each machine sends on a day, on average."""
        flows = self.frame("traffic").filter(pl.col("machine") >= 0)
        n = len(self.org.machines.kind)
        return np.bincount(flows["machine"].to_numpy(), flows["out"].to_numpy(), minlength=n) / len(self.days)

    def busy_day(self, machine: int, rng: np.random.Generator) -> float:
        """Bytes that a machine sends on its 95th percentile day: of days made of its own connections at random."""
        out = self.frame("traffic").filter(pl.col("machine") == machine)["out"].to_numpy()
        days = rng.choice(out, (400, max(len(out) // len(self.days), 1))).sum(axis=1)
        return float(np.quantile(days, 0.95))


def reference(org: Organization, hardness: float) -> Reference:
    """Three working days from a generator of their own.

    Raises:
        ValueError: for a hardness outside 0 to 1.
    """
    if not 0 <= hardness <= 1:
        raise ValueError(f"hardness must be between 0 (easy) and 1 (hard), got {hardness}")
    working = [day for day in range(org.days) if day % 7 < 5]
    chosen = [working[len(working) * k // 3] for k in range(3)]
    return Reference(org, [normal_day(org, day, purpose="reference") for day in chosen], hardness)


def spaced(start: int, gaps: Floats) -> Ints:
    """Times from `start` on, after each of `gaps` in ms; the first is at the start."""
    return start + np.concatenate([[0], np.cumsum(gaps[:-1])]).astype(np.int64)


def day_of(time: int) -> int:
    """Number of the day, from the simulation's first."""
    return int((time - START) // DAY)
