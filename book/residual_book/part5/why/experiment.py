"""Do explanations point at what was injected? Measured on small organizations, alert by alert.

Told in `book/part5/why.md`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from residual import simulate
from residual.detect.alert import Alert
from residual.detect.score import Memory, advance, look
from residual.detect.stream import narrowed
from residual.simulate import flat
from residual_book.evaluation.live import FIRST
from residual_book.recording import spread

SEEDS = (0, 1, 2, 3, 4)
USERS, DAYS, EPISODES = 25, 20, 10.0  # small, with more episodes than usual, to measure on; the last six days are scored
# Of each type of episode, the detectors whose quantity is what the simulator does. Written before anything was measured.
FITS: Mapping[str, tuple[str, ...]] = {
    "brute_force": ("failed sign-ins of a user",),  # guesses at one account
    "spraying": ("users who sign in from an address",),  # some accounts from each of a few sources
    "valid_account": ("user and address of a call", "order of a user's calls", "values of a sign-in"),  # from elsewhere, others' work
    "dns_tunnel": ("lookups of a machine below a domain",),  # many names below two parents
    "beacon": ("steady new contacts of a machine to a host", "connections of a machine to a host"),
    "exfiltration": ("connections of a machine to a host", "steady new contacts of a machine to a host"),
    "scan": ("ports that a machine connects to",),
    "persistence": ("order of a user's calls",),
    "mining": ("connections of a machine to a host", "steady new contacts of a machine to a host"),  # traffic to a pool
    "impossible": ("values of a sign-in", "values of a connection", "values of a process"),
    "cascade": ("errors of an application",),
}  # fmt: skip


@dataclass(frozen=True)
class Explained:
    """An alert that found an episode, and how well it says which.

    Attributes:
        alert: itself.
        episode: the one that most of its events belong to.
        type: of the episode.
        precise: share of the events listed that belong to the episode.
        shown: the same of the few events that are shown whole, in the evidence.
        by_chance: share of all events of these classes and hours that belong to it.
        complete: share of the episode's events that are listed.
        named: whether the signal that is named first fits the type.
        at_random: share of detectors with something to say of the same entity on that day that do.
        largest: whether the one among them with the largest value does.
    """

    alert: Alert
    episode: str
    type: str
    precise: float
    shown: float
    by_chance: float
    complete: float
    named: bool
    at_random: float
    largest: bool


@dataclass(frozen=True)
class Organization:
    """The alerts of one organization that found an episode, and how many others there were."""

    seed: int
    explained: tuple[Explained, ...]
    others: int


def measure(seeds: Iterable[int] = SEEDS) -> list[Organization]:
    """One organization from each seed."""
    return spread(measured, [(seed,) for seed in seeds], bar="organizations")


def measured(seed: int, *, users: int = USERS, days: int = DAYS, episodes: float = EPISODES) -> Organization:
    """Score an organization day by day, and compare what each alert says with the labels."""
    simulation = simulate.simulation(users=users, days=days, seed=seed, episodes=episodes)
    memory = Memory(FIRST)
    raised: list[tuple[Alert, pl.DataFrame, pl.DataFrame]] = []
    labels = []
    for day in range(days):
        parts = list(simulation.parts(day))
        labels += [part.labels for part in parts]
        events = pl.concat(narrowed(flat(part.events)) for part in parts).sort("time", "uid")
        alerts, after = advance(memory, events, 10)
        if alerts:
            sights = look(memory, events)[0]
            raised += [(alert, sights, events) for alert in alerts]
        memory = after
    truth = pl.concat(labels).filter(~pl.col("twin")).select("episode", "type", uid="metadata.uid")
    explained = [explain(alert, sights, events, truth) for alert, sights, events in raised]
    found = tuple(one for one in explained if one is not None)
    return Organization(seed, found, len(raised) - len(found))


def explain(alert: Alert, sights: pl.DataFrame, events: pl.DataFrame, truth: pl.DataFrame) -> Explained | None:
    """Compare an alert with the truth; None for one that found no episode.

    Args:
        alert: raised on some day.
        sights: all of that day.
        events: of that day.
        truth: `uid`, `episode` and `type` of events of attacks and faults.
    """
    own = truth.filter(pl.col("uid").is_in(list(alert.events)))
    if own.is_empty():
        return None
    episode, kind = own.group_by("episode", "type").len().sort("len", "episode", descending=[True, False]).row(0)[:2]
    of = set(truth.filter(pl.col("episode") == episode)["uid"].to_list())
    shown = [one["metadata"]["uid"] for one in alert.evidence]
    classes = pl.Series([one["class_uid"] for one in alert.evidence], dtype=pl.Int32).unique()
    around = events.filter(pl.col("class_uid").is_in(classes.implode()) & pl.col("time").is_between(alert.begin, alert.end))
    entity = alert.entities[0]
    same = sights.filter((pl.col("kind") == entity.kind) & (pl.col("entity") == entity.value)).sort("rate", "end")
    oddest = same.unique("detector", keep="first", maintain_order=True)
    fits = oddest["detector"].is_in(list(FITS[kind])).to_numpy()
    return Explained(
        alert=alert,
        episode=episode,
        type=kind,
        precise=_share(alert.events, of),
        shown=_share(shown, of),
        by_chance=_share(around["uid"].to_list(), of),
        complete=_share(sorted(of), set(alert.events)),
        named=alert.signals[0].detector in FITS[kind],
        at_random=float(fits.mean()),
        largest=bool(fits[int(np.argmax(oddest["value"].to_numpy()))]),
    )


def _share(uids: Sequence[str], of: set[str]) -> float:
    return float(np.mean([uid in of for uid in uids])) if uids else 0.0


def stories(organizations: Sequence[Organization], types: Sequence[str]) -> list[Explained]:
    """Of each type, the first alert that found an episode of it and is told by what fits.

    Raises:
        ValueError: where there is none.
    """
    every = [one for organization in organizations for one in organization.explained if one.named]
    missing = set(types) - {one.type for one in every}
    if missing:
        raise ValueError(f"types must be of episodes that were found, got {', '.join(sorted(missing))}")
    return [next(one for one in every if one.type == kind) for kind in types]
