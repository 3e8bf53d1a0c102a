"""Tables of decisions: one row per event, whole numbers in every column. Later steps turn them into OCSF events."""

import polars as pl

from residual.simulate.organization import Floats, Ints


def decisions(**columns: Ints | Floats | int) -> pl.DataFrame:
    """A table out of its columns, each an array [n], or one number for all rows; fractions are cut off."""
    return pl.DataFrame(columns).cast(pl.Int64)
