"""How far a call of the cloud departs from the order in which its caller usually works, and from the caller's hours."""

import polars as pl

from residual.simulate.calendar import DAY, HOUR
from residual_book.rivals.histories import before, is_new

WITHIN = 6 * HOUR  # one operation comes before another if it was last called at most so long ago
MIXED = 4.0  # what everybody does counts as much as so many calls of the caller
_HOUR = pl.col("time") % DAY // HOUR
_CALLER, _CALL = "user", "api.operation"


def orders(calls: pl.DataFrame) -> pl.DataFrame:
    """Calls (`user`, `api.operation`, `time`, in order of time) with what is odd about each beside its caller's past.

    Of each operation A that the caller called in the six hours before a call of B: how seldom did A come before B in
    this caller's calls of B so far? The surprisal, in nats, is `odd` for the most seldom one, and `odd.sum` for all
    together; `rare` is the surprisal of B itself among the caller's calls. `gram.new` says whether the caller's last
    three operations never followed each other so before, `operation.new` whether the caller never called B. Tasks
    interleave, so three calls in a row are seldom of one task; what came before at all is steadier.
    """
    names = calls[_CALL].unique().drop_nulls().sort().to_list()
    last = {f"before {name}": pl.when(pl.col(_CALL) == name).then("time").shift(1).forward_fill() for name in names}
    shifted = [pl.col(_CALL).shift(k).over(_CALLER) for k in (2, 1)]
    calls = calls.with_columns(
        *(time.over(_CALLER).alias(name) for name, time in last.items()),
        gram=pl.concat_str(*shifted, _CALL, separator=" "),
    ).with_columns((pl.col(*last) >= pl.col("time") - WITHIN).fill_null(False).cast(pl.Float32))
    surprisals = [_surprisal(name) * pl.col(name) for name in last]
    return calls.with_columns(
        pl.max_horizontal(surprisals).alias("odd"),
        pl.sum_horizontal(surprisals).alias("odd.sum"),
        _rare().alias("rare"),
        is_new(_CALLER, "gram").alias("gram.new"),
        is_new(_CALLER, _CALL).alias("operation.new"),
    ).drop(*last, "gram")


def _surprisal(name: str) -> pl.Expr:
    """Of an operation that came before this call, from the earlier calls of the same operation."""

    def seen(*over: str) -> pl.Expr:
        return pl.col(name).cum_sum().over(over) - pl.col(name)

    everybody = (seen(_CALL) + 0.1) / (before(_CALL) + 1)
    return -((seen(_CALLER, _CALL) + MIXED * everybody) / (before(_CALLER, _CALL) + MIXED)).log()


def _rare() -> pl.Expr:
    """The surprisal of the operation itself, among the earlier calls of this caller."""
    everybody = (before(_CALL) + 1) / (pl.int_range(pl.len()) + 30)
    return -((before(_CALLER, _CALL) + MIXED * everybody) / (before(_CALLER) + MIXED)).log()


def hours(who: str, weight: str) -> pl.Expr:
    """The surprisal, in nats, of each event's hour of the day among the earlier events of `who`, by their weight."""
    here, all_day = (pl.col(weight).cum_sum().over(who, *hour) - pl.col(weight) for hour in ([_HOUR], []))
    return -((here + 1 / 24) / (all_day + 1)).log()
