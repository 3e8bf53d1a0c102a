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
from residual.simulate.episodes.reference import Frames, Reference, reference
from residual.simulate.organization import Organization
from residual.simulate.seeds import generator

Inject = Callable[[Reference, int, np.random.Generator], Frames]
Kind = Literal["point", "contextual", "collective", "order", "operational"]


@dataclass(frozen=True)
class Type:
    """A type of episode: its technique in ATT&CK ("" for a fault), its kind, how to inject it and its benign twin."""

    attack: str
    kind: Kind
    inject: Inject
    twin: Inject


TYPES: dict[str, Type] = {
    "brute_force": Type("T1110.001", "collective", passwords.brute_force, passwords.stale_credentials),
    "spraying": Type("T1110.003", "collective", passwords.spraying, passwords.monday_resets),
    "valid_account": Type("T1078", "contextual", accounts.valid_account, accounts.real_travel),
    "dns_tunnel": Type("T1071.004", "collective", channels.dns_tunnel, channels.reputation_lookups),
    "beacon": Type("T1071.001", "collective", channels.beacon, channels.updater),
    "exfiltration": Type("T1041", "collective", network.exfiltration, network.backup),
    "scan": Type("T1046", "collective", network.scan, network.inventory),
    "persistence": Type("T1098", "order", cloud.persistence, cloud.provisioning),
    "mining": Type("T1496", "collective", cloud.mining, cloud.build),
    "impossible": Type("", "point", accounts.impossible, accounts.rare_administration),
    "cascade": Type("", "operational", operations.cascade, operations.deployment),
}


@dataclass(frozen=True)
class Plan:
    """What is injected: decisions by group with the number of their episode, and the episodes in that order."""

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
    table: list[tuple[str, str, str, str, bool, int]] = []
    parts = {group: [frame.clear().with_columns(episode=pl.lit(0))] for group, frame in ref.days[0].items()}
    for number, (name, kind) in enumerate(TYPES.items()):
        for twin in (False, True):
            rng = generator(org.seed, "episodes", number, int(twin))
            _, starts = working_starts(org, each, rng, last=org.days)
            for k, start in enumerate(np.sort(starts)):
                inject = kind.twin if twin else kind.inject
                for group, frame in inject(ref, int(start), rng).items():
                    parts[group].append(frame.cast(pl.Int64).with_columns(episode=pl.lit(len(table))))
                episode = f"{name}-{k:04d}{'-twin' if twin else ''}"
                table.append((episode, name, "" if twin else kind.attack, kind.kind, twin, int(start)))
    columns = ["episode", "type", "attack", "kind", "twin", "start"]
    schema = dict(zip(columns, [pl.String, pl.String, pl.String, pl.String, pl.Boolean, pl.Int64], strict=True))
    merged = {group: pl.concat([f.cast(pl.Int64) for f in frames]) for group, frames in parts.items()}
    return Plan(merged, pl.DataFrame(table, schema=schema, orient="row"))
