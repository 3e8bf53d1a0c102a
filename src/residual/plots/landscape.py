"""The figures of `book/part1/after-training.md` that show the loss around a solution."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from torch import Tensor

from residual.plots import INK, OTHER, PLAIN, RESIDUAL, figure, styled
from residual.plots.gradients import Look


class Slice(Protocol):
    """Losses, NaN where they are not finite, at steps along one direction or over the plane of two."""

    @property
    def steps(self) -> Sequence[float]: ...
    @property
    def losses(self) -> Tensor: ...


LOOKS = {
    "plain-20": Look(OTHER[2], "D"),
    "residual-20": Look(OTHER[0], "v"),
    "plain-56": Look(PLAIN, "o"),
    "residual-56": Look(RESIDUAL, "s"),
}


@styled
def lines(slices: Mapping[str, Sequence[Slice]]) -> Figure:
    """The loss along random directions on a logarithmic axis, a line a seed; gaps where it is not finite."""
    drawing, (axes,) = figure(height=3.6)
    for name, seeds in slices.items():
        for i, one in enumerate(seeds):
            axes.plot(one.steps, one.losses.tolist(), color=LOOKS[name].color, alpha=0.8, label=None if i else name)
    axes.set(xlabel="step, in lengths of each filter", ylabel="training loss", yscale="log")
    axes.legend(ncols=2)
    return drawing


@styled
def planes(slices: Mapping[str, Slice]) -> Figure:
    """The loss over the plane of two random directions, a panel a net, in the same colors and at the same levels."""
    drawing, panels = figure(len(slices), height=2.9, share_y=True)
    levels = np.geomspace(0.01, 1e4, 25)
    for axes, (name, plane) in zip(panels, slices.items(), strict=True):
        losses = np.clip(plane.losses.numpy().T, levels[0], levels[-1])  # NaN stays NaN: a hole
        filled = axes.contourf(plane.steps, plane.steps, losses, levels=levels, norm=LogNorm(), cmap="cividis")
        axes.contour(plane.steps, plane.steps, losses, levels=[0.1, 1, 10, 100, 1000], colors="white", linewidths=0.6)
        axes.plot([0], [0], "+", color="white")
        axes.set(title=name, xlabel="step", xticks=(-1, 0, 1), yticks=(-1, 0, 1), aspect="equal")
        axes.grid(False)
    panels[0].set_ylabel("step")
    bar = drawing.colorbar(filled, ax=panels, ticks=[0.01, 0.1, 1, 10, 100, 1000, 10_000], label="training loss")
    bar.outline.set_edgecolor(INK)
    return drawing
