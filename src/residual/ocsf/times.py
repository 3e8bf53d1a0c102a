"""What a plausible OCSF time is: milliseconds since 1970 in UTC, between March 1973 and the end of the year 9999.

The span is so wide because certificates expire in 9999 and files are dated 1980. It still refuses every time between
1990 and 5000 that is in seconds or in microseconds, since those numbers lie outside it. Told in
`book/part3/records.md`.
"""

import polars as pl

EARLIEST = 100_000_000_000
LATEST = 253_402_300_799_999
TOO_EARLY = "too early for milliseconds since 1970 (is it in seconds?)"
TOO_LATE = "too late for milliseconds since 1970 (is it in microseconds?)"


def time_fault(milliseconds: int) -> str | None:
    """What is wrong with a time, or None."""
    if milliseconds < EARLIEST:
        return TOO_EARLY
    return TOO_LATE if milliseconds > LATEST else None


def time_faults(column: pl.Expr) -> pl.Expr:
    """`time_fault` of an integer column, null where nothing is wrong."""
    return pl.when(column < EARLIEST).then(pl.lit(TOO_EARLY)).when(column > LATEST).then(pl.lit(TOO_LATE))
