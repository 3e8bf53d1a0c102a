"""Calls in an order that their caller does not keep.

Of each operation A that a caller called in the six hours before a call of B: how seldom did A come before B in this
caller's calls of B so far? The surprisal of the most seldom one, in nats, is how odd the call is. What is expected is
how often A would have come before them if this caller were like everybody. Tasks interleave, so a run of calls one
after the other is seldom of one task; what came before at all is steadier.
"""

from dataclasses import dataclass

import polars as pl

from residual.detect.sights import SETTLING, Frames, settled, sights
from residual.detect.stream import HOUR
from residual.detect.together import counted

WITHIN = 6 * HOUR
MIXED = 4.0  # what everybody does counts as much as so many calls of the caller
_ID = "\0call"


@dataclass(frozen=True)
class Order:
    """The order of operations.

    Attributes:
        name: stands in alerts.
        class_uid: the class of events.
        kinds: the kind of entity that calls.
        what: the column of operations.
    """

    name: str
    class_uid: int
    kinds: tuple[str, ...]
    what: str
    hours: int = 6

    def advance(self, day: int, events: pl.DataFrame, state: Frames) -> tuple[pl.DataFrame, Frames]:
        """The hours of a day in which an entity called, as `sights`, and the state after it."""
        (who,), what = self.kinds, self.what
        table = events.filter(pl.col("class_uid") == self.class_uid).select("time", who, what).drop_nulls()
        first = settled(table.with_columns(hour=pl.col("time") // HOUR), who, state.get("first"))
        recent = pl.concat([state["recent"], table]) if "recent" in state else table
        calls = table.with_row_index(_ID)
        pairs = self._before(calls, recent)
        calls, seen = counted(calls, (who, what), "n", state.get("calls"))
        calls, of_all = counted(calls, (what,), "n all", state.get("calls of all"))
        pairs = pairs.join(calls.select(_ID, "n", "n all"), on=_ID, how="left", maintain_order="left")
        pairs, pair_seen = counted(pairs, (who, what, "A"), "k", state.get("pairs"))
        pairs, pair_all = counted(pairs, (what, "A"), "k all", state.get("pairs of all"))
        everybody = (pl.col("k all") + 0.1) / (pl.col("n all") + 1)
        share = (pl.col("k") + MIXED * everybody) / (pl.col("n") + MIXED)
        pairs = pairs.with_columns(
            score=-share.log(), value=pl.col("k"), expected=pl.col("n") * everybody, spread=pl.lit(0.0),
            detail=pl.format("{} before {}", "A", what), hour=pl.col("time") // HOUR,
        )  # fmt: skip
        most = pairs.sort("score", "detail", descending=[True, False]).unique([who, "hour"], keep="first")
        known = most.join(first, on=who).filter(pl.col("hour") >= pl.col("since") + SETTLING)
        kept = {"first": first, "recent": recent.filter(pl.col("time") >= (day + 1) * 24 * HOUR - WITHIN),
                "calls": seen, "calls of all": of_all, "pairs": pair_seen, "pairs of all": pair_all}  # fmt: skip
        return sights(known.sort(who, "hour"), self.kinds, self.hours), kept

    def _before(self, calls: pl.DataFrame, recent: pl.DataFrame) -> pl.DataFrame:
        """Of each call, each operation `A` that its caller called less than `WITHIN` before it."""
        (who,), what = self.kinds, self.what
        operations = recent.select(who, A=what).unique()
        asked = calls.join(operations, on=who).sort("time")
        earlier = recent.select(who, "time", A=what, at="time").sort("time")
        asked = asked.join_asof(
            earlier, on="time", by=[who, "A"], tolerance=WITHIN, allow_exact_matches=False, check_sortedness=False
        )
        return asked.drop_nulls("at").drop("at").sort(_ID, "A")
