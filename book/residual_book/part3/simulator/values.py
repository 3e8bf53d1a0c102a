"""Guards 2 and 3: nothing exists only in attacks, their entities are everybody's, and ids say nothing.

Told in `book/part3/simulator.md`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from residual_book.organizations import Tables, raw_columns
from residual_book.part3.simulator.columns import Means, episode_means

# Users, addresses and devices of each class; trivial detectors count the events of the first.
ENTITIES = {
    "authentication": ("user.name", "src_endpoint.ip", "device.hostname"),
    "network_activity": ("src_endpoint.ip", "dst_endpoint.ip"),
    "dns_activity": ("src_endpoint.ip",),
    "api_activity": ("actor.user.name", "src_endpoint.ip"),
    "process_activity": ("device.hostname",),
    "application_error": ("actor.app_name",),
}
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


def only_attacks(organizations: Iterable[Tables]) -> list[OnlyAttacks]:
    """What `NEEDED` or more episodes show, in any one organization, and no benign event there.

    Of thousands of rare values and patterns a few are met in attacks alone by chance. Only what chance would give
    fewer than `CHANCE` times in a column is reported.
    """
    return [
        OnlyAttacks(name, column, what, str(value)[:60], episodes)
        for tables in organizations
        for name, table in tables.items()
        if table["label.attack"].any()
        for column, what, values in _views(table)
        for value, episodes in _exclusive(values, table["label.attack"], table["label.episode"])
    ]


def _views(table: pl.DataFrame) -> Iterator[tuple[str, str, pl.Series]]:
    """Column, what is looked at in it, and that of each event."""
    columns, benign = raw_columns(table), ~table["label.attack"]
    # A number for each pattern of nulls: random weights make two patterns differ.
    weights = np.random.default_rng(0).integers(0, 2**62, len(columns))
    yield "", "nulls", pl.Series(table.select(pl.col(columns).is_null()).to_numpy().astype(np.int64) @ weights)
    for column in columns:
        values = table[column].list.len() if isinstance(table[column].dtype, pl.List) else table[column]
        if values.dtype == pl.String:
            yield column, "format", _shapes(values)
        elif values.dtype.is_numeric() and not is_drawn(column):
            usual = values.filter(benign)
            outside = ((values < usual.min()) | (values > usual.max())).fill_null(False)
            yield column, "range", pl.Series([None, "outside"]).gather(outside.cast(pl.UInt32))
        # Where values are many, one may be missing among benign events by chance.
        if values.n_unique() < table.height / 50:
            yield column, "value", values


def _shapes(values: pl.Series) -> pl.Series:
    """The format of each value: runs of digits as 0, of letters as a; any run as x where these are too many to tell."""
    shapes = values.str.replace_all(r"[0-9]+", "0").str.replace_all(r"[A-Za-z]+", "a")
    # Many shapes are those of a random id, whose digits and letters fall as they may.
    return shapes.str.replace_all(r"[a0]+", "x") if shapes.n_unique() > 200 else shapes


def _exclusive(values: pl.Series, attack: pl.Series, episodes: pl.Series) -> list[tuple[object, int]]:
    """The values that enough attacks have and no benign event has, each with its number of episodes."""
    own = pl.DataFrame({"value": values.filter(attack), "episode": episodes.filter(attack)}).drop_nulls("value")
    counted = own.group_by("value").agg(pl.col("episode").n_unique()).filter(pl.col("episode") >= NEEDED).sort("value")
    alone = counted.join(values.filter(~attack).to_frame("value"), on="value", how="anti", maintain_order="left")
    # If attacks were a random share of the rows, this many values would be theirs alone as often as that.
    expected = values.n_unique() * float(attack.to_numpy().mean()) ** alone["episode"]
    return alone.filter(expected < CHANCE).rows()


def shared_entities(tables: Tables) -> dict[str, float]:
    """Of the entities that attacks use, the share that benign events use too, by table and column."""
    shared = {}
    for name, column in ((name, column) for name, columns in ENTITIES.items() for column in columns):
        table = tables[name].drop_nulls(column)
        used, benign = (table.filter(rows)[column].unique() for rows in (table["label.attack"], ~table["label.attack"]))
        if len(used):
            shared[f"{name}: {column}"] = float(np.isin(used.to_numpy(), benign.to_numpy()).mean())
    return shared


def drawn_means(tables: Tables) -> Means:
    """`episode_means` of the values that are drawn for every event alike, where they are there.

    Guard 3 wants their audits near 0.5.
    """
    means: Means = {}
    for name, table in tables.items():
        for column in filter(is_drawn, raw_columns(table)):
            there = table.select(column, pl.col("^label.*$")).drop_nulls(column)
            means |= {key: values for key, values in episode_means({name: there}).items() if key[-1] == "value"}
    return means


def is_drawn(column: str) -> bool:
    """Whether a column is an id, a port, a hash: drawn for every event alike."""
    return column in DRAWN or column.endswith(DRAWN_ENDS)
