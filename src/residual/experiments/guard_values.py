"""Guards 2 and 3: nothing exists only in attacks, their entities are everybody's, and ids say nothing.

Told in `book/part3/simulator.md`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from residual.experiments.guard_columns import ColumnAudit, audit
from residual.experiments.guard_data import Tables, raw_columns

ENTITIES = (
    ("authentication", "user.name"),
    ("authentication", "src_endpoint.ip"),
    ("authentication", "device.hostname"),
    ("network_activity", "src_endpoint.ip"),
    ("network_activity", "dst_endpoint.ip"),
    ("dns_activity", "src_endpoint.ip"),
    ("api_activity", "actor.user.name"),
    ("api_activity", "src_endpoint.ip"),
    ("process_activity", "device.hostname"),
    ("application_error", "actor.app_name"),
)
CHANCE = 1e-3
# What is drawn at random for every event: ids, ports, hashes, delays of the pipeline.
DRAWN = ("metadata.uid", "metadata.sequence", "metadata.correlation_uid", "session.uid", "connection_info.uid")
DRAWN_ENDS = (".pid", "src_endpoint.port", "hash.value", "serial_number", "raw_data_size", "packet_uid", "request.uid")


@dataclass(frozen=True)
class OnlyAttacks:
    """Something that episodes of attacks show and no benign event does.

    Attributes:
        what: "value", "format" (digits as 0, letters as a), "nulls" (which columns are missing), or "range".
        episodes: of how many episodes; one alone may be chance.
    """

    table: str
    column: str
    what: str
    value: str
    episodes: int


def only_attacks(seeds: Iterable[Tables], *, needed: int = 3) -> list[OnlyAttacks]:
    """What `needed` or more episodes show, in any one simulation, and no benign event there.

    Of thousands of rare values and patterns a few are met in attacks alone by chance. Only what chance would give
    fewer than `CHANCE` times in a column is reported.
    """
    found: list[OnlyAttacks] = []
    for tables in seeds:
        for name, table in tables.items():
            if table["label.attack"].any():
                found += _only_in(name, table, needed)
    return found


def _only_in(name: str, table: pl.DataFrame, needed: int) -> list[OnlyAttacks]:
    columns = raw_columns(table)
    rows = table["label.attack"]
    episodes = table["label.episode"].filter(rows)
    # A number for each pattern of nulls: random weights make two patterns differ.
    weights = np.random.default_rng(0).integers(0, 2**62, len(columns))
    nulls = table.select(pl.col(columns).is_null()).to_numpy().astype(np.int64) @ weights
    found = _exclusive(OnlyAttacks(name, "", "nulls", "", 0), pl.Series(nulls), rows, episodes, needed)
    for column in columns:
        values = table[column].list.len() if isinstance(table[column].dtype, pl.List) else table[column]
        if values.dtype == pl.String:
            what = OnlyAttacks(name, column, "format", "", 0)
            found += _exclusive(what, _shapes(values), rows, episodes, needed)
        elif values.dtype.is_numeric() and not is_drawn(column):
            benign = values.filter(~rows)
            outside = ((values < benign.min()) | (values > benign.max())).fill_null(False)
            what = OnlyAttacks(name, column, "range", "", 0)
            inside = pl.Series([None, "outside"]).gather(outside.cast(pl.UInt32))
            found += _exclusive(what, inside, rows, episodes, needed)
        # Where values are many, one may be missing among benign events by chance.
        missing = _exclusive(OnlyAttacks(name, column, "value", "", 0), values, rows, episodes, needed)
        found += missing if missing and values.n_unique() < table.height / 50 else []
    return found


def _shapes(values: pl.Series) -> pl.Series:
    """The format of each value: runs of digits as 0, of letters as a; any run as x where these are too many to tell."""
    different = values.unique().drop_nulls()
    shape = different.str.replace_all(r"[0-9]+", "0").str.replace_all(r"[A-Za-z]+", "a")
    if shape.n_unique() > 200:  # a random id, whose digits and letters fall as they may
        shape = shape.str.replace_all(r"[a0]+", "x")
    known = pl.DataFrame({"value": different, "shape": shape})
    return values.to_frame("value").join(known, on="value", how="left", maintain_order="left")["shape"]


def _exclusive(
    like: OnlyAttacks, values: pl.Series, rows: pl.Series, episodes: pl.Series, needed: int
) -> list[OnlyAttacks]:
    own = pl.DataFrame({"value": values.filter(rows), "episode": episodes}).drop_nulls("value")
    counted = own.group_by("value").agg(pl.col("episode").n_unique()).filter(pl.col("episode") >= needed).sort("value")
    if counted.height == 0:
        return []
    benign = pl.DataFrame({"value": values.filter(~rows)})
    alone = counted.join(benign, on="value", how="anti", maintain_order="left")
    # If attacks were a random share of the rows, this many values would be theirs alone as often as that.
    expected = values.n_unique() * float(rows.mean() or 0.0) ** alone["episode"]  # type: ignore[arg-type]  # polars: any mean
    alone = alone.filter(expected < CHANCE)
    return [replace(like, value=str(value)[:60], episodes=count) for value, count in alone.iter_rows()]


def shared_entities(tables: Tables) -> dict[str, float]:
    """Of the entities that attacks use, the share that benign events use too, by table and column."""
    found = {}
    for name, column in ENTITIES:
        table = tables[name].select(column, "label.attack").drop_nulls()
        used, benign = (
            table.filter(rows)[column].unique() for rows in (pl.col("label.attack"), ~pl.col("label.attack"))
        )
        if len(used):
            found[f"{name}: {column}"] = float(np.isin(used.to_numpy(), benign.to_numpy()).mean())
    return found


def drawn(seeds: Sequence[Tables]) -> list[ColumnAudit]:
    """Audits of what is drawn for every event alike, where it is there: guard 3 wants the values near 0.5."""
    found: list[ColumnAudit] = []
    for name, column in sorted(
        {(n, c) for one in seeds for n, t in one.items() for c in raw_columns(t) if is_drawn(c)}
    ):
        labels = [label for label in seeds[0][name].columns if label.startswith("label.")]
        parts = [{name: one[name].select(column, *labels).drop_nulls(column)} for one in seeds if column in one[name]]
        found += [one for one in audit(parts) if one.score == "value"]
    return found


def is_drawn(column: str) -> bool:
    """Whether a column is an id, a port, a hash: drawn for every event alike."""
    return column in DRAWN or column.endswith(DRAWN_ENDS)
