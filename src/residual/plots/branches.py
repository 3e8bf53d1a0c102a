"""Figures of branches beside skips, for `book/part1/before-training.md`."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from residual.plots import INK, OTHER, PAPER, PLAIN, RESIDUAL, figure, styled

BLOCKS = {"original": (RESIDUAL, "s"), "pre-activation": (OTHER[0], "D")}
TIMES = {"new, usual start": (RESIDUAL, "-"), "new, branches start at zero": (PAPER, "--"), "trained": (PLAIN, "-")}


@styled
def branch_over_skip(
    new: Mapping[str, Sequence[Sequence[float]]], whole: Mapping[str, Sequence[Sequence[float]]]
) -> Figure:
    """Branch over skip in the first stage of new nets, on logarithmic axes; beside it along a whole net.

    Args:
        new: by kind of block (keys of `BLOCKS`), seed, and number of branches in the skip, from 1.
        whole: by time (keys of `TIMES`), seed, and block.
    """
    drawing, (left, right) = figure(2, height=4.0)
    for name, runs in new.items():
        color, marker = BLOCKS[name]
        added = np.arange(1, len(runs[0]) + 1)
        for run in runs:
            left.plot(added, run, color=color, linewidth=0.9, alpha=0.35)
        left.plot(added, np.mean(runs, axis=0), marker, color=color, markersize=5, label=name)
    left.plot(added, [1 / math.sqrt(m) for m in added], ":", color=INK, linewidth=1.4, label=r"$1/\sqrt{m}$")
    left.set(title="new nets, first stage", xlabel="branches in the skip, m", ylabel="branch over skip")
    left.set(xscale="log", yscale="log")
    left.set_xticks(ticks := [1, 2, 5, 10], [str(tick) for tick in ticks])
    left.set_yticks(levels := [0.2, 0.5, 1], [str(level) for level in levels])
    left.minorticks_off()
    left.legend(fontsize=9.5)
    for name, runs in whole.items():
        color, style = TIMES[name]
        places = np.arange(1, len(runs[0]) + 1)
        for run in runs:
            right.plot(places, run, style, color=color, linewidth=0.9, alpha=0.35)
        right.plot(places, np.mean(runs, axis=0), style, color=color, label=name)
    right.set(title="all blocks", xlabel="block", ylim=(-0.05, None))
    right.legend(fontsize=9.5)
    return drawing
