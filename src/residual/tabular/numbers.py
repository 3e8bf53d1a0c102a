"""Numbers, flags and times as numeric features. Told in `book/part3/encoding.md`."""

from typing import Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.tabular.cells import Cells, Floats, Part, State, stacked
from residual.tabular.histogram import Histogram

Scaling: TypeAlias = Literal["robust", "quantile"]
SKEWED = 1.0  # a column whose skewness is beyond this is taken in logarithms, if that lowers it
FARTHEST = 100.0  # a robustly scaled number goes no farther than this from the median, in interquartile ranges
STEPS = 256  # between quantiles 0 and 1
_QUARTERS = np.array([0.01, 0.25, 0.5, 0.75, 0.99])
_DAY_MS, _WEEK_MS, _MONDAY_MS = 86_400_000, 7 * 86_400_000, 4 * 86_400_000  # 5 January 1970 was the first Monday


class Present(Part):
    """1 where there is a value."""

    numeric_names = (":present",)

    def numeric(self, cells: Cells) -> NDArray[np.float32]:
        return np.ones((len(cells.rows), 1), np.float32)


class Flag(Part):
    """1 for true, -1 for false."""

    numeric_names = ("",)

    def numeric(self, cells: Cells) -> NDArray[np.float32]:
        return stacked(2.0 * cells.values.to_numpy() - 1)


class Cycle(Part):
    """Where a time stands in the day and in the week (from Monday 00:00, UTC), each as a point on the unit circle."""

    numeric_names = (":hour_sin", ":hour_cos", ":week_sin", ":week_cos")

    def numeric(self, cells: Cells) -> NDArray[np.float32]:
        time = _since_monday(cells.values)
        day = 2 * np.pi * ((time % _DAY_MS) / _DAY_MS)
        week = 2 * np.pi * (time / _WEEK_MS)
        return stacked(np.sin(day), np.cos(day), np.sin(week), np.cos(week))


class Scaled(Part):
    """A number brought to a common scale.

    "robust": (x - median) / interquartile range, at most `FARTHEST` from 0; of log(1 + |x|), with the sign of x, where
    the column is skewed. Where the quartiles are equal the 1st and the 99th percentile take their place, or else 1.
    "quantile": the share of the fitted numbers that are smaller (of equal ones, half), moved to [-1, 1].
    NaN and infinite values count as null.
    """

    numeric_names = ("",)

    def __init__(self, scaling: Scaling) -> None:
        self.scaling = scaling
        self.histogram = Histogram()
        self._learned: tuple[bool, Floats] | None = None

    def values(self, cells: Cells) -> Floats:
        """The numbers to scale, float64 [n]; NaN where there is none."""
        return cells.values.cast(pl.Float64).to_numpy()

    def update(self, cells: Cells) -> None:
        values = self.values(cells)
        self.histogram.add(values[np.isfinite(values)])
        self._learned = None

    def learned(self) -> tuple[bool, Floats]:
        """Whether logarithms are taken; and [center, scale], or the quantiles."""
        if self._learned is None and self.scaling == "quantile":
            self._learned = False, self.histogram.quantiles(np.linspace(0, 1, STEPS + 1), self.histogram.values())
        elif self._learned is None:
            values = self.histogram.values()
            log = _logarithm(values)
            skewness = abs(self.histogram.skewness(values))
            skewed = skewness > SKEWED and abs(self.histogram.skewness(log)) < skewness
            least, low, middle, high, most = self.histogram.quantiles(_QUARTERS, log if skewed else values)
            self._learned = skewed, np.array([middle, high - low or most - least or 1.0])
        return self._learned

    def numeric(self, cells: Cells) -> NDArray[np.float32]:
        values = self.values(cells)
        if not self.histogram.total:
            return np.zeros((len(values), 1), np.float32)
        log, scale = self.learned()
        values = _logarithm(values) if log else values
        if self.scaling == "robust":
            scaled = np.clip((values - scale[0]) / scale[1], -FARTHEST, FARTHEST)
        else:
            shares = np.linspace(-1, 1, len(scale))
            upper = np.interp(values, scale, shares)
            lower = -np.interp(-values, -scale[::-1], shares)
            scaled = (upper + lower) / 2  # the middle of the steps that a value spans: equal values span several
        return stacked(np.where(np.isfinite(scaled), scaled, 0))

    def state(self) -> State:
        histogram = self.histogram
        limits = np.array([histogram.low, histogram.high])
        return {"bins": histogram.bins, "counts": histogram.counts, "limits": limits}

    def restore(self, state: State) -> None:
        low, high = (float(limit) for limit in state["limits"])
        self.histogram = Histogram(state["bins"], state["counts"], low, high)
        self._learned = None


class Length(Scaled):
    """How many things are in a list, scaled."""

    def values(self, cells: Cells) -> Floats:
        return cells.values.list.len().cast(pl.Float64).to_numpy()


class Age(Scaled):
    """Seconds from the event's own time to this time (negative for the past), scaled."""

    numeric_names = (":after",)

    def values(self, cells: Cells) -> Floats:
        return (super().values(cells) - cells.time) / 1000


def _since_monday(time: pl.Series) -> NDArray[np.int64]:
    """Milliseconds since the last Monday 00:00, UTC, of milliseconds since 1970: int64 [n]."""
    whole = time.to_numpy() if time.dtype == pl.Int64 else np.array(time.to_list(), object)
    return ((whole % _WEEK_MS - _MONDAY_MS) % _WEEK_MS).astype(np.int64)


def _logarithm(values: Floats) -> Floats:
    return np.copysign(np.log1p(np.abs(values)), values)
