"""The picture of a signal: its past, the band that was expected, and the window that raised the alert.

All places are in percent of the picture, from its top left, so that it fits any width.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from residual.detect.alert import Signal
from residual.detect.words import number, span, statement, utc, whole_day

HOUR = 3_600_000
DAY = 24 * HOUR
_MONDAY = 4 * DAY  # the first one after the epoch, a Thursday
_STEPS = (HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 364 * DAY)
_MOST_TICKS = 6
_SHORTEST = 8  # windows before that of the alert, which keep it narrow
_HUGE = 1e300  # what is beyond cannot be drawn, since differences would overflow


@dataclass(frozen=True)
class Tick:
    """A label of an axis."""

    place: float
    label: str


@dataclass(frozen=True)
class Timeline:
    """What is drawn.

    Attributes:
        times: labels of the horizontal axis.
        values: labels of the vertical axis.
        past: left and top of each measurement before, in the middle of its day.
        band: top and height of what was expected, give or take two standard deviations.
        expected: top of what was expected.
        window: left and width of the window of the alert.
        at: left of what was measured in it: the middle of the window.
        top: of that.
        title: what the picture shows, in one line.
        sentences: the same as the picture, in words.
    """

    times: tuple[Tick, ...]
    values: tuple[Tick, ...]
    past: tuple[tuple[float, float], ...]
    band: tuple[float, float]
    expected: float
    window: tuple[float, float]
    at: float
    top: float
    title: str
    sentences: tuple[str, ...]


def timeline(signal: Signal) -> Timeline | None:
    """The picture of a signal; None for one without a past."""
    if not signal.past:
        return None
    past = [max(-_HUGE, min(one.value, _HUGE)) for one in signal.past]
    value, expected, spread = (max(-_HUGE, min(x, _HUGE)) for x in (signal.value, signal.expected, abs(signal.spread)))
    low, high = expected - 2 * spread, expected + 2 * spread
    ticks = list(_value_ticks(min(0.0, value, *past), max(value, high, *past)))
    floor, ceiling = ticks[0], max(ticks[-1], value, high, *past)
    low = max(low, floor)
    first = min(signal.begin - _SHORTEST * (signal.end - signal.begin), *(one.end - DAY for one in signal.past))
    length = max(signal.end - first, 1)

    def left(time: float) -> float:
        return round(100 * min(max((time - first) / length, 0.0), 1.0), 2)

    def top(of: float) -> float:
        return round(100 * (1 - (of - floor) / (ceiling - floor)), 2)

    times = sorted(one.end for one in signal.past)
    sentences = (
        f"{len(past):,} days before it, {whole_day(times[0] - DAY)} to {whole_day(times[-1] - DAY)}:"
        f" at most {number(min(past))} to {number(max(past))} per window.",
        f"Expected: {number(expected)}, with two standard deviations {number(low)} to {number(high)}.",
        f"Measured: {number(value)}, {span(signal.begin, signal.end)}.",
    )
    return Timeline(
        times=tuple(Tick(left(time), label) for time, label in _time_ticks(first, signal.end)),
        values=tuple(Tick(top(tick), _short(tick)) for tick in ticks),
        past=tuple((left(one.end - DAY / 2), top(of)) for one, of in zip(signal.past, past, strict=True)),
        band=(top(high), top(low) - top(high)),
        expected=top(expected),
        window=(left(signal.begin), left(signal.end) - left(signal.begin)),
        at=left((signal.begin + signal.end) / 2),
        top=top(value),
        title=f"{statement(signal)}, beside the days before",
        sentences=sentences,
    )


def _short(value: float) -> str:
    """A number beside an axis, where there is little room."""
    return number(value).replace(" million", "M").replace(" billion", "G").replace(" trillion", "T")


def _value_ticks(low: float, high: float) -> Iterator[float]:
    """Two to six round numbers from `low` or below to `high` or nearly; where these are one, to some way above."""
    if high - low < 1e-9 * max(1.0, abs(low)):
        high = low + max(1.0, abs(low))
    reach = high - low
    size = 10.0 ** math.floor(math.log10(reach / 2))
    step = next(size * by for by in (1, 2, 5, 10) if reach / (size * by) <= 5)
    for n in range(math.floor(low / step), math.floor(high / step) + 1):
        yield n * step


def _time_ticks(first: int, last: int) -> Iterator[tuple[int, str]]:
    """Midnights, or hours of a short time, with their labels; weeks begin on Monday."""
    step = next((step for step in _STEPS if (last - first) / step <= _MOST_TICKS), None)
    step = step or -(-(last - first) // _MOST_TICKS // DAY) * DAY
    offset = _MONDAY if step % (7 * DAY) == 0 else 0
    for time in range(first + (offset - first) % step, last + 1, step):
        at = utc(time)
        day = f"{at.day} {at:%b}"
        yield time, day if step >= DAY else f"{at:%H:%M}" if time % DAY else day
