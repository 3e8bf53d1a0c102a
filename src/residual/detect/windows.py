"""What an entity did, or two did together, in the hours up to the end of each window, beside what they usually do.

A window ends on the hour. Only those whose last hour has an event are here: one that ends later holds no more.
"""

from dataclasses import dataclass

import polars as pl

from residual.detect.sights import SETTLING, Frames, held, settled, sights
from residual.detect.stream import HOUR

PRIOR = 96.0  # windows of the population that an entity's own past is mixed with
AMOUNTS = {
    "events": pl.lit(1.0),
    "failed": (pl.col("status_id") == 2).cast(pl.Float64).fill_null(0),
    "times": pl.col("times").fill_null(1),
    # One large transfer weighs as much as a few small ones.
    "log-kilobytes": (pl.col("sent").fill_null(0) / 1000).log1p(),
}


@dataclass(frozen=True)
class Volume:
    """A quantity of windows: how many events, failures or different values, or how much was sent.

    Attributes:
        name: in words; it stands in alerts.
        class_uid: the class of events.
        kinds: one kind of entity, or the two of a pair.
        what: one of `AMOUNTS`, or a column whose different values are counted.
        hours: length of the window.
    """

    name: str
    class_uid: int
    kinds: tuple[str, ...]
    what: str
    hours: int

    def advance(self, day: int, events: pl.DataFrame, state: Frames) -> tuple[pl.DataFrame, Frames]:
        """The windows that end on a day, as `sights`, and the state after it.

        The score is by how many standard deviations the value is above the mean of the days before. Both are the
        entity's own, mixed with those of everybody: the less there is of its past, the more.
        """
        names = list(self.kinds)
        table = events.filter(pl.col("class_uid") == self.class_uid).drop_nulls(names)
        table = table.with_columns(hour=pl.col("time") // HOUR)
        first = settled(table, names[0], state.get("first"))
        came = self._came(table, state.get("came"))
        values = self._inside(came, table.select(*names, "hour").unique())
        found = held(state["usual"], day) if "usual" in state else None
        judged = self._judged(values, first, found)
        n, value = pl.len(), pl.col("value")
        today = values.group_by(names).agg(n=n, sum=value.sum(), square=(value**2).sum(), most=value.max())
        today = today.with_columns(day=pl.lit(day))
        usual = today if found is None else pl.concat([found, today])
        recent = came.filter(pl.col("hour") > (day + 1) * 24 - self.hours)
        return judged, {"first": first, "came": recent, "usual": usual}

    def _came(self, table: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
        """By entity and hour what came: an amount, or each different value once; with that of the hours before."""
        names = [*self.kinds, "hour"]
        if self.what in AMOUNTS:
            came = table.select(*names, amount=AMOUNTS[self.what]).group_by(names).agg(pl.col("amount").sum())
        else:
            came = table.select(*names, self.what).drop_nulls().unique()
        came = came.cast({"hour": pl.Int64})
        return came if before is None else pl.concat([before, came.select(before.columns)])

    def _inside(self, came: pl.DataFrame, active: pl.DataFrame) -> pl.DataFrame:
        """The `value` of each active window."""
        names = list(self.kinds)
        left = pl.col("hour") + self.hours
        if self.what not in AMOUNTS:  # a value leaves the window as late as its last event does
            came = came.sort(*names, self.what, "hour")
            left = pl.min_horizontal(left, pl.col("hour").shift(-1).over(*names, self.what))
            came = came.with_columns(amount=pl.lit(1.0), left=left)
        else:
            came = came.with_columns(left=left)
        goes = came.select(*names, hour="left", amount=-pl.col("amount"))
        nothing = active.with_columns(amount=pl.lit(0.0))
        steps = pl.concat([came.select(*names, "hour", "amount"), goes, nothing.select(*names, "hour", "amount")])
        steps = steps.group_by(*names, "hour").agg(pl.col("amount").sum()).sort(*names, "hour")
        inside = steps.with_columns(value=pl.col("amount").cum_sum().over(names)).drop("amount")
        return inside.join(active, on=[*names, "hour"], how="semi").sort(*names, "hour")

    def _judged(self, values: pl.DataFrame, first: pl.DataFrame, usual: pl.DataFrame | None) -> pl.DataFrame:
        names = list(self.kinds)
        if usual is None or not usual.height:
            return sights(values.clear().with_columns(score=0.0, expected=0.0, spread=0.0), self.kinds, self.hours)
        own = usual.group_by(names).agg(pl.col("n", "sum", "square").sum()).sort(names)  # sums of all in one order
        own = own.with_columns(mean=pl.col("sum") / pl.col("n"))
        own = own.with_columns(variance=(pl.col("square") / pl.col("n") - pl.col("mean") ** 2).clip(0))
        total = own.select(
            mean=pl.col("sum").sum() / pl.col("n").sum(),
            variance=(pl.col("variance") * pl.col("n")).sum() / pl.col("n").sum(),
        )
        mean, variance = total.row(0)
        known = values.join(own, on=names, how="left").with_columns(pl.col("n", "mean", "variance").fill_null(0))
        n, weight = pl.col("n"), pl.col("n") + PRIOR
        spread = ((n * pl.col("variance") + PRIOR * variance) / weight).sqrt()
        known = known.with_columns(expected=(n * pl.col("mean") + PRIOR * mean) / weight, spread=spread)
        # A count cannot be surer than to one event, or a constant one would alert on the first wiggle.
        known = known.with_columns(score=(pl.col("value") - pl.col("expected")) / pl.max_horizontal("spread", 1.0))
        known = known.join(first, on=names[0]).filter(pl.col("hour") >= pl.col("since") + SETTLING)
        return sights(known, self.kinds, self.hours)
