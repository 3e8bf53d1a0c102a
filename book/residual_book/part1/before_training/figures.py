"""The figures of `book/part1/before-training.md`."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from residual_book.part1.before_training import branches, stacks
from residual_book.part1.before_training.branches import Branches
from residual_book.part1.before_training.stacks import ARMS, CIFAR_ARMS, WIDTH, Run
from residual_book.style import INK, OTHER, PAPER, PLAIN, RESIDUAL, Drawing, Look, band, figure, styled

LOOKS = {
    "plain": Look(OTHER[2], "D"),
    "plain, batch norm": Look(PLAIN, "o"),
    "residual": Look(OTHER[1], "^"),
    "residual, batch norm": Look(RESIDUAL, "s"),
    "residual, batch norm, branch x 0.1": Look(OTHER[0], "v"),
    "residual, batch norm, branch / √L": Look(PAPER, "P"),
}
PANELS = {
    "without skips": [arm for arm in ARMS if not ARMS[arm].skip],
    "with skips": [arm for arm in ARMS if ARMS[arm].skip],
}


@styled
def gradient_lines(lines: Mapping[str, Tensor]) -> Drawing:
    """The gradient of three nets along a line of inputs from -2 to 2; one panel per net, each to its own scale."""
    drawing, panels = figure(len(lines), height=2.4)
    for axes, (title, gradients), color in zip(panels, lines.items(), (OTHER[2], PLAIN, RESIDUAL), strict=True):
        inputs = [-2 + 4 * i / (len(gradients) - 1) for i in range(len(gradients))]
        axes.plot(inputs, gradients.tolist(), color=color, linewidth=1)
        axes.set(title=title, xlabel="input", yticks=[])
    panels[0].set_ylabel("gradient")
    alt = "Three curves. The first has slow waves. The second jumps up and down at every point like noise. The third is rough but has slow waves that neighbors share."
    return Drawing(drawing, alt)


@styled
def shattering(runs: Sequence[Run]) -> Drawing:
    """Correlation of neighboring gradients along a line of inputs, against depth."""
    alt = "Two panels against 3 to 100 layers. Left: plain with batch norm falls from one to zero at 24 layers; plain without falls to about 0.6 at 100. Right: four residual nets that stay above 0.6; with small or scaled branches above 0.8."
    return Drawing(_against_depth(runs, PANELS, "correlation"), alt)


@styled
def image_shattering(runs: Sequence[Run]) -> Drawing:
    """The same of CIFAR nets, between two digits."""
    alt = "Correlation at 20, 56 and 110 layers. Plain nets: about 0.2, then zero. Residual nets: about 0.76, 0.51 and 0.37."
    return Drawing(_against_depth(runs, {"between two digits": list(CIFAR_ARMS)}, "correlation"), alt)


@styled
def conditioning(runs: Sequence[Run]) -> Drawing:
    """Share of directions that get through a stack, against depth."""
    alt = "Two panels on logarithmic axes. Left: both plain nets fall from 0.14 to the floor of one direction. Right: residual nets fall more slowly, the one without batch norm almost to the floor; the one with scaled branches is level near 0.36."
    return Drawing(_against_depth(runs, PANELS, "share of directions", floor=1 / WIDTH), alt)


def _against_depth(
    runs: Sequence[Run], panels: Mapping[str, Sequence[str]], ylabel: str, *, floor: float | None = None
) -> Figure:
    """The mean of each arm with its interval; `panels` has the arms by title.

    With `floor`, the vertical axis is logarithmic and this value, the lowest there can be, is marked.
    """
    depths = sorted({run.depth for run in runs})
    drawing, all_axes = figure(len(panels), height=3.9, share_y=True)
    for axes, (title, arms) in zip(all_axes, panels.items(), strict=True):
        axes.axhline(0 if floor is None else floor, color=INK, linewidth=1, linestyle=":")
        for arm in arms:
            means = [stacks.mean(runs, arm, depth) for depth in depths]
            band(axes, depths, means, LOOKS[arm], label=arm)
        axes.set(title=title, xlabel="layers", xscale="log", yscale="linear" if floor is None else "log")
        axes.set_xticks(depths, [str(depth) for depth in depths])
        axes.minorticks_off()
    all_axes[0].set_ylabel(ylabel)
    drawing.legend(loc="outside lower center", ncols=2, fontsize=9.5)
    return drawing


@styled
def branch_over_skip(nets: Sequence[Branches]) -> Drawing:
    """Branch over skip in the first stage of new nets, on logarithmic axes; beside it along whole nets.

    Thin lines are seeds; markers and thick lines are their means.
    """
    drawing, (left, right) = figure(2, height=4.0)
    for block, color, marker in (("pre-activation", OTHER[0], "D"), ("original", RESIDUAL, "s")):
        seeds = [net.ratios for net in branches.select(nets, block)]
        added = np.arange(1, len(seeds[0]) + 1)
        left.plot(added, np.transpose(seeds), color=color, linewidth=0.9, alpha=0.35)
        left.plot(added, np.mean(seeds, axis=0), marker, color=color, markersize=5, label=block)
    left.plot(added, [1 / math.sqrt(m) for m in added], ":", color=INK, linewidth=1.4, label=r"$1/\sqrt{m}$")
    left.set(title="new nets, first stage", xlabel="branches in the skip, m", ylabel="branch over skip")
    left.set(xscale="log", yscale="log")
    left.set_xticks(ticks := [1, 2, 5, 10], [str(tick) for tick in ticks])
    left.set_yticks(levels := [0.2, 0.5, 1], [str(level) for level in levels])
    left.minorticks_off()
    left.legend(fontsize=9.5)
    for block, label, color, style in (
        ("original", "new, usual start", RESIDUAL, "-"),
        ("original, branches start at zero", "new, branches start at zero", PAPER, "--"),
    ):
        seeds = [[size.ratio for size in net.sizes] for net in branches.select(nets, block)]
        blocks = np.arange(1, len(seeds[0]) + 1)
        right.plot(blocks, np.transpose(seeds), style, color=color, linewidth=0.9, alpha=0.35)
        right.plot(blocks, np.mean(seeds, axis=0), style, color=color, label=label)
    right.set(title="all blocks", xlabel="block", ylim=(-0.05, None))
    right.legend(fontsize=9.5)
    alt = "Left: two falling lines on logarithmic axes along a dotted line with slope minus one half. Right: a curve that falls within each of three stages, and a line at zero."
    return Drawing(drawing, alt)
