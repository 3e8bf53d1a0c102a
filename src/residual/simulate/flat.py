"""Nested events as a table with one column per leaf, named by its dotted path."""

import polars as pl

from residual.ocsf.flattening import flatten


def flat(events: pl.DataFrame) -> pl.DataFrame:
    """Unfold every struct column, at any depth; lists stay as they are."""
    return events.select(leaf.raw.alias(leaf.path) for leaf in flatten(events.schema))
