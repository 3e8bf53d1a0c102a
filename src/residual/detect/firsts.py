"""What happens for the first time: for an entity, or for the whole organization."""

import polars as pl

from residual.detect.alert import Entity, FirstTime

# Of each kind of entity, the columns of `stream` in which a value that is new to it is worth a line.
WATCHED = {
    "user": ("address", "country", "machine", "service", "operation", "program", "agent"),
    "machine": ("destination", "domain", "port", "program", "user"),
    "address": ("user", "country", "service", "operation"),
    "application": ("operation",),
}
_KEY = ["kind", "entity", "field", "value"]
SEEN = dict.fromkeys(_KEY, pl.String)


def met(events: pl.DataFrame) -> pl.DataFrame:
    """Each value that an entity came with in some events, once: `kind`, `entity`, `field`, `value`."""
    parts = [
        events.select(kind=pl.lit(kind), entity=kind, field=pl.lit(field), value=field).drop_nulls().unique()
        for kind, fields in WATCHED.items()
        for field in fields
    ]
    return pl.concat(parts).cast(pl.Schema(SEEN))


def remember(seen: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """What was seen so far, and what some events add."""
    return pl.concat([seen, met(events)]).unique().sort(_KEY)


def firsts(entities: tuple[Entity, ...], events: pl.DataFrame, seen: pl.DataFrame) -> tuple[FirstTime, ...]:
    """What of the events of an alert was not `seen` of its entities on earlier days, the rarest first."""
    about = pl.DataFrame(entities, schema={"kind": pl.String, "entity": pl.String}, orient="row")
    came = met(events).join(about, on=["kind", "entity"], how="semi")
    new = came.join(seen, on=_KEY, how="anti")
    everybody = seen.select("field", "value", known=True).unique()
    told = new.join(everybody, on=["field", "value"], how="left").select("field", "value", "known").unique()
    told = told.sort("known", "field", "value", nulls_last=False)
    return tuple(
        FirstTime(field, value, "entity" if known else "organization") for field, value, known in told.iter_rows()
    )
