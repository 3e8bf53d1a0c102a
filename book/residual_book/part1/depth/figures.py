"""The figures of `book/part1/depth.md`."""

from collections.abc import Sequence
from statistics import fmean

from matplotlib.lines import Line2D

from residual_book.part1.depth import first_steps
from residual_book.part1.depth.cost import DepthCost
from residual_book.part1.depth.experiment import ARMS, SCALES, Run, select, test_error, train_error
from residual_book.part1.depth.first_steps import Steps
from residual_book.part1.depth.signal_size import BLOCKS, STACKS, Signal, theory_growth
from residual_book.style import INK, OTHER, PAPER, PLAIN, RESIDUAL, Drawing, Look, figure, styled

LOOKS = {
    "plain": Look(PLAIN, "o"),
    "original": Look(OTHER[1], "^"),
    "plain, other rate": Look(PLAIN, "X"),
    "original, other rate": Look(OTHER[1], "X"),
    "pre-activation": Look(RESIDUAL, "s"),
    "no norm, scale 1": Look(OTHER[2], "D"),
    "no norm, scale 1/√L": Look(OTHER[0], "v"),
    "no norm, scale 0": Look(INK, "o"),
}
LOST = 100.0  # percent: where nets that diverged are drawn
# He et al. 2016, Table 3: test error on CIFAR-10 in percent, by depth, of bottleneck nets from 164 layers on.
PAPER_ERRORS = {
    "original": {110: 6.61, 164: 5.93, 1001: 7.61},
    "pre-activation": {110: 6.37, 164: 5.46, 1001: 4.92},
}


@styled
def errors_by_depth(runs: Sequence[Run], other_rate: Sequence[Run]) -> Drawing:
    """Training and test errors against depth, of nets with and without batch norm.

    A dot is the test error of one seed, the solid line their mean, the dashed line the mean training error, a cross a
    net that diverged. Lines have a gap at a depth where one did. Of `other_rate` the plain and the original nets are
    drawn.
    """
    drawing, panels = figure(2, height=4.2, share_y=True)
    with_norm = {arm: select(runs, arm) for arm in ARMS if arm not in SCALES}
    with_norm |= {f"{arm}, other rate": select(other_rate, arm) for arm in ("plain", "original")}
    without = {arm: select(runs, arm) for arm in SCALES}
    for axes, title, arms in zip(panels, ("with batch norm", "without"), (with_norm, without), strict=True):
        for shift, (name, nets) in enumerate(arms.items()):
            color, marker = LOOKS[name].color, LOOKS[name].marker
            at = sorted({run.depth for run in nets})
            axes.plot([], [], "-" + marker, color=color, linewidth=1.6, markersize=5, label=name)
            for error, style in ((train_error, "--"), (test_error, "-")):
                means = [fmean(error(run) for run in nets if run.depth == depth) for depth in at]
                axes.plot(at, means, style, color=color, linewidth=1.6)
            for depth in at:
                x = depth * 1.05 ** (shift - 1)  # so that arms do not hide each other
                errors = [run.test_error for run in nets if run.depth == depth and run.test_error is not None]
                lost = sum(run.diverged for run in nets if run.depth == depth)
                axes.plot([x] * len(errors), errors, marker, color=color, alpha=0.75, markersize=5)
                axes.plot([x] * lost, [LOST] * lost, "x", color=color, markersize=8, markeredgewidth=2)
        depths = sorted({run.depth for nets in arms.values() for run in nets})
        axes.set(title=title, xlabel="depth (layers)", xscale="log", ylim=(-3, 150), yticks=range(0, 101, 20))
        axes.set_xticks(depths, [str(depth) for depth in depths])
        axes.minorticks_off()
        axes.legend(fontsize=9, loc="upper left")
    panels[0].set_ylabel("error (%)")
    how = [Line2D([], [], color=INK, ls=line, marker=mark) for line, mark in (("-", ""), ("--", ""), ("", "x"))]
    drawing.legend(how, ("test", "training", "diverged"), loc="outside lower center", ncols=3, fontsize=9.5)
    alt = "Error against depths 8 to 218. With batch norm: the plain net climbs to near 90 percent at 56 layers, the original block to about 80 percent at 218, 20 at the lower rate, the pre-activation block stays near 5 percent. Without: from 56 layers on scale 1 has only crosses and guesses; scale zero starts high at 8 layers, falls to about 11 percent at 56 and ends near 13; scale one over the root of L climbs slowly from 10 to about 20 percent, with one cross at 218."
    return Drawing(drawing, alt)


@styled
def signal_sizes(signals: Sequence[Signal]) -> Drawing:
    """Growth of activations and of gradients through stacks of blocks: one dot per seed; the theory's curves dashed."""
    drawing, panels = figure(2, height=4.0, share_y=True)
    titles = ("activations, last over first", "gradients, first over last")
    for axes, title, field in zip(panels, titles, ("growth", "gradient_growth"), strict=True):
        for arm in STACKS:
            color, marker = LOOKS[arm].color, LOOKS[arm].marker
            for blocks in BLOCKS:
                values = [getattr(s, field) for s in signals if (s.arm, s.blocks) == (arm, blocks)]
                label = arm if blocks == BLOCKS[0] else None
                axes.plot([blocks] * len(values), values, marker, color=color, alpha=0.6, markersize=5, label=label)
            if arm in SCALES:
                at = [BLOCKS[0] * (BLOCKS[-1] / BLOCKS[0]) ** (i / 40) for i in range(41)]
                axes.plot(at, [theory_growth(arm, x) for x in at], "--", color=color, linewidth=1.3)
        axes.set(title=title, xlabel="blocks", xscale="log", yscale="log")
        axes.set_xticks(BLOCKS, [str(blocks) for blocks in BLOCKS])
        axes.minorticks_off()
    panels[0].set_ylabel("growth of the mean square")
    handles = panels[0].get_legend_handles_labels()
    drawing.legend(*handles, loc="outside lower center", ncols=4, fontsize=9, columnspacing=1.2)
    alt = "Two panels with logarithmic axes. Without batch norm and with scale 1, activations and gradients follow the theory's exponential to more than 1e14 at 64 blocks. With batch norm activations grow by hundreds and gradients by ten thousands. With scale one over the root of L both stay near two, with scale zero at one."
    return Drawing(drawing, alt)


@styled
def losses_and_gradients(deep: Sequence[Steps]) -> Drawing:
    """Loss and gradient norm of each block, step by step, one line per seed; a cross where the gradient overflows."""
    drawing, panels = figure(2, height=3.9)
    for arm, color in zip(first_steps.ARMS, (PLAIN, OTHER[1], OTHER[0], RESIDUAL), strict=True):
        runs = first_steps.select(deep, arm)
        for axes, field in zip(panels, ("losses", "gradients"), strict=True):
            lines = [(range(len(values)), values) for values in (getattr(run, field) for run in runs)]
            marker = "x" if all(not run.finite for run in runs) else None
            for i, (steps, values) in enumerate(lines):
                axes.plot(steps, values, marker=marker, color=color, linewidth=1.6, label=None if i else arm)
    for axes, title in zip(panels, ("loss on one batch", "norm of the gradient"), strict=True):
        axes.set(title=title, xlabel="steps", yscale="log")
        axes.minorticks_off()
    panels[0].set_ylabel("cross-entropy")
    panels[0].set_yticks(ticks := [2, 5, 10, 20, 50], [str(tick) for tick in ticks])
    drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9.5)
    alt = "Two panels with logarithmic axes. Loss: the plain net has one point at the first step; the original block rises to a multiple of its start, falls back and creeps; with branches from zero and with pre-activation it falls from the start. Gradient: the plain net has none; the others fall to below ten within a few steps."
    return Drawing(drawing, alt)


@styled
def price_and_return(costs: Sequence[DepthCost]) -> Drawing:
    """Multiply-adds and bytes kept for the backward pass, per image, by depth; beside them the paper's test errors."""
    drawing, (work, memory, error) = figure(3, width=8.2, height=3.5)
    depths = [cost.depth for cost in costs]
    work.plot(depths, [cost.multiply_adds / 1e9 for cost in costs], "o-", color=RESIDUAL)
    work.set(title="multiply-adds (billion)", ylim=(0, None))
    memory.plot(depths, [cost.kept / 1e6 for cost in costs], "o-", color=RESIDUAL)
    memory.set(title="kept for backward (MB)", ylim=(0, None))
    for (block, errors), style in zip(PAPER_ERRORS.items(), ("D--", "o-"), strict=True):
        error.plot(list(errors), list(errors.values()), style, color=PAPER, label=block)
        for depth in (min(errors), max(errors)):
            above = errors[depth] == max(others[depth] for others in PAPER_ERRORS.values())
            first = depth == min(errors)
            error.annotate(
                f"{errors[depth]:.2f}", (depth, errors[depth]), (-5 if first else 0, 5 if above else -15),
                textcoords="offset points", color=INK, ha="right" if first else "center", size=9.5,
            )  # fmt: skip
    error.set(title="He et al. 2016, Table 3:\ntest error (%)", ylim=(4, 9.2))
    error.legend(fontsize=9, loc="upper left")
    for axes in (work, memory, error):
        axes.set(xlabel="depth (layers)", xlim=(-150, 1150))
        axes.set_xticks([0, 500, 1000], ["0", "500", "1,000"])
    alt = "Three panels against depth. Multiply-adds and memory rise in straight lines to 1,004 layers. In the paper the test error of pre-activation nets falls from 6.37 at 110 layers to 5.46 at 164 and 4.92 at 1,001; with the original block it ends higher, at 7.61."
    return Drawing(drawing, alt)
