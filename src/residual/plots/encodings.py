"""Figures of `book/part3/encoding.md`."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from residual.plots import INK, OTHER, PAPER, PLAIN, RESIDUAL, figure, styled

Array = NDArray[np.float64]
_COLORS = (RESIDUAL, PLAIN, OTHER[0], PAPER, *OTHER[1:])
_MARKERS = "os^Dv*"


@styled
def clock(hours: Mapping[str, Array]) -> Figure:
    """Shares of events in the hours of a day, as a line that breaks at midnight and on a circle.

    Args:
        hours: label -> (24,).
    """
    drawing = Figure(figsize=(7.2, 3.6))
    line, circle = drawing.add_subplot(1, 2, 1), drawing.add_subplot(1, 2, 2, projection="polar")
    middle = np.arange(24) + 0.5
    for (label, share), color in zip(hours.items(), _COLORS, strict=False):
        line.plot(middle, 100 * share, color=color, label=label)
        circle.plot(2 * np.pi * np.append(middle, 24.5) / 24, 100 * np.append(share, share[0]), color=color)
    line.set(xlabel="hour, UTC", ylabel="% of sign-ins", xlim=(0, 24), ylim=(0, None), xticks=range(0, 25, 6))
    line.legend(loc="lower left", bbox_to_anchor=(-0.15, 1), ncols=3, handlelength=1, columnspacing=1)
    circle.set_theta_zero_location("N")  # type: ignore[attr-defined]  # a polar axes
    circle.set_theta_direction(-1)  # type: ignore[attr-defined]
    circle.set_xticks(2 * np.pi * np.arange(0, 24, 6) / 24, ["0 h", "6", "12", "18"])
    circle.set_yticks([5, 10], ["", ""])
    return drawing


@styled
def hashing(points: Mapping[int, Sequence[tuple[int, float]]], theory: tuple[Array, Array]) -> Figure:
    """Share of values that share their bucket, over values a bucket, beside the formula.

    Args:
        points: buckets -> (different values, measured share), one a column and seed.
        theory: values a bucket, and the expected share, both (n,).
    """
    drawing, (axes,) = figure(height=3.4)
    axes.plot(*theory, color=INK, linewidth=1.2, label="formula")
    for (buckets, found), color, marker in zip(points.items(), _COLORS, _MARKERS, strict=False):
        x, y = [k / buckets for k, _ in found], [share for _, share in found]
        axes.plot(x, y, marker, color=color, alpha=0.75, markersize=5.5, label=f"{buckets:,} buckets")
    axes.set(xscale="log", xlabel="different values a bucket", ylabel="share that collide", ylim=(-0.03, 1.05))
    axes.set_xticks([0.01, 0.1, 1, 10, 100], ["0.01", "0.1", "1", "10", "100"])
    axes.legend(loc="upper left")
    return drawing


@styled
def skews(columns: Mapping[str, tuple[Array, Array]]) -> Figure:
    """Two rows of histograms: each column's numbers as they are, and as they are encoded.

    Args:
        columns: label -> (raw, encoded), each (n,).
    """
    drawing = Figure(figsize=(7.2, 4.2))
    grid = drawing.subplots(2, len(columns), squeeze=False)
    for (label, views), (before, after) in zip(columns.items(), grid.T, strict=True):
        for axes, values, color in zip((before, after), views, (PLAIN, RESIDUAL), strict=True):
            axes.hist(values, bins=40, color=color, weights=np.full(len(values), 100 / len(values)))
            axes.set_xlim(min(0.0, float(values.min())), float(values.max()))
            axes.grid(axis="x", visible=False)
        before.ticklabel_format(axis="x", style="sci", scilimits=(0, 3))
        before.set(title=label, xlabel="as it is")
        after.set(xlabel="encoded")
    for axes in grid[:, 0]:
        axes.set_ylabel("% of events")
    return drawing


@styled
def strangers(shares: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[float]]]) -> Figure:
    """Share of values that a vocabulary lacks, over the days that it was learned from: (center, low, high) a column."""
    drawing, (axes,) = figure(height=3.2)
    for (label, (center, low, high)), color, marker in zip(shares.items(), _COLORS, _MARKERS, strict=False):
        days = range(1, len(center) + 1)
        axes.plot(days, 100 * np.asarray(center), marker=marker, color=color, label=label)
        axes.fill_between(days, 100 * np.asarray(low), 100 * np.asarray(high), color=color, alpha=0.2, linewidth=0)
    axes.set_yscale("symlog", linthresh=1)
    axes.set(xlabel="days that the vocabulary was learned from", ylabel="% unknown", ylim=(-0.2, 110))
    axes.set_yticks([0, 1, 10, 100], ["0", "1", "10", "100"])
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return drawing


@styled
def names(groups: Mapping[str, Array]) -> Figure:
    """Names by length and entropy: (n, 2) a group, the first drawn below."""
    drawing, (axes,) = figure(height=3.4)
    for (label, points), color, marker in zip(groups.items(), _COLORS, _MARKERS, strict=False):
        axes.plot(points[:, 0], points[:, 1], marker, color=color, markersize=4, alpha=0.6, label=label)
    axes.set(xlabel="length, bytes", ylabel="entropy, bits a byte")
    axes.legend(loc="lower right", markerscale=1.6)
    return drawing


@styled
def stories(panels: Mapping[str, tuple[Array, Array, NDArray[np.bool_]]], *, feature: str) -> Figure:
    """One feature of an entity about an episode, a panel an entity: (hours, values, inside the episode)."""
    drawing, many = figure(len(panels), height=3.2, share_y=True)
    for axes, (title, (hours, values, inside)) in zip(many, panels.items(), strict=True):
        axes.plot(hours, values, color=INK, linewidth=0.8, alpha=0.5)
        axes.plot(hours[~inside], values[~inside], "o", color=RESIDUAL, markersize=4, label="its other events")
        axes.plot(hours[inside], values[inside], "s", color=PLAIN, markersize=4, label="of the episode")
        axes.set(title=title, xlabel="hours since it began")
    many[0].set_ylabel(feature)
    many[-1].legend(loc="upper right")
    return drawing


@styled
def dumbbells(rows: Mapping[str, tuple[tuple[float, float, float], tuple[float, float, float]]]) -> Figure:
    """AUC from the past and with the future, a row a type: each (center, low, high)."""
    drawing, (axes,) = figure(height=3.2)
    for row, views in enumerate(rows.values()):
        axes.plot([view[0] for view in views], [row, row], color=INK, linewidth=1, alpha=0.4)
        for (center, low, high), color, marker, label in zip(
            views, (RESIDUAL, PLAIN), "os", ("the past only", "the whole table"), strict=True
        ):
            axes.plot([low, high], [row, row], color=color, linewidth=3, alpha=0.35)
            axes.plot(center, row, marker, color=color, markersize=8, label=None if row else label)
    axes.axvline(0.5, color=INK, linewidth=1, linestyle=":")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set(
        xlabel="AUC for the first event of an attack (dotted: guessing)", xlim=(0, 1.02), ylim=(len(rows) - 0.5, -0.5)
    )
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return drawing


@styled
def gains(rows: Mapping[str, tuple[Sequence[float], tuple[float, float, float]]]) -> Figure:
    """What each mistake adds to an AUC: a point a seed, and (center, low, high) over them."""
    drawing, (axes,) = figure(height=2.4)
    for row, (points, (center, low, high)) in enumerate(rows.values()):
        axes.plot([low, high], [row, row], color=PLAIN, linewidth=6, alpha=0.35)
        axes.plot(center, row, "|", color=PLAIN, markersize=16, markeredgewidth=3)
        axes.plot(points, [row] * len(points), "o", color=RESIDUAL, markersize=5)
    axes.axvline(0, color=INK, linewidth=1, linestyle=":")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set(xlabel="AUC gained on paper", ylim=(len(rows) - 0.5, -0.5))
    axes.grid(axis="y", visible=False)
    return drawing
