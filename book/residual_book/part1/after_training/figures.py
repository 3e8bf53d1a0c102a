"""The figures of `book/part1/after-training.md`."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from residual.probes.landscape import Slice
from residual_book.part1.after_training.landscape import Around
from residual_book.part1.after_training.lesions import CHANCE, Lesions
from residual_book.part1.after_training.paths import DEPTH, VEIT_BLOCKS, PathLengths
from residual_book.part1.after_training.solutions import select
from residual_book.style import INK, OTHER, PAPER, PLAIN, RESIDUAL, Drawing, Look, figure, seed_lines, styled

HURT = {"plain-20": Look(PLAIN, "o"), "residual-20": Look(OTHER[0], "D"), "residual-56": Look(RESIDUAL, "s")}
AROUND = {"plain-20": OTHER[2], "residual-20": OTHER[0], "plain-56": PLAIN, "residual-56": RESIDUAL}


@styled
def one_block(hurt: Sequence[Lesions]) -> Drawing:
    """Test error without each block, by net: one dot per seed, a line their mean; dotted, the mean of whole nets."""
    drawing, panels = figure(len(HURT), height=3.3, share_y=True)
    for axes, (net, look) in zip(panels, HURT.items(), strict=True):
        runs = select(hurt, net)
        blocks = range(1, len(runs[0].single) + 1)
        errors = np.transpose([list(run.single.values()) for run in runs])
        axes.plot(blocks, errors, look.marker, color=look.color, markersize=3.5, alpha=0.6)
        axes.plot(blocks, [fmean(seeds) for seeds in errors], color=look.color)
        axes.axhline(fmean(run.intact for run in runs), color=INK, linewidth=1.2, linestyle=":")
        ticks = [1, *range(10, len(blocks) + 1, 10)] if len(blocks) > 12 else blocks[::2]
        axes.set(title=net, xlabel="block taken out", ylim=(-3, 103), xticks=ticks)
    panels[0].set_ylabel("test error (%)")
    alt = "Three panels. Plain-20: near 90 percent wrong whichever block is out. Residual-20: up to about 30 percent for the first blocks, near the whole net's error for later ones. Residual-56: all dots near the dotted line."
    return Drawing(drawing, alt)


@styled
def many_blocks(hurt: Sequence[Lesions]) -> Drawing:
    """Test error without k random blocks, and, one dot per shuffle, with blocks in another order; dotted, a guess."""
    drawing, (left, right) = figure(2, height=3.9, share_y=True)
    for net, look in HURT.items():
        runs = select(hurt, net)
        counts = [0, *runs[0].many]
        errors = [[run.without(k) for run in runs] for k in counts]
        left.plot(counts, errors, color=look.color, linewidth=1, alpha=0.35)
        left.plot(
            counts, [fmean(seeds) for seeds in errors], color=look.color, marker=look.marker, markersize=5, label=net
        )
        shuffles = [(shuffle.correlation, shuffle.error) for run in runs for shuffle in run.shuffled]
        right.plot(*zip(*shuffles, strict=True), look.marker, color=look.color, markersize=5, alpha=0.6)
    _finish(left, "random blocks taken out", "blocks taken out")
    left.set_ylabel("test error (%)")
    _finish(right, "blocks in another order", "rank correlation with the trained order")
    right.invert_xaxis()
    drawing.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9.5)
    alt = "Left: error against the number of blocks taken out. Plain-20 is at chance from two on, residual-20 near it at seven, residual-56 rises slowly to about 30 percent at twenty. Right: error against the rank correlation of the new order: residual-56 stays low, plain-20 is at chance."
    return Drawing(drawing, alt)


def _finish(axes: Axes, title: str, xlabel: str) -> None:
    axes.axhline(CHANCE, color=INK, linewidth=1.2, linestyle=":")
    axes.set(title=title, xlabel=xlabel, ylim=(-3, 103))


@styled
def shares_by_length(new: Sequence[PathLengths], trained: Sequence[PathLengths]) -> Drawing:
    """Share of the gradient by the length of its paths: thin lines are seeds, thick ones their mean."""
    drawing, panels = figure(2, height=4.0)
    first, last = VEIT_BLOCKS
    label = f"Veit et al.: {first} to {last}"
    panels[0].axvspan(first - 0.5, last + 0.5, color=PAPER, alpha=0.18, linewidth=0, label=label)
    panels[0].set_ylabel("share (%)")
    for axes, nets, title in zip(
        panels, (new, trained), (f"residual-{DEPTH}, new", "residual-56, trained"), strict=True
    ):
        for name, shares, color, style in (
            ("number of paths", [nets[0].counts], INK, "--"),
            ("sampled paths, as in Veit et al.", [net.veit for net in nets], PLAIN, "-"),
            ("all paths, with their directions", [net.shares for net in nets], RESIDUAL, "-"),
        ):
            percent = 100 * np.asarray(shares)
            if len(percent) > 1:
                axes.plot(percent.T, color=color, linewidth=0.9, alpha=0.35)
            axes.plot(percent.mean(0), style, color=color, label=name)
        right = min(40, percent.shape[1] - 1)
        axes.set(title=title, xlabel="blocks whose branch the path takes", ylim=(0, None), xlim=(-0.5, right))
    drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9.5)
    alt = "Two panels. New, 54 blocks: the number of paths peaks at 27 branches, sampled shares around 17, exact shares around 10. Trained, 27 blocks: the number of paths peaks between 13 and 14, sampled shares around 4, exact shares around 2."
    return Drawing(drawing, alt)


@styled
def lines(around: Sequence[Around]) -> Drawing:
    """The loss along random directions on a logarithmic axis, one line per seed; gaps where it is not finite."""
    drawing, (axes,) = figure(height=3.6)
    for name, color in AROUND.items():
        losses = [net.line.losses.tolist() for net in select(around, name)]
        seed_lines(axes, around[0].line.steps, losses, color=color, alpha=0.8, label=name)
    axes.set(xlabel="step, in lengths of each filter", ylabel="training loss", yscale="log")
    axes.legend(ncols=2)
    alt = "Curves over steps from minus one to one. Three nets have wide valleys that end between one and a few tens. Plain-56 has a loss of about two in the middle, and beyond a few tenths of a step rises to thousands and more."
    return Drawing(drawing, alt)


@styled
def planes(slices: Mapping[str, Slice]) -> Drawing:
    """The loss over the plane of two random directions, one panel per net, with the same colors and levels."""
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
    alt = "Three square maps. Plain-20 and residual-56 are dark, low basins that reach far. Plain-56 is bright, high, but for a spot in the middle."
    return Drawing(drawing, alt)
