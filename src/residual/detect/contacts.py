"""A machine that begins to contact a host and goes on in the same manner, while no other does: a beacon, perhaps.

Payloads of people's work vary, those of a program that reports home hardly do; and a new program of the organization
begins on several machines at once. So contacts of the last twelve hours count the more, the larger their share of all
there ever were, the more alike they are in size, and the fewer machines began with the host in the same hour.
"""

from dataclasses import dataclass

import polars as pl

from residual.detect.sights import KEPT, SETTLING, Frames, settled, sights
from residual.detect.stream import HOUR

LEAST = 5  # contacts in a window
ALIKE = 0.1  # a spread of log sizes that is as good as none
_SUMS = ("n", "size", "square")


@dataclass(frozen=True)
class Contacts:
    """Steady new contacts of a pair; the attributes are those of `Volume`."""

    name: str
    class_uid: int
    kinds: tuple[str, ...]
    hours: int = 12

    def advance(self, day: int, events: pl.DataFrame, state: Frames) -> tuple[pl.DataFrame, Frames]:
        """The windows that end on a day with enough contacts, as `sights`, and the state after it."""
        pair = list(self.kinds)
        table = events.filter(pl.col("class_uid") == self.class_uid).drop_nulls(pair)
        size = pl.col("sent").fill_null(0).log1p()
        table = table.with_columns(hour=pl.col("time") // HOUR, n=pl.lit(1.0), size=size, square=size**2)
        first = settled(table, pair[0], state.get("first"))
        today = table.group_by(*pair, "hour", maintain_order=True).agg(pl.col(_SUMS).sum())
        cells = pl.concat([state["cells"], today]) if "cells" in state else today
        cells = cells.sort(*pair, "hour")
        began = today.group_by(pair).agg(began=pl.col("hour").min())
        ever = state["ever"] if "ever" in state else today.clear().select(*pair, n="n", began="hour", last="hour")
        ever = pl.concat([ever.select(*pair, "began"), began]).group_by(pair).agg(pl.col("began").min())
        before = state["ever"].select(*pair, before="n") if "ever" in state else None
        total = (
            today.sort(*pair, "hour").with_columns(ever=pl.col("n").cum_sum().over(pair)).select(*pair, "hour", "ever")
        )
        if before is not None:
            total = total.join(before, on=pair, how="left").with_columns(pl.col("ever") + pl.col("before").fill_null(0))
        together = ever.group_by(pair[1], "began").agg(together=pl.len())
        inside = cells.rolling("hour", period=f"{self.hours}i", group_by=pair).agg(pl.col(_SUMS).sum())
        known = inside.join(total, on=[*pair, "hour"]).join(ever, on=pair).join(together, on=[pair[1], "began"])
        known = known.filter(pl.col("n") >= LEAST).join(first, on=pair[0])
        known = known.filter(pl.col("hour") >= pl.col("since") + SETTLING)
        spread = (pl.col("square") / pl.col("n") - (pl.col("size") / pl.col("n")) ** 2).clip(0).sqrt()
        score = pl.col("n") / pl.col("ever") * pl.col("n").log1p() / (ALIKE + spread) / pl.col("together")
        usual = (
            (pl.col("ever") - pl.col("n"))
            * self.hours
            / pl.max_horizontal(pl.col("hour") - pl.col("began"), self.hours)
        )
        known = known.with_columns(score=score, value="n", expected=usual, spread=usual.sqrt())
        now = today.group_by(pair).agg(pl.col("n").sum(), last=pl.col("hour").max())
        counts = now if "ever" not in state else pl.concat([state["ever"].select(*pair, "n", "last"), now])
        counts = counts.group_by(pair).agg(pl.col("n").sum(), pl.col("last").max()).join(ever, on=pair)
        counts = counts.filter(pl.col("last") > (day + 1 - KEPT) * 24).select(*pair, "n", "began", "last")
        recent = cells.filter(pl.col("hour") > (day + 1) * 24 - self.hours)
        return sights(known.sort(*pair, "hour"), self.kinds, self.hours), {
            "first": first,
            "cells": recent,
            "ever": counts,
        }
