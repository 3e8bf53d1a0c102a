"""Normal work that episodes borrow from: whatever an attack does not decide itself is a copy of some normal event."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from residual.simulate.activity import GROUPS, normal_day
from residual.simulate.activity.calls import seen_from
from residual.simulate.calendar import DAY, START
from residual.simulate.organization import Floats, Ints, Organization
from residual.simulate.sessions import OTHER, SLOTS, STRANGE, open_session

Frames = dict[str, pl.DataFrame]  # decisions by group
DAYS = 3  # to borrow from
# What an event is to its episode. Injectors give its number where it is not the usual one of the type.
_ROLES = "guess entry discovery message transfer probe step launch work cause symptom act"
ROLES = tuple(_ROLES.split())
GUESS, ENTRY, DISCOVERY, WORK, CAUSE, SYMPTOM = map(
    ROLES.index, ("guess", "entry", "discovery", "work", "cause", "symptom")
)


@dataclass(frozen=True)
class Reference:
    """`DAYS` normal working days of an organization, and how hard its attacks are to tell from them."""

    org: Organization
    frames: Frames
    hardness: float

    def rows(self, group: str, condition: pl.Expr, n: int, rng: np.random.Generator) -> pl.DataFrame:
        """`n` normal events of a group that meet a condition, at random; so entities weigh by what they do.

        Raises:
            ValueError: if no event does.
        """
        matching = self.frames[group].filter(condition)
        if matching.height == 0:
            raise ValueError(f"condition must hold for a normal event of {group}, got none with {condition}")
        return matching[rng.integers(0, matching.height, n)]

    def at_work(self, group: str, condition: pl.Expr, n: int, start: int, rng: np.random.Generator) -> pl.DataFrame:
        """As `rows`, of people who work at `start` and so have their usual address, where there are enough."""
        rows = self.rows(group, condition, 8 * n, rng)
        user = rows["user"].to_numpy()
        off = open_session(self.org, user, np.full(len(user), start)) % SLOTS == OTHER
        return rows[np.argsort(off, kind="stable")[:n]]

    def calls(self, user: int, operations: Sequence[int], time: Ints, rng: np.random.Generator) -> pl.DataFrame:
        """Calls by a user, from where they are, in all else like calls of normal work."""
        frame, who = self.frames["calls"], np.full(len(operations), user)
        own = frame.filter(pl.col("user") == user)
        agent = (own if own.height else frame)["agent"]
        pools = [own_kind if (own_kind := frame.filter(pl.col("operation") == k)).height else frame for k in operations]
        like = pl.concat([frame.clear(), *(pool[[int(rng.integers(pool.height))]] for pool in pools)])
        place = seen_from(self.org, who, time, rng)
        usual = agent[rng.integers(0, len(agent), len(who))]
        return like.with_columns(time=time, user=who, operation=np.array(operations, int), place=place, agent=usual)

    @property
    def outside(self) -> pl.Expr:
        """Connections of machines to hosts outside."""
        return (pl.col("machine") >= 0) & (pl.col("target") >= int((self.org.targets.machine >= 0).sum()))

    def flows(
        self, time: Ints, machine: Ints, target: int, rng: np.random.Generator, size: Floats, *, of: float | None = None
    ) -> pl.DataFrame:
        """Connections to a host outside: each sends `size` times `of` bytes, or is `size` times a normal one."""
        rows = self.rows("traffic", self.outside, len(time), rng).with_columns(
            time=time, machine=machine, target=pl.lit(target), port=pl.lit(443)
        )
        if of is not None:
            return rows.with_columns(out=(of * size).astype(np.int64))
        like = self.rows("traffic", self.outside & (pl.col("state") == 0), 1, rng)
        return rows.with_columns(((like[k][0] * pl.Series(size)).cast(pl.Int64)).alias(k) for k in ("out", "back"))

    def working(self, people: Ints, start: int, *, now: bool = True) -> int:
        """The first of some people who works at `start` (or does not, where `now` is false); else the first."""
        off = open_session(self.org, people, np.full(len(people), start)) % SLOTS == OTHER
        return int(people[np.argmax(off != now)])

    def between(self, easy: tuple[float, float], hard: tuple[float, float], rng: np.random.Generator) -> float:
        """A number from a range that moves from `easy` to `hard` with the hardness (on a logarithmic scale)."""
        low, high = (a ** (1 - self.hardness) * b**self.hardness for a, b in zip(easy, hard, strict=True))
        return float(rng.uniform(min(low, high), max(low, high)))

    @cached_property
    def sent(self) -> Floats:
        """Bytes that each machine sends on a day, on average."""
        flows = self.frames["traffic"].filter(pl.col("machine") >= 0)
        n = len(self.org.machines.kind)
        return np.bincount(flows["machine"].to_numpy(), flows["out"].to_numpy(), minlength=n) / DAYS

    def busy_day(self, machine: int, rng: np.random.Generator) -> float:
        """Bytes that a machine sends on its 95th percentile day: of days made of its own connections at random."""
        out = self.frames["traffic"].filter(pl.col("machine") == machine)["out"].to_numpy()
        days = rng.choice(out, (400, max(len(out) // DAYS, 1))).sum(axis=1)
        return float(np.quantile(days, 0.95))


def reference(org: Organization, hardness: float) -> Reference:
    """Three working days from a generator of their own.

    Raises:
        ValueError: for a hardness outside 0 to 1.
    """
    if not 0 <= hardness <= 1:
        raise ValueError(f"hardness must be between 0 (easy) and 1 (hard), got {hardness}")
    working = [day for day in range(org.days) if day % 7 < 5]
    days = [normal_day(org, working[len(working) * k // DAYS], purpose="reference") for k in range(DAYS)]
    return Reference(
        org, {group: pl.concat([day.pop(group) for day in days], rechunk=True) for group in GROUPS}, hardness
    )


def spaced(start: int, gaps: Floats) -> Ints:
    """Times from `start` on, after each of `gaps` in ms; the first is at the start."""
    return start + np.concatenate([[0], np.cumsum(gaps[:-1])]).astype(np.int64)


def strange(start: int, n: int, *, of: int = 1) -> Ints:
    """The sessions of `n` events that nobody of the organization has opened, `of` so many events each."""
    return 2 * STRANGE + (start - START) * 1024 + np.arange(n) // of


def day_of(time: int) -> int:
    """Number of the day, from the simulation's first."""
    return int((time - START) // DAY)
