"""Values that are each common and do not come together: a program on a system that it was never seen on.

Were two columns independent, values a and b would come together in n(a) n(b) / N of N events. An event is as odd as
that number is above the one that was really seen before, as a ratio: log(expected + 1) - log(seen + 1). It takes two
values that are common to make a large ratio, so a name that is new in itself is no sight. This is the pointwise mutual
information of Church and Hanks (1990), which is negative for such a pair, with one event added to both counts.
"""

from dataclasses import dataclass

import polars as pl

from residual.detect.sights import SETTLING, Frames, settled, sights
from residual.detect.stream import HOUR

SELDOM = 3  # times that a pair was seen before: after more of them it is no news
_N = "events"


@dataclass(frozen=True)
class Together:
    """Pairs of columns of a class of events. Of an entity's hour, the oddest pair of the oddest event speaks.

    Attributes:
        name: stands in alerts.
        class_uid: the class of events.
        kinds: the kind of entity that is named.
        pairs: columns of the stream, two by two.
    """

    name: str
    class_uid: int
    kinds: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    hours: int = 1

    def advance(self, day: int, events: pl.DataFrame, state: Frames) -> tuple[pl.DataFrame, Frames]:
        """The hours of a day in which an entity had an event, as `sights`, and the state after it.

        An event is compared with all before it, of the same day, too.
        """
        (who,) = self.kinds
        table = events.filter(pl.col("class_uid") == self.class_uid).with_columns(hour=pl.col("time") // HOUR)
        first = settled(table, who, state.get("first"))
        before = state[_N]["n"].item() if _N in state else 0
        kept: Frames = {"first": first, _N: pl.DataFrame({"n": [before + table.height]})}
        table = table.with_columns(number=pl.int_range(pl.len()).cast(pl.Float64) + before + 1)
        for column in dict.fromkeys(column for pair in self.pairs for column in pair):
            table, kept[column] = counted(table, (column,), f"n {column}", state.get(column))
        odd = []
        for a, b in self.pairs:
            both = f"{a} and {b}"
            table, kept[both] = counted(table, (a, b), "together", state.get(both))
            expected = pl.col(f"n {a}") * pl.col(f"n {b}") / pl.col("number")
            detail = pl.format(f"{a} {{}} with {b} {{}}", a, b)
            score = (expected + 1).log() - (pl.col("together") + 1).log()
            odd.append(
                table.drop_nulls([who, a, b])
                .filter(pl.col("together") <= SELDOM)
                .select(
                    who, "hour", score=score, value="together", expected=expected, spread=expected.sqrt(), detail=detail
                )
                .sort("score", "detail", descending=[True, False])
                .unique([who, "hour"], keep="first")
            )
            table = table.drop("together")
        most = pl.concat(odd).sort("score", "detail", descending=[True, False]).unique([who, "hour"], keep="first")
        known = most.join(first, on=who).filter(pl.col("hour") >= pl.col("since") + SETTLING)
        return sights(known.sort(who, "hour"), self.kinds, self.hours), kept


def counted(
    table: pl.DataFrame, columns: tuple[str, ...], name: str, before: pl.DataFrame | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The table with how often the values of some columns came in earlier events, and the counts after it."""
    keys = list(columns)
    today = table.drop_nulls(keys).group_by(keys).agg(n=pl.len().cast(pl.Float64))
    within = pl.int_range(pl.len()).over(keys).cast(pl.Float64)
    if before is None:
        return table.with_columns(within.alias(name)), today
    earlier = before.rename({"n": name})
    counted = table.join(earlier, on=keys, how="left", maintain_order="left")
    counted = counted.with_columns(pl.col(name).fill_null(0) + within)
    return counted, pl.concat([before, today]).group_by(keys).agg(pl.col("n").sum())
