"""The figures of `book/part1/gradient-flow.md`."""

from collections.abc import Sequence

import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure

from residual_book.claims import number
from residual_book.part1.gradient_flow.experiment import CLASSROOM, THEORY, Run, fitted_factor, per_layer, ratio, select
from residual_book.style import INK, OTHER, PLAIN, RESIDUAL, Drawing, Look, band, figure, styled, table

LOOKS = {
    "plain, default init": Look(PLAIN, "o"),
    "plain, He init": Look(OTHER[2], "D"),
    "batch norm, no skip": Look(OTHER[1], "^"),
    "skip, no norm": Look(OTHER[0], "v"),
    "batch norm and skip": Look(RESIDUAL, "s"),
    "plain": Look(PLAIN, "o"),
    "residual": Look(RESIDUAL, "s"),
    "residual, last gamma zero": Look(OTHER[0], "D"),
}


@styled
def weight_gradients(runs: Sequence[Run]) -> Drawing:
    """Weight gradients of ten layers, plain and with skips: thin lines are seeds, thick ones their medians."""
    drawing, (axes,) = figure(height=3.6)
    for net in ("plain, default init", "skip, no norm"):
        look, layers = LOOKS[net], range(1, 11)
        seeds = [[weight / run.weights[-1] for weight in run.weights] for run in select(runs, net, 10)]
        axes.plot(layers, np.transpose(seeds), color=look.color, alpha=0.25, linewidth=1)
        middle = [sorted(weights)[len(weights) // 2] for weights in zip(*seeds, strict=True)]
        axes.plot(layers, middle, marker=look.marker, markersize=5, color=look.color, label=net)
    axes.set(xlabel="layer (1 is next to the input)", ylabel="weight gradient, last layer = 1", yscale="log")
    axes.legend()
    alt = "Weight gradients of ten layers on a logarithmic axis. The plain net's fall from the last layer to about the fourth, by two orders of magnitude, and are level from there to the first. The net with skips stays near one."
    return Drawing(drawing, alt)


@styled
def ratios_of_mlps(runs: Sequence[Run]) -> Drawing:
    """The gradient at the first layer over that at the last, against depth."""
    alt = "Ratio of first to last gradient against depths up to 50 on a logarithmic axis. Plain with default initialization falls in a straight line; plain with He initialization stays near one; batch norm without skip and skip without norm rise in straight lines; batch norm with skip rises little."
    return Drawing(_ratios(runs, "gradient, first over last layer"), alt)


@styled
def ratios_of_cifar_nets(runs: Sequence[Run]) -> Drawing:
    """The gradient at the first block over that at the last, against depth."""
    alt = "Ratio against depths 20, 56 and 110 on a logarithmic axis. Plain nets rise from about ten to millions. Residual nets rise from about four to a few tens. With the last batch-norm weights at zero the ratio is level, below one."
    return Drawing(_ratios(runs, "gradient, first over last block"), alt)


def _ratios(runs: Sequence[Run], ylabel: str) -> Figure:
    """The median of each net with its interval against depth, on a logarithmic axis; 1 is marked."""
    depths = sorted({run.depth for run in runs})
    drawing, (axes,) = figure(height=4.0)
    axes.axhline(1, color=INK, linewidth=1, linestyle=":")
    for net in dict.fromkeys(run.net for run in runs):
        medians = [ratio(runs, net, depth) for depth in depths]
        band(axes, depths, medians, LOOKS[net], label=net)
    axes.set(xlabel="depth (layers)", ylabel=ylabel, yscale="log", xticks=depths)
    axes.legend(fontsize=9.5)
    return drawing


@styled
def factors(wide: Sequence[Run]) -> Drawing:
    """The fitted factor per layer with its interval, and the theory's; one row per net."""
    drawing, (axes,) = figure(height=2.8)
    axes.axvline(1, color=INK, linewidth=1, linestyle=":")
    for row, (net, theory) in enumerate(THEORY.items()):
        factor, color = fitted_factor(wide, net), LOOKS[net].color
        label = "theory" if row == 0 else None
        axes.plot([theory], [row], "|", color=INK, markersize=22, markeredgewidth=2, label=label)
        axes.plot([factor.low, factor.high], [row, row], color=color, linewidth=4, solid_capstyle="butt")
        axes.plot([factor.estimate], [row], LOOKS[net].marker, color=color)
        text, point = f"{factor.estimate:.3f}", (factor.estimate, row)
        axes.annotate(text, point, xytext=(12, 8), textcoords="offset points", color=INK)
    axes.set(xlabel="factor per layer, toward the input", ylim=(len(THEORY) - 0.4, -0.7), xlim=(0.3, 1.42))
    axes.set_yticks(range(len(THEORY)), list(THEORY))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1))  # above the rows, where it is no data
    alt = "Three rows. The fitted factor of each plain net lies on the value that theory gives: near 0.41 for the default initialization, near 1 for He's, near 1.21 with batch norm."
    return Drawing(drawing, alt)


def fifty_layers(runs: Sequence[Run], cifar_runs: Sequence[Run]) -> Markdown:
    """The factor per layer of nets before training, and what it makes of a gradient of size one in fifty layers."""
    nets = {
        "the popular example": CLASSROOM,
        **{f"fully connected, {net}": per_layer(runs, net, 50).estimate for net in THEORY},
        **{f"{net}-56": per_layer(cifar_runs, net, 56).estimate for net in ("plain", "residual")},
    }
    return table(
        ["Net", "Factor per layer", "Its 50th power"], [(net, f"{x:.3f}", number(x**50)) for net, x in nets.items()]
    )
