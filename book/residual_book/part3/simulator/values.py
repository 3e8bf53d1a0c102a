"""Guards 2 and 3: nothing exists only in attacks, their entities are everybody's, and ids say nothing.

Told in `book/part3/simulator.md`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from residual.simulate.simulation import NAMED
from residual_book.evaluation.watched import entity
from residual_book.organizations import Mask, Tables
from residual_book.part3.simulator.columns import Ints, Means, Ranks, episode_means

CHANCE = 1e-3
NEEDED = 3  # episodes
# What is drawn at random for every event: ids, ports, hashes, delays of the pipeline.
DRAWN = ("metadata.uid", "metadata.sequence", "metadata.correlation_uid", "session.uid", "connection_info.uid")
DRAWN_ENDS = (".pid", "src_endpoint.port", "hash.value", "serial_number", "raw_data_size", "packet_uid", "request.uid")


@dataclass(frozen=True)
class OnlyAttacks:
    """Something that episodes of attacks show and no benign event does."""

    table: str
    column: str
    what: str  # "value", "format" (digits as 0, letters as a), "nulls" (which columns are missing), or "range"
    value: str
    episodes: int  # how many show it; one alone may be chance


def only_attacks(tables: Tables, ranked: Mapping[str, Ranks]) -> list[OnlyAttacks]:
    """What `NEEDED` or more episodes of an organization show, and no benign event.

    Of thousands of rare values and patterns a few are met in attacks alone by chance. Only what chance would give
    fewer than `CHANCE` times in a column is reported.
    """
    leaks = []
    for name, table in tables.items():
        attack = table["label.attack"].to_numpy()
        _, episode = np.unique(table["label.episode"].to_numpy()[attack], return_inverse=True)
        for column, what, code, texts in _views(table, ranked[name]) if attack.any() else ():
            for k, episodes in _exclusive(code, attack, episode):
                leaks.append(OnlyAttacks(name, column, what, str(texts(k))[:60], episodes))
    return leaks


def _views(table: pl.DataFrame, ranked: Ranks) -> Iterator[tuple[str, str, Ints, Callable[[int], object]]]:
    """Column, what is looked at in it, that of each event as a number (0 for nothing), and what the numbers mean."""
    benign = ~table["label.attack"].to_numpy()
    # A number for each pattern of nulls: random weights make two patterns differ.
    weights = np.random.default_rng(0).integers(0, 2**62, len(ranked))
    pattern = np.column_stack([rank == 0 for rank in ranked.values()]) @ weights
    yield "", "nulls", np.unique(pattern, return_inverse=True)[1] + 1, lambda k: k
    for column, rank in ranked.items():
        if rank.min() == rank.max():
            continue
        values = table[column].list.len() if isinstance(table[column].dtype, pl.List) else table[column]
        code = rank - rank.min()
        where = np.zeros(int(code.max()) + 1, np.int64)
        where[code] = np.arange(len(code))
        known = values.gather(where)  # each value once, in the order of its rank
        if values.dtype == pl.String:
            shapes = _shapes(known)
            yield column, "format", shapes.rank("dense").fill_null(0).to_numpy().astype(np.int64)[code], _named(shapes)
        elif values.dtype.is_numeric() and not is_drawn(column):
            usual = rank[benign & (rank > 0)]
            low, high = (int(usual.min()), int(usual.max())) if len(usual) else (1, 0)
            yield column, "range", ((rank > 0) & ((rank < low) | (rank > high))).astype(np.int64), lambda _: "outside"
        # Where values are many, one may be missing among benign events by chance.
        if len(known) < table.height / 50:
            yield column, "value", rank, _named(known)


def _named(values: pl.Series) -> Callable[[int], object]:
    return lambda rank: values.drop_nulls().unique().sort()[rank - 1]


def _shapes(values: pl.Series) -> pl.Series:
    """The format of each value: runs of digits as 0, of letters as a; any run as x where these are too many to tell."""
    shapes = values.str.replace_all(r"[0-9]+", "0").str.replace_all(r"[A-Za-z]+", "a")
    # Many shapes are those of a random id, whose digits and letters fall as they may.
    return shapes.str.replace_all(r"[a0]+", "x") if shapes.n_unique() > 200 else shapes


def _exclusive(code: Ints, attack: Mask, episode: Ints) -> list[tuple[int, int]]:
    """The numbers above zero that enough attacks have and no benign event has, each with its number of episodes."""
    alone = np.bincount(code[~attack], minlength=int(code.max()) + 1)[code[attack]] == 0
    pairs = np.unique(np.stack([code[attack][alone], episode[alone]]), axis=1)
    found, episodes = np.unique(pairs[0][pairs[0] > 0], return_counts=True)
    # If attacks were a random share of the rows, this many values would be theirs alone as often as that.
    expected = len(np.unique(code)) * float(attack.mean()) ** episodes
    few = (episodes >= NEEDED) & (expected < CHANCE)
    return list(zip(found[few].tolist(), episodes[few].tolist(), strict=True))


def shared_entities(tables: Tables) -> dict[str, tuple[int, int]]:
    """How many of the entities of attacks benign events of the class have, too, by class and kind: these, and all.

    Sessions are left out, because an attacker's own session is nobody else's.
    """
    shared = {}
    for name, table in tables.items():
        for kind, column in NAMED[name].items():
            if kind == "session":
                continue
            value, attack = table.select(entity(kind, column)).to_series(), table["label.attack"]
            used = value.filter(attack).drop_nulls().unique()
            if len(used):
                shared[f"{name}: {kind}"] = int(used.is_in(value.filter(~attack).unique().implode()).sum()), len(used)
    return shared


def drawn_means(tables: Tables, ranked: Mapping[str, Ranks]) -> Means:
    """`episode_means` of the values that are drawn for every event alike, where they are there.

    Guard 3 wants their audits near 0.5.
    """
    means: Means = {}
    for name, table in tables.items():
        for column in filter(is_drawn, ranked[name]):
            there = ranked[name][column] > 0
            part = episode_means({name: table.filter(there)}, {name: {column: ranked[name][column][there]}})
            means |= {key: values for key, values in part.items() if key[-1] == "value"}
    return means


def is_drawn(column: str) -> bool:
    """Whether a column is an id, a port, a hash: drawn for every event alike."""
    return column in DRAWN or column.endswith(DRAWN_ENDS)
