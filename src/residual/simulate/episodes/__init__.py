"""Episodes: every attack of the book's table with its benign twin, planned over the whole simulation.

Told in `book/part3/simulator.md`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from residual.simulate.calendar import working_starts
from residual.simulate.episodes import accounts, channels, cloud, network, operations, passwords
from residual.simulate.episodes.reference import ROLES, Frames, Reference, reference
from residual.simulate.organization import Ints, Organization
from residual.simulate.seeds import generator

Inject = Callable[[Reference, int, np.random.Generator, int], Frames]
Kind = Literal["point", "contextual", "collective", "order", "operational"]


@dataclass(frozen=True)
class Type:
    """A type of episode: its technique in ATT&CK ("" for a fault), its kind, how to inject it and its benign twin.

    `role` is that of its events where an injector does not say otherwise. Injectors take the start, and an actor or -1.
    """

    attack: str
    kind: Kind
    role: str
    inject: Inject
    twin: Inject


TYPES: dict[str, Type] = {
    "brute_force": Type("T1110.001", "collective", "guess", passwords.brute_force, passwords.stale_credentials),
    "spraying": Type("T1110.003", "collective", "guess", passwords.spraying, passwords.monday_resets),
    "valid_account": Type("T1078", "contextual", "entry", accounts.valid_account, accounts.real_travel),
    "dns_tunnel": Type("T1071.004", "collective", "message", channels.dns_tunnel, channels.reputation_lookups),
    "beacon": Type("T1071.001", "collective", "message", channels.beacon, channels.updater),
    "exfiltration": Type("T1041", "collective", "transfer", network.exfiltration, network.backup),
    "scan": Type("T1046", "collective", "probe", network.scan, network.inventory),
    "persistence": Type("T1098", "order", "step", cloud.persistence, cloud.provisioning),
    "mining": Type("T1496", "collective", "launch", cloud.mining, cloud.build),
    "impossible": Type("", "point", "act", accounts.impossible, accounts.rare_administration),
    "cascade": Type("", "operational", "cause", operations.cascade, operations.deployment),
}
CAMPAIGN = ("valid_account", "scan", "persistence", "exfiltration")  # one after the other, by one actor
CHAINED = 3  # one in so many of these attacks begins or goes on with a campaign


@dataclass(frozen=True)
class Plan:
    """What is injected: decisions by group with role and number of their episode, and the episodes in that order."""

    decisions: Frames
    episodes: pl.DataFrame


def plan(org: Organization, *, episodes: float, hardness: float) -> Plan:
    """Plan the episodes of a simulation: of each type `episodes` per 1,000 days of a user, one at least, and twins.

    Raises:
        ValueError: for a negative rate, or a hardness outside 0 to 1.
    """
    if episodes < 0:
        raise ValueError(f"episodes must not be negative, got {episodes}")
    each = max(1, round(episodes * org.users * org.days / 1000)) if episodes else 0
    ref = reference(org, hardness)
    starts = {
        (name, twin): np.sort(working_starts(org, each, _dice(org, name, twin), last=org.days))
        for name in TYPES
        for twin in (False, True)
    }
    campaigns = _campaigns(org, {name: starts[name, False] for name in CAMPAIGN}, each // CHAINED)
    table: list[tuple[str, str, str, str, bool, str, int]] = []
    parts = {group: [frame.clear().with_columns(role=0, episode=0)] for group, frame in ref.frames.items()}
    for (name, twin), times in starts.items():
        kind, rng = TYPES[name], _dice(org, name, twin, 1)
        for k, start in enumerate(times):
            campaign, actor = campaigns.get((name, k), ("", -1)) if not twin else ("", -1)
            for group, frame in (kind.twin if twin else kind.inject)(ref, int(start), rng, actor).items():
                role = pl.col("role") if "role" in frame.columns else pl.lit(ROLES.index(kind.role))
                parts[group].append(frame.with_columns(role=role).with_columns(episode=pl.lit(len(table))))
            episode = f"{name}-{k:04d}{'-twin' if twin else ''}"
            table.append((episode, name, "" if twin else kind.attack, kind.kind, twin, campaign, int(start)))
    columns = ["episode", "type", "attack", "kind", "twin", "campaign", "start"]
    schema = dict.fromkeys(columns, pl.String) | {"twin": pl.Boolean, "start": pl.Int64}
    merged = {group: pl.concat([f.cast(pl.Int64) for f in frames]) for group, frames in parts.items()}
    return Plan(merged, pl.DataFrame(table, schema=schema, orient="row"))


def _dice(org: Organization, name: str, twin: bool, part: int = 0) -> np.random.Generator:
    return generator(org.seed, "episodes", list(TYPES).index(name), int(twin), part)


def _campaigns(org: Organization, starts: dict[str, Ints], n: int) -> dict[tuple[str, int], tuple[str, int]]:
    """Which attacks belong to a campaign, and its actor: each goes on with one of the next two of the next type."""
    rng = generator(org.seed, "episodes", len(TYPES))
    chained: dict[tuple[str, int], tuple[str, int]] = {}
    for number in range(n):
        actor, time, steps = int(rng.choice(org.users, p=cloud.callers(org)[: org.users])), 0, []
        for name, times in starts.items():
            free = [k for k, start in enumerate(times) if start > time and (name, k) not in chained]
            if not free:
                break
            k = free[int(rng.integers(len(free) // 2 + 1 if time == 0 else min(2, len(free))))]
            time = int(times[k])
            steps.append((name, k))
        if len(steps) > 1:
            chained |= dict.fromkeys(steps, (f"campaign-{number:04d}", actor))
    return chained
