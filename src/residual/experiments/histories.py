"""Events beside their past, and beside a future that no detector has. Told in `book/part3/encoding.md`."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from residual.ocsf.simulate.calendar import HOUR
from residual.tabular import ContextFeatures, Entity

PARENT = "query.parent"  # of a name that is looked up: the name without its first label
ENTITIES = {
    "authentication": (
        Entity("user", ("user.name",), distinct=("src_endpoint.ip",), first=("src_endpoint.ip",)),
        Entity("source", ("src_endpoint.ip",), distinct=("user.name",), first=("user.name",)),
    ),
    "network_activity": (
        Entity("source", ("src_endpoint.ip",), distinct=("dst_endpoint.ip",), first=("dst_endpoint.ip",)),
    ),
    "dns_activity": (Entity("source", ("src_endpoint.ip",), distinct=("query.hostname",), first=(PARENT,)),),
}

Array = NDArray[np.float64]


def context(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """The features of the past for events of a class in `ENTITIES`, in order of time: a row an event."""
    return ContextFeatures(ENTITIES[name]).advance(_with_parent(table))


def foreseen(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """The same features over a table taken as a whole, as a join or a rolling mean about each event would have them.

    Counts hold what comes before and after (a value that is there on both sides counts twice among the distinct ones),
    the time is to the nearest event on either side, and a first time is the only time.
    """
    past = context(name, table)
    mirrored = table.reverse().with_columns(-pl.col("time"))  # in a mirror the future comes before
    future = context(name, mirrored).reverse().select(pl.all().name.suffix(" after"))
    sides = past.hstack(future)
    return sides.select(_joined(column, pl.col(column), pl.col(f"{column} after")) for column in past.columns)


def _joined(column: str, before: pl.Expr, after: pl.Expr) -> pl.Expr:
    if ".first." in column:
        return (before & after).alias(column)
    return (pl.min_horizontal(before, after) if column.endswith(".since") else before + after).alias(column)


def _with_parent(table: pl.DataFrame) -> pl.DataFrame:
    if "query.hostname" not in table.columns:
        return table
    return table.with_columns(pl.col("query.hostname").str.replace(r"^[^.]+\.", "").alias(PARENT))


@dataclass(frozen=True)
class Story:
    """One feature of one entity about an episode.

    Attributes:
        hours: float64 [n], when each of its events was, in hours since the episode began.
        values: float64 [n], the feature at that event.
        inside: bool [n], whether the event belongs to the episode.
    """

    hours: Array
    values: Array
    inside: NDArray[np.bool_]


def story(name: str, table: pl.DataFrame, *, type: str, twin: bool, key: str, feature: str, about: float) -> Story:
    """What `feature` says of the entity of the middle one of the episodes (by number) from `about` hours before it.

    Args:
        name: a class in `ENTITIES`.
        table: its events, with labels, in order of time.
        type: of the episode.
        twin: whether to look at the benign twin.
        key: the column that names the entity; it is that of most of the episode's events.
        feature: one of `context`.
        about: hours before the episode and after its end.

    Raises:
        ValueError: where the table has no such episode.
    """
    own = table.filter((pl.col("label.type") == type) & (pl.col("label.twin") == twin))
    episodes = own["label.episode"].unique().sort()
    if not len(episodes):
        raise ValueError(f"type must be that of an episode in the table, got {type!r} with twin={twin}")
    episode = episodes[len(episodes) // 2]
    events = own.filter(pl.col("label.episode") == episode)
    entity = events[key].mode().sort()[0]
    begin, end = events["time"][0], events["time"][-1]
    reach = int(about * HOUR)
    near = table["time"].is_between(begin - reach, end + reach) & (table[key] == entity)
    inside = (table["label.episode"] == episode).fill_null(False)
    return Story(
        ((table["time"] - begin) / HOUR).filter(near).to_numpy().astype(np.float64),
        context(name, table)[feature].filter(near).fill_null(0).to_numpy().astype(np.float64),
        inside.filter(near).to_numpy(),
    )


def against_twin(name: str, table: pl.DataFrame, *, type: str, feature: str) -> float:
    """AUC of one feature for the events of a type of attack among those of its benign twins.

    Args:
        name: a class in `ENTITIES`.
        table: its events, with labels, in order of time.
        type: of the attack.
        feature: one of `context`; null counts as 0.
    """
    own = (table["label.type"] == type).fill_null(False)
    score = context(name, table)[feature].cast(pl.Float64).fill_null(0)
    return float(roc_auc_score(table["label.attack"].filter(own), score.filter(own)))
