"""Nested events as a table with a column a leaf, named by its dotted path."""

import polars as pl


def flat(events: pl.DataFrame) -> pl.DataFrame:
    """Unfold every struct column, at any depth; lists stay as they are."""
    while any(isinstance(kind, pl.Struct) for kind in events.schema.values()):
        columns: list[pl.Expr] = []
        for name, kind in events.schema.items():
            if isinstance(kind, pl.Struct):
                columns += [pl.col(name).struct.field(f.name).alias(f"{name}.{f.name}") for f in kind.fields]
            else:
                columns.append(pl.col(name))
        events = events.select(columns)
    return events
