"""Figures of `book/part3/simulator.md`."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from residual.plots import INK, PLAIN, RESIDUAL, figure, styled

Array = NDArray[np.float64]
_CLEAR = LinearSegmentedColormap.from_list("clear", [f"{RESIDUAL}00", RESIDUAL])
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@styled
def week(hourly: Mapping[str, Array]) -> Figure:
    """Heat map of a week from Monday: class -> events in each of its 168 hours, drawn relative to its busiest hour."""
    drawing, (axes,) = figure(height=3.0)
    shares = np.stack([events / max(events.max(), 1) for events in hourly.values()])
    picture = axes.imshow(
        shares, cmap=_CLEAR, vmin=0, vmax=1, aspect="auto", interpolation="nearest", extent=(0, 168, len(hourly), 0)
    )
    axes.set_yticks(np.arange(len(hourly)) + 0.5, list(hourly))
    axes.set_xticks(np.arange(7) * 24 + 12, DAYS)
    axes.set_xticks(np.arange(1, 7) * 24, minor=True)
    axes.set_yticks(np.arange(1, len(hourly)), minor=True)
    axes.grid(visible=False)
    axes.grid(which="minor", visible=True)
    axes.tick_params(which="both", length=0)
    drawing.colorbar(picture, label="of its busiest hour", ticks=[0, 0.5, 1])
    return drawing


@styled
def persons_day(events: Mapping[str, Array], injected: Mapping[str, Array]) -> Figure:
    """Events along the hours of a day, a row a class; those of attacks are marked. Both: class -> hours."""
    drawing, (axes,) = figure(height=3.0)
    for row, (name, hours) in enumerate(events.items()):
        label = None if row else "event"
        axes.plot(hours, np.full(len(hours), row), "|", color=RESIDUAL, markersize=16, markeredgewidth=1.4, label=label)
        marks = injected[name]
        label = None if row else "of an attack"
        axes.plot(marks, np.full(len(marks), row - 0.42), "v", color=PLAIN, markersize=5, label=label)
    axes.set_yticks(range(len(events)), list(events))
    axes.set(xlabel="hour of the day, UTC", xlim=(0, 24), xticks=range(0, 25, 3), ylim=(len(events) - 0.5, -0.7))
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handlelength=1)
    return drawing


@styled
def twins(pairs: Mapping[str, tuple[Array, NDArray[np.int64]]], ranks: Mapping[str, Sequence[Array]]) -> Figure:
    """Two episodes in time, a row a machine; and the sizes of the connections of all episodes of their types.

    Args:
        pairs: name -> (hours since the episode's first connection, number of the machine), one entry a connection.
        ranks: name -> for each episode, where its sizes stand among all, from 0 to 1.
    """
    drawing, (left, right) = figure(2, height=3.5)
    row = 0
    ticks: list[float] = []
    for number, (name, color, marker) in enumerate(zip(pairs, (PLAIN, RESIDUAL), ("o", "s"), strict=True)):
        hours, machine = pairs[name]
        n = int(machine.max()) + 1
        left.plot(hours, row + machine, marker, color=color, markersize=4.5)
        ticks.append(row + (n - 1) / 2)
        row += n + 1
        for place, sizes in zip(np.linspace(-0.4, 0.4, len(ranks[name])), ranks[name], strict=True):
            right.plot(sizes * 100, np.full(len(sizes), number + place), marker, color=color, markersize=3, alpha=0.6)
    left.set_yticks(ticks, list(pairs), rotation=90, va="center")
    left.set(title="When: a row a machine", xlabel="hours since the first", ylim=(row - 1, -1))
    left.grid(axis="y", visible=False)
    right.set_yticks([])
    right.set(title="How large: a row an episode", xlabel="bytes sent, rank among all (%)", xlim=(-2, 102))
    right.set_ylim(1.6, -0.6)
    return drawing


@styled
def precision_by_type(
    one_event: Mapping[str, Sequence[float]], window: Mapping[str, Sequence[float]], chance: Mapping[str, float]
) -> Figure:
    """Average precision of both classifiers: type -> one value a seed; and of guessing."""
    drawing, (axes,) = figure(height=3.9)
    for row, name in enumerate(one_event):
        for values, color, marker, label in (
            (one_event[name], PLAIN, "o", "sees one event"),
            (window[name], RESIDUAL, "s", "sees its window"),
        ):
            axes.plot(
                values,
                [row] * len(values),
                marker,
                color=color,
                alpha=0.75,
                label=None if row else label,
                clip_on=False,
            )
        axes.plot(chance[name], row, "|", color=INK, markersize=13, label=None if row else "guesses")
    axes.set_yticks(range(len(one_event)), list(one_event))
    axes.set(xlabel="average precision, a dot a seed", xlim=(0, 1), ylim=(len(one_event) - 0.5, -0.5))
    axes.legend(loc="lower left", bbox_to_anchor=(-0.15, 1), ncols=3, handlelength=1)
    return drawing
