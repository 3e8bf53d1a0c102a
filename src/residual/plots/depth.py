"""The figures of `book/part1/depth.md`."""

from collections.abc import Callable, Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from residual.plots import INK, OTHER, PAPER, PLAIN, RESIDUAL, figure, styled

LOOKS = {  # color and marker of each arm
    "plain": (PLAIN, "o"),
    "original": (OTHER[1], "^"),
    "original, lower rate": (OTHER[1], "X"),
    "pre-activation": (RESIDUAL, "s"),
    "no norm, scale 1": (OTHER[2], "D"),
    "no norm, scale 1/√L": (OTHER[0], "v"),
    "no norm, scale 0": (INK, "o"),
}
LOST = 100.0  # percent: where nets that diverged are drawn
Errors = Mapping[int, Sequence[float | None]]  # depth -> percent, one a seed, None where the net diverged


@styled
def errors_by_depth(panels: Mapping[str, Mapping[str, tuple[Errors, Errors]]]) -> Figure:
    """Training and test errors against depth: a panel a title, a color an arm.

    A dot is the test error of one seed, the solid line their mean, the dashed line the mean training error, a cross a
    net that diverged. Lines have a gap at a depth where one did.
    """
    drawing, axes_of = figure(len(panels), height=4.2, share_y=True)
    for axes, (title, arms) in zip(axes_of, panels.items(), strict=True):
        depths = sorted({depth for _, test in arms.values() for depth in test})
        for shift, (name, (train, test)) in enumerate(arms.items()):
            color, marker = LOOKS[name]
            axes.plot([], [], "-" + marker, color=color, linewidth=1.6, markersize=5, label=name)
            for errors, style in ((train, "--"), (test, "-")):
                at = sorted(errors)
                axes.plot(at, [_mean(errors[d]) for d in at], style, color=color, linewidth=1.6)
            for depth, errors_here in test.items():
                lost = sum(error is None for error in errors_here)
                left = [error for error in errors_here if error is not None]
                place = depth * 1.05 ** (shift - 1)  # so that arms do not hide each other
                axes.plot([place] * len(left), left, marker, color=color, alpha=0.75, markersize=5)
                axes.plot([place] * lost, [LOST] * lost, "x", color=color, markersize=8, markeredgewidth=2)
        axes.set(title=title, xlabel="depth (layers)", xscale="log", ylim=(-3, 150), yticks=range(0, 101, 20))
        axes.set_xticks(depths, [str(d) for d in depths])
        axes.minorticks_off()
        axes.legend(fontsize=9, loc="upper left")
    axes_of[0].set_ylabel("error (%)")
    how = (
        Line2D([], [], color=INK),
        Line2D([], [], color=INK, linestyle="--"),
        Line2D([], [], color=INK, marker="x", ls=""),
    )
    drawing.legend(how, ("test", "training", "diverged"), loc="outside lower center", ncols=3, fontsize=9.5)
    return drawing


def _mean(errors: Sequence[float | None]) -> float:
    left = [error for error in errors if error is not None]
    return sum(left) / len(left) if len(left) == len(errors) else float("nan")


@styled
def signal_sizes(
    forward: Mapping[str, Mapping[int, Sequence[float]]],
    backward: Mapping[str, Mapping[int, Sequence[float]]],
    theory: Mapping[str, Callable[[float], float]],
) -> Figure:
    """Growth of activations and of gradients through stacks of blocks: a dot a seed; a theory's curve, dashed.

    Args:
        forward: of activations; arm -> blocks -> a number a seed.
        backward: the same of gradients, on their way back.
        theory: of some arms, the growth for a number of blocks.
    """
    drawing, axes_of = figure(2, height=4.0, share_y=True)
    titles = ("activations, last over first", "gradients, first over last")
    for axes, title, arms in zip(axes_of, titles, (forward, backward), strict=True):
        for name, sizes in arms.items():
            color, marker = LOOKS[name]
            for blocks, values in sizes.items():
                label = name if blocks == min(sizes) else None
                axes.plot(
                    [blocks] * len(values), values, marker, color=color, alpha=0.6, markersize=5, ls="", label=label
                )
            if name in theory:
                at = [min(sizes) * (max(sizes) / min(sizes)) ** (i / 40) for i in range(41)]
                axes.plot(at, [theory[name](x) for x in at], "--", color=color, linewidth=1.3)
        axes.set(title=title, xlabel="blocks", xscale="log", yscale="log")
        axes.set_xticks(sorted(sizes), [str(blocks) for blocks in sorted(sizes)])
        axes.minorticks_off()
    axes_of[0].set_ylabel("growth of the mean square")
    drawing.legend(
        *axes_of[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9, columnspacing=1.2
    )
    return drawing


@styled
def first_steps(losses: Sequence[Sequence[float]], gradients: Sequence[Sequence[float]]) -> Figure:
    """Loss and gradient norm of one net, step by step, a line a seed."""
    drawing, axes_of = figure(2, height=3.4)
    for axes, title, runs in zip(
        axes_of, ("loss on one batch", "norm of the gradient"), (losses, gradients), strict=True
    ):
        for values in runs:
            axes.plot(values, color=RESIDUAL, linewidth=1.6, alpha=0.85)
        axes.set(title=title, xlabel="steps", ylim=(0, None), xticks=range(0, max(map(len, runs)) + 1, 5))
    axes_of[0].set_ylabel("cross-entropy")
    return drawing


@styled
def price_and_return(
    multiply_adds: Mapping[int, int], kept: Mapping[int, int], published: Mapping[str, Mapping[int, float]]
) -> Figure:
    """Multiply-adds and bytes kept for the backward pass, an image, by depth; beside them a paper's test errors."""
    drawing, (work, memory, error) = figure(3, width=8.2, height=3.5)
    for axes, title, values, unit in (
        (work, "multiply-adds (billion)", multiply_adds, 1e9),
        (memory, "kept for backward (MB)", kept, 1e6),
    ):
        axes.plot(list(values), [value / unit for value in values.values()], "o-", color=RESIDUAL)
        axes.set(title=title, ylim=(0, None))
    for (block, errors), style in zip(published.items(), ("D--", "o-"), strict=True):
        error.plot(list(errors), list(errors.values()), style, color=PAPER, label=block)
        for depth in (min(errors), max(errors)):
            above = errors[depth] == max(others[depth] for others in published.values())
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
    return drawing
