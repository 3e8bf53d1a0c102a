"""Figures of `book/part3/records.md`."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from residual.plots import PLAIN, RESIDUAL, figure, styled

_CLEAR = LinearSegmentedColormap.from_list("clear", [f"{RESIDUAL}00", RESIDUAL])


@styled
def offered(columns: Mapping[str, tuple[int, int]], filled: Mapping[str, Sequence[float]]) -> Figure:
    """Columns that the schema has for each class, beside those that its events fill.

    Args:
        columns: class -> (at depth 2, at depth 3).
        filled: class -> columns that an event fills, the 5th, 50th and 95th percentile of events.
    """
    drawing, (axes,) = figure(height=3.7)
    rows = range(len(columns))
    axes.barh(rows, [deep for _, deep in columns.values()], color=RESIDUAL, alpha=0.3, label="offered, depth 3")
    axes.barh(rows, [shallow for shallow, _ in columns.values()], color=RESIDUAL, label="offered, depth 2")
    for row, name in enumerate(columns):
        low, middle, high = filled[name]
        axes.plot([low, high], [row, row], color=PLAIN, linewidth=3, label=None if row else "filled by an event")
        axes.plot(middle, row, "|", color=PLAIN, markersize=14, markeredgewidth=3)
    axes.set_yticks(rows, list(columns))
    axes.set(xlabel="columns", ylim=(len(columns) - 0.4, -0.6))
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.3, 1), ncols=3, handlelength=1.2)
    return drawing


@styled
def fill_map(shares: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Share of the events of a class (rows) that fill a column (columns, in the order given): (columns,) a class."""
    drawing, (axes,) = figure(height=2.7)
    picture = axes.imshow(
        np.stack(list(shares.values())), cmap=_CLEAR, vmin=0, vmax=1, aspect="auto", interpolation="nearest"
    )
    axes.set_yticks(range(len(shares)), list(shares))
    axes.set_yticks(np.arange(len(shares) - 1) + 0.5, minor=True)
    axes.grid(visible=False)
    axes.grid(axis="y", which="minor", visible=True)
    axes.tick_params(which="minor", length=0)
    axes.set_xlabel("column, those of most classes first")
    drawing.colorbar(picture, label="share of events", ticks=[0, 0.5, 1])
    return drawing
