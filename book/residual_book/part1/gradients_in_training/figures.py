"""The figures of `book/part1/gradients-in-training.md`."""

from collections.abc import Callable, Sequence
from itertools import product

from matplotlib.axes import Axes

from residual_book.part1.gradients_in_training import along_training, normalized_steps
from residual_book.part1.gradients_in_training.along_training import over_seeds
from residual_book.part1.gradients_in_training.normalized_steps import NETS, RATES, best_rate, compared, tried
from residual_book.stats import mean_over
from residual_book.style import INK, OTHER, PLAIN, RESIDUAL, Drawing, Look, band, figure, styled

LOOKS = {
    "plain-56": Look(PLAIN, "o"),
    "residual-56": Look(RESIDUAL, "s"),
    "plain-20": Look(OTHER[1], "^"),
    "plain-56, a tenth of the rate": Look(OTHER[2], "v"),
    "residual-56, zero start": Look(OTHER[0], "D"),
}
MOVED = tuple(arm for arm in LOOKS if "zero" not in arm)  # a zeroed branch passes no gradient to its weights at first


@styled
def along(runs: Sequence[along_training.Run]) -> Drawing:
    """The gradient's ratio, first block over last, step by step, and beside it the loss."""
    drawing, (left, right) = figure(2, width=8.2, height=4.2)
    left.axhline(1, color=INK, linewidth=1, linestyle=":")
    for arm in (arm for arm in LOOKS if along_training.select(runs, arm)):
        _over_steps(left, runs, arm, lambda run: run.ratios, LOOKS[arm], label=arm)
        _over_steps(right, runs, arm, lambda run: run.losses, LOOKS[arm], label=arm)
    left.set(title="Gradient, first block over last", xlabel="step", yscale="log")
    right.set(title="Loss", xlabel="step", yscale="log")
    drawing.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9.5)
    alt = "Two panels over 88 steps. Left, the ratio of gradients on a logarithmic axis: plain-56 starts in the thousands at both rates, and is near one after some thirty steps, where the other nets are too. Right, the loss: plain-20 and nets with skips fall far; plain-56 stays near where it was at both rates."
    return Drawing(drawing, alt)


@styled
def sizes_and_moves(runs: Sequence[along_training.Run]) -> Drawing:
    """Left, the gradient at both ends of plain-56; right, how far a step moves the first layer and how far the last."""
    drawing, (left, right) = figure(2, width=8.2, height=4.2)
    color = LOOKS["plain-56"].color
    _over_steps(left, runs, "plain-56", lambda run: run.first, Look(color, "o"), label="first block")
    _over_steps(left, runs, "plain-56", lambda run: run.last, Look(INK, "s"), label="last block")
    left.set(title="plain-56: norm of the gradient", xlabel="step", yscale="log")
    left.legend()
    right.axhline(1, color=INK, linewidth=1, linestyle=":")
    for arm in (arm for arm in MOVED if along_training.select(runs, arm)):
        _over_steps(right, runs, arm, lambda run: run.weight_ratios, LOOKS[arm], label=arm)
    right.set(title="Relative step, first layer over last", xlabel="step", yscale="log")
    drawing.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9.5)
    alt = "Two panels over 88 steps, both logarithmic. Left, plain-56: the gradient at the first block falls by three orders of magnitude onto that at the last block, which is level. Right, how far a step moves the first layer beside the last: from thousands in plain-56 to below a tenth within some ten steps, or thirty at a tenth of the rate, where it stays. The medians of plain-20 and residual-56 stay above one."
    return Drawing(drawing, alt)


@styled
def losses_by_rate(runs: Sequence[normalized_steps.Run]) -> Drawing:
    """The loss in the last epoch against the rate, for ordinary and normalized steps."""
    drawing, (axes,) = figure(height=4.4)
    for net, (steps, (line, marker)) in product(NETS, zip(RATES, (("-", "o"), ("--", "s")), strict=True)):
        means = {
            rate: mean_over([run for run in tried(runs, net, steps) if run.peak_lr == rate], lambda run: run.batch_loss)
            for rate in RATES[steps]
        }
        color = LOOKS[net].color
        axes.plot([*means], [mean.estimate for mean in means.values()], line, color=color)
        losses = [run.batch_loss for run in compared(runs, net, steps)]
        at = [best_rate(runs, net, steps)] * len(losses)
        axes.plot(at, losses, marker, color=color, alpha=0.8, label=f"{net}, {steps} steps")
    axes.set(xlabel="peak rate", ylabel="loss in the last epoch", xscale="log", yscale="log")
    drawing.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9.5)
    alt = "Loss in the last epoch against the peak rate, both logarithmic. Plain-56 stays near two with ordinary and with normalized steps, at every rate. Residual-56 is below a tenth with either kind at its lower rates, and rises with the rate."
    return Drawing(drawing, alt)


def _over_steps(
    axes: Axes,
    runs: Sequence[along_training.Run],
    arm: str,
    value: Callable[[along_training.Run], Sequence[float]],
    look: Look,
    *,
    label: str,
) -> None:
    """The median of `value` over an arm's seeds against the step, with its interval."""
    band(axes, along_training.select(runs, arm)[0].steps, over_seeds(runs, arm, value), look, label=label)
