"""The figures of `book/part1/after-training.md`."""

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np
from matplotlib.colors import TwoSlopeNorm

from residual_book.part1.after_training.landscape import STEPS
from residual_book.part1.after_training.lesions import CHANCE, Lesions
from residual_book.part1.after_training.paths import DEPTH, VEIT_BLOCKS, PathLengths
from residual_book.part1.after_training.plateau import PLANE_SEED, Plateau
from residual_book.part1.after_training.solutions import DEPTHS, USUAL, ZERO, select
from residual_book.style import (
    BETTER_OR_WORSE,
    INK,
    OTHER,
    PAPER,
    PLAIN,
    RESIDUAL,
    Drawing,
    Look,
    figure,
    seed_lines,
    styled,
)

KINDS = {  # of nets, by how they are called in legends; each with the names of its nets of 20 and 56 layers
    "plain": (Look(PLAIN, "o"), "plain-{}"),
    f"residual, {USUAL}": (Look(OTHER[0], "D"), "residual-{}, " + USUAL),
    f"residual, {ZERO}": (Look(RESIDUAL, "s"), "residual-{}, " + ZERO),
}
PLANES = ("plain-20", "plain-56", f"residual-56, {USUAL}", f"residual-56, {ZERO}")


@styled
def two_by_two(runs: Sequence[Lesions], *, when: str) -> Drawing:
    """What four lesions cost, by depth, in one color per kind of net: one dot per seed, a line through the means.

    `when` says in the alt text which nets these are.
    """
    panels = {
        "its worst block": lambda run: run.worst,
        "one block, on average": lambda run: run.rise,
        "seven blocks": lambda run: run.without(7),
        "blocks reordered": lambda run: run.reordered,
    }
    drawing, axes = figure(len(panels), height=3.5, share_y=True)
    for panel, (title, cost) in zip(axes, panels.items(), strict=True):
        for kind, (look, name) in KINDS.items():
            costs = {depth: [cost(run) for run in select(runs, name.format(depth))] for depth in DEPTHS}
            shown = {str(depth): values for depth, values in costs.items() if values}
            dots = [(depth, value) for depth, values in shown.items() for value in values]
            panel.plot(*zip(*dots, strict=True), look.marker, color=look.color, markersize=4, alpha=0.5)
            panel.plot(
                list(shown),
                [fmean(values) for values in shown.values()],
                look.marker + "-",
                color=look.color,
                label=kind,
            )
        panel.set_title(title, fontsize=10)
        panel.set(xlabel="layers", ylim=(-3, 100))
        panel.margins(x=0.25)
    axes[0].set_ylabel("rise of the test error (points)")
    drawing.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9.5)
    alt = f"Four panels, each of a lesion of nets {when}, at 20 and 56 layers. The residual nets with a zero start lie near zero in all of them, except for seven blocks of 20 layers. Those with the usual start lie higher at both depths, plain nets near 90 points."
    return Drawing(drawing, alt)


@styled
def one_block(hurt: Sequence[Lesions]) -> Drawing:
    """Rise of the test error without each block: one dot per seed, a line through their means."""
    titles = ("plain-20", "residual-20", "residual-56")
    drawing, panels = figure(len(titles), height=3.5, share_y=True)
    for axes, title in zip(panels, titles, strict=True):
        depth = int(title.split("-")[1])
        for kind, (look, name) in KINDS.items():
            runs = select(hurt, name.format(depth)) if kind.startswith(title.split("-")[0]) else []
            if not runs:
                continue
            blocks = range(1, len(runs[0].single) + 1)
            rises = np.transpose([[error - run.intact for error in run.single.values()] for run in runs])
            axes.plot(blocks, rises, look.marker, color=look.color, markersize=3.5, alpha=0.5)
            axes.plot(blocks, [fmean(seeds) for seeds in rises], color=look.color, label=kind)
            axes.set_xticks([1, *range(10, len(blocks) + 1, 10)] if len(blocks) > 12 else blocks[::2])
        axes.set(title=title, xlabel="block taken out", ylim=(-3, 100))
    panels[0].set_ylabel("rise of the test error (points)")
    labels = {label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    drawing.legend(list(labels.values()), list(labels), loc="outside lower center", ncols=3, fontsize=9.5)
    alt = "Three panels. Plain-20: near 85 points whichever block is out. Residual-20 and residual-56 with the usual start: some tens of points for one or two early blocks, little for the others. With a zero start: next to nothing for every block."
    return Drawing(drawing, alt)


@styled
def many_blocks(hurt: Sequence[Lesions]) -> Drawing:
    """Test error without k random blocks, and, one dot per shuffle, with blocks in another order; dotted, a guess."""
    drawing, (left, right) = figure(2, height=3.9, share_y=True)
    for kind, (look, name) in KINDS.items():
        runs = select(hurt, name.format(20 if kind == "plain" else 56))
        counts = sorted({0} | {k for k, _ in runs[0].many})
        errors = [[run.intact + run.without(k) for run in runs] for k in counts]
        label = name.format(20 if kind == "plain" else 56)
        left.plot(counts, errors, color=look.color, linewidth=1, alpha=0.35)
        left.plot(counts, [fmean(seeds) for seeds in errors], color=look.color, marker=look.marker, label=label)
        shuffles = [shuffle for run in runs for shuffle in run.shuffled]
        right.plot(*zip(*shuffles, strict=True), look.marker, color=look.color, markersize=5, alpha=0.6)
    for axes, title, xlabel in (
        (left, "random blocks taken out", "blocks taken out"),
        (right, "blocks in another order", "rank correlation with the trained order"),
    ):
        axes.axhline(CHANCE, color=INK, linewidth=1.2, linestyle=":")
        axes.set(title=title, xlabel=xlabel, ylim=(-3, 103))
    left.set_ylabel("test error (%)")
    right.invert_xaxis()
    drawing.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9.5)
    alt = "Left: error against the number of blocks taken out. Plain-20 is at chance from two on. Residual-56 with a zero start rises slowly to about 30 percent at twenty blocks, with the usual start to about 85. Right: error against the rank correlation of the new order: low with a zero start, scattered up to 80 percent with the usual one, at chance for the plain net."
    return Drawing(drawing, alt)


@styled
def shares_by_length(new: Sequence[PathLengths], trained: Sequence[PathLengths]) -> Drawing:
    """Share of the gradient by the length of its paths: thin lines are seeds, thick ones their mean."""
    drawing, panels = figure(2, height=4.0)
    first, last = VEIT_BLOCKS
    veit = "sampled paths, as in Veit et al."
    panels[0].axvspan(
        first - 0.5, last + 0.5, color=PAPER, alpha=0.18, linewidth=0, label=f"Veit et al.: {first} to {last}"
    )
    panels[0].set_ylabel("share (%)")
    exact = {kind: (KINDS[kind][0].color, select(trained, KINDS[kind][1].format(56))) for kind in list(KINDS)[1:]}
    for axes, title, curves in (
        (
            panels[0],
            f"residual-{DEPTH}, new",
            {veit: (PLAIN, [net.veit for net in new]), "all paths, exactly": (PAPER, [net.shares for net in new])},
        ),
        (
            panels[1],
            "residual-56, trained",
            {kind: (color, [net.shares for net in nets]) for kind, (color, nets) in exact.items()},
        ),
    ):
        counts = (new if axes is panels[0] else trained)[0].counts
        axes.plot(100 * np.asarray(counts), "--", color=INK, label="number of paths")
        for label, (color, shares) in curves.items():
            percent = 100 * np.asarray(shares)
            axes.plot(percent.T, color=color, linewidth=0.9, alpha=0.35)
            axes.plot(percent.mean(0), color=color, label=label)
        axes.set(
            title=title,
            xlabel="blocks whose branch the path takes",
            ylim=(0, None),
            xlim=(-0.5, min(40, len(counts) - 1)),
        )
    labels = {label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    drawing.legend(list(labels.values()), list(labels), loc="outside lower center", ncols=2, fontsize=9.5)
    alt = "Two panels. New, 54 blocks: the number of paths peaks at 27 branches, sampled shares around 17, exact shares around 10. Trained, 27 blocks: the number of paths peaks between 13 and 14; with a zero start the gradient peaks at one or two branches, with the usual start at about three."
    return Drawing(drawing, alt)


@styled
def lines(recorded: Sequence[Plateau]) -> Drawing:
    """The loss along random directions on a logarithmic axis, one line per seed; gaps where it is not finite."""
    drawing, panels = figure(len(DEPTHS), height=3.8, share_y=True)
    for axes, depth in zip(panels, DEPTHS, strict=True):
        for kind, (look, name) in KINDS.items():
            losses = [np.asarray(run.line, dtype=float) for run in select(recorded, name.format(depth))]
            seed_lines(axes, STEPS, losses, color=look.color, alpha=0.8, label=kind)
        axes.set(title=f"{depth} layers", xlabel="step, in lengths of each filter", yscale="log")
    panels[0].set_ylabel("training loss")
    drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9.5)
    alt = "Two panels of curves over steps from minus one to one. At 20 layers all nets lie in valleys, the widest with a zero start. At 56 layers plain nets have a valley, the least deep of the three, and walls that rise to more than 10,000 beyond half a step; residual nets with the usual start rise to thousands; those with a zero start stay near ten."
    return Drawing(drawing, alt)


@styled
def planes(recorded: Sequence[Plateau]) -> Drawing:
    """The loss over the plane of two random directions, one panel per net, with the same colors and levels."""
    drawing, panels = figure(len(PLANES), height=2.9, share_y=True)
    powers, steps = np.linspace(-3, 5, 33), STEPS[::2]
    better = TwoSlopeNorm(math.log10(math.log(10)), powers[0], powers[-1])  # than guessing, and worse
    for axes, name in zip(panels, PLANES, strict=True):
        (run,) = (run for run in select(recorded, name) if run.seed == PLANE_SEED)
        losses = np.asarray(run.plane, dtype=float).T
        logs = np.log10(np.clip(losses, 10 ** powers[0], 10 ** powers[-1]))  # NaN stays NaN: a hole
        filled = axes.contourf(steps, steps, logs, levels=powers, norm=better, cmap=BETTER_OR_WORSE)
        axes.contour(steps, steps, logs, levels=[better.vcenter], colors=INK, linewidths=1.2)
        axes.plot([0], [0], "+", color=INK)
        axes.set_title(name.replace(", ", ",\n"), fontsize=10)
        axes.set(xlabel="step", xticks=(-1, 0, 1), yticks=(-1, 0, 1), aspect="equal")
        axes.grid(False)
    panels[0].set_ylabel("step")
    bar = drawing.colorbar(filled, ax=panels, ticks=range(-3, 6, 2), label="training loss")
    bar.ax.set_yticks(range(-3, 6, 2), ["0.001", "0.1", "10", "1,000", "100,000"])
    bar.outline.set_edgecolor(INK)
    alt = "Four square maps with a line around the basin in which the loss is below that of a guess. Outside of it the loss climbs to thousands and more around plain-56 and residual-56 with the usual start, to hundreds around plain-20, and to some tens around residual-56 with a zero start."
    return Drawing(drawing, alt)
