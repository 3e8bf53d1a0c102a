"""Figures of `book/part5/why.md`."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from residual.detect.alert import Alert, Signal
from residual.detect.stream import DAY
from residual.simulate import TYPES
from residual_book.evaluation.live import DAYS, FIRST
from residual_book.part5.why.experiment import Organization, chosen, share, true_only
from residual_book.style import INK, OTHER, PAPER, PLAIN, RESIDUAL, Drawing, figure, styled

ATTACK, PAST = PLAIN, "#80808090"


@styled
def stories(alerts: Sequence[Alert], names: Sequence[str]) -> Drawing:
    """The first signal of each alert: its past, the band that was expected, and what was measured."""
    drawing, panels = figure(len(alerts), height=3.3, stacked=2.6)
    for axes, alert, name in zip(panels, alerts, names, strict=True):
        signal = alert.signals[0]
        if signal.past:
            _timeline(axes, signal)
        else:
            _counts(axes, signal)
        axes.set_title(name.replace("_", " "))
    alt = "Panels with dots for each day before, at the height of its highest window, a shaded band about what was expected, and one mark far above it at the end. For values that never came together, two bars instead: the number of times that they were expected to, and none."
    return Drawing(drawing, alt)


def _timeline(axes: Axes, signal: Signal) -> None:
    day = [(one.end - DAY / 2) / DAY - FIRST for one in signal.past]
    axes.plot(day, [one.value for one in signal.past], "o", color=PAST, markersize=4.5, label="days before")
    low, high = signal.expected - 2 * signal.spread, signal.expected + 2 * signal.spread
    axes.axhspan(max(low, 0), high, color=RESIDUAL, alpha=0.25, linewidth=0, label="expected")
    axes.axhline(signal.expected, color=RESIDUAL, linewidth=1.2)
    axes.plot(
        (signal.begin + signal.end) / 2 / DAY - FIRST, signal.value, "D", color=ATTACK, markersize=8, label="measured"
    )
    axes.set(xlabel="day", ylabel=f"in {(signal.end - signal.begin) // 3_600_000} h")
    axes.set_xlim(0, DAYS)
    axes.set_xticks(range(0, DAYS + 1, 7))
    axes.set_ylim(0, 1.08 * signal.value)


def _counts(axes: Axes, signal: Signal) -> None:
    axes.barh([0, 1], [signal.expected, signal.value], height=0.6, color=[RESIDUAL, ATTACK])
    for row, value in enumerate((signal.expected, signal.value)):
        axes.annotate(f"{value:,.0f}", (value, row), xytext=(5, 0), textcoords="offset points", va="center")
    axes.set_yticks([0, 1], ["expected", "seen"])
    axes.set(xlabel="times together before", xlim=(0, 1.35 * max(signal.expected, signal.value)), ylim=(1.8, -0.8))
    axes.grid(axis="y", visible=False)


@styled
def events(runs: Sequence[Organization]) -> Drawing:
    """By type: how many of the events listed belong to the episode, and how many of the episode's are listed."""
    drawing, (listed, complete) = figure(2, height=4.6, stacked=4.2, share_y=True)
    every = [one for run in runs for one in true_only(run).explained]
    for row, kind in enumerate(TYPES):
        own = [one for one in every if one.type == kind]
        if not own:
            continue  # no episode of the type was found
        _mark(listed, row, [100 * one.precise for one in own], RESIDUAL, "o", "listed" if not row else "")
        chance = 100 * np.mean([one.by_chance for one in own])
        listed.plot(chance, row, "|", color=INK, markersize=13, label="all of these hours" if not row else "")
        _mark(complete, row, [100 * one.complete for one in own], RESIDUAL, "o", "by one alert" if not row else "")
        together = [100 * share for run in runs for of, share in run.covered if of == kind]
        _mark(complete, row, together, OTHER[0], "s", "by all alerts" if not row else "", 0.25)
    listed.set(title="Of the events listed,\nthose of the episode", xlabel="%", xlim=(-3, 103))
    complete.set(title="Of the episode's events,\nthose listed", xlabel="%", xlim=(-3, 103))
    listed.set_yticks(range(len(TYPES)), [kind.replace("_", " ") for kind in TYPES])
    listed.set_ylim(len(TYPES) - 0.5, -0.5)
    for axes in (listed, complete):
        axes.legend(loc="upper left", bbox_to_anchor=(-0.1, -0.15), ncols=2, columnspacing=1, handletextpad=0.2)
    alt = "Two panels with a row for each type of episode. Left, the means of what is listed lie near or above eight tenths for most types, far to the right of what all events of the same hours would give; for persistence near zero. Right, one alert lists a small part of spraying and cascades and most of the other types; all alerts together list more."
    return Drawing(drawing, alt)


def _mark(
    axes: Axes, row: float, values: Sequence[float], color: str, marker: str, label: str, shift: float = 0.0
) -> None:
    """The mean of some shares, with a thin line from the tenth to the ninetieth percentile."""
    low, high = np.quantile(values, [0.1, 0.9])
    axes.plot([low, high], [row + shift] * 2, color=color, linewidth=1, alpha=0.6)
    axes.plot(np.mean(values), row + shift, marker, color=color, label=label)


@styled
def named(runs: Sequence[Organization]) -> Drawing:
    """Whether the signal that is named fits the type, against two other ways to name one: one dot per organization."""
    drawing, (every, choice) = figure(2, height=2.9, stacked=2.4, share_y=True)
    ways = {"named": "the rarest, as named", "largest": "the largest value", "at_random": "at random"}
    for axes, only in ((every, False), (choice, True)):
        for row, (name, color) in enumerate(zip(ways, (RESIDUAL, PLAIN, PAPER), strict=True)):
            values = [share(chosen(run) if only else run, name) for run in runs]
            axes.plot([100 * value for value in values], [row] * len(values), "o", color=color, alpha=0.7)
        axes.set(xlabel="fits the type (%)", xlim=(0, 103))
    every.set(title="all about an episode")
    choice.set(title="where it matters")
    every.set_yticks(range(len(ways)), list(ways.values()))
    every.set_ylim(len(ways) - 0.5, -0.5)
    alt = "Two panels with three rows of dots, one per organization. The signal that is named fits in nine tenths of the alerts or more; the largest value and a random one fit less often, and least where it matters which is chosen."
    return Drawing(drawing, alt)
