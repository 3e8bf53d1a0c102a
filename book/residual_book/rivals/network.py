"""What Sup looks at in the network: connections outside, connections inside, lookups. Nothing looks ahead."""

import polars as pl

from residual_book.rivals.histories import flag, gap, histories, hour_of, is_new, joined, window
from residual_book.rivals.views import FAILED, MACHINE, PRIVATE, Events

_INSIDE, _OUTSIDE = pl.col("address").str.contains(PRIVATE), ~pl.col("destination").str.contains(PRIVATE)


def connections(events: Events) -> pl.DataFrame:
    """Machines and hosts outside: volume, rhythm and sameness of a pair, how fresh it is, and who else began."""
    flows = events["network_activity"].with_columns(machine=MACHINE).filter(_INSIDE & _OUTSIDE)
    flows = flows.with_columns(
        out=pl.col("traffic.bytes_out").cast(pl.Float64),
        size=pl.col("traffic.bytes_out").log1p(),
        gap=gap("machine", "destination").fill_null(0).clip(0, 240),
        pair=is_new("machine", "destination"),
        fail=FAILED,
    ).with_columns(timed=flag(pl.col("gap").is_between(0, 240, closed="none")))
    flows = flows.with_columns((pl.col("size", "gap") ** 2).name.suffix("2"))
    rows = histories(flows, ["machine", "destination"], ["out", "size", "size2", "gap", "gap2", "timed", "fail"])
    for who in ("machine", "destination"):
        rows = joined(rows, histories(flows, [who], ["out", "pair"]), who)
    rows = rows.with_columns(
        _spread(name, n, span) for name, n in (("size", "n"), ("gap", "timed")) for span in ("4h", "12h")
    ).with_columns(
        rhythm=pl.col("gap.spread.12h") / (pl.col("gap.12h") / pl.col("timed.12h")),
        busy=(pl.col("out.12h") / (6 * pl.col("machine.out.usual") + 1)).log1p(),
    )
    return window(addressed(rows, flows), 4, "address", "destination").drop("machine")


def lookers(events: Events) -> pl.DataFrame:
    """Machines and the hosts inside that they connect to: how many that they never talked to, on how many ports."""
    flows = events["network_activity"].with_columns(machine=MACHINE).filter(_INSIDE & ~_OUTSIDE)
    flows = flows.with_columns(
        pair=is_new("machine", "destination"),
        port=is_new("machine", "dst_endpoint.port"),
        change=flag(pl.col("dst_endpoint.port").diff().over("machine") != 0),
        fail=FAILED,
        small=flag(pl.col("traffic.bytes_out") < 2000),
        hosts=flag(gap("machine", "destination").fill_null(240) >= 240),
    )
    rows = histories(flows, ["machine"], ["pair", "port", "change", "fail", "small", "hosts"])
    return window(addressed(rows, flows), 4, "address").drop("machine")


def names(events: Events) -> pl.DataFrame:
    """Machines and the domains below which they look up names: how many, how long, and who else does."""
    lookups = (
        events["dns_activity"]
        .with_columns(machine=MACHINE)
        .with_columns(
            length=pl.col("query.hostname").str.find(r"\.").cast(pl.Float64),
            name=is_new("query.hostname"),
            pair=is_new("machine", "domain"),
        )
    )
    rows = histories(lookups, ["machine", "domain"], ["length", "name"])
    for who in ("machine", "domain"):
        rows = joined(rows, histories(lookups, [who], ["name", "pair"]), who)
    return window(addressed(rows, lookups), 4, "address", "domain").drop("machine")


def addressed(rows: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Rows of machines with the last address that each had in the row's hour: all records have an address."""
    key = [c for c in ("machine", "destination", "domain", "hour") if c in rows.columns]
    last = events.with_columns(hour=hour_of("time")).group_by(key).agg(pl.col("address").last())
    return rows.join(last, on=key, how="left", maintain_order="left")


def _spread(name: str, n: str, span: str) -> pl.Expr:
    """The standard deviation over a span, from sums of values and of squares."""
    mean, square = (pl.col(f"{column}.{span}") / pl.col(f"{n}.{span}") for column in (name, f"{name}2"))
    return (square - mean**2).clip(0).sqrt().alias(f"{name}.spread.{span}")
