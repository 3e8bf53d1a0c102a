"""The figures of `book/part2/next.md`."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from residual.claims import HasInterval
from residual.plots import INK, OTHER, PAPER, PLAIN, RESIDUAL, figure, styled

ARMS = {
    "plain": PLAIN,
    "original": OTHER[1],
    "original, branches start at zero": OTHER[0],
    "pre-activation": RESIDUAL,
}


@styled
def field_and_growth(
    energy: Tensor,
    sides: Mapping[str, tuple[int, str]],
    within: Mapping[str, Sequence[Sequence[float]]],
    gaussian: Mapping[str, Sequence[float]],
) -> Figure:
    """A field (H, W), with named squares around its middle; beside it, what share lies within a square, by its side.

    Args:
        energy: of one net, drawn over its largest value.
        sides: of the squares, in pixels, with the line style of each.
        within: share in the square of side 1, 3, 5, ...; nets by name, a line a seed.
        gaussian: the same of a Gaussian, dashed.
    """
    drawing, (left, right) = figure(2, height=3.7)
    half = len(energy) // 2
    left.imshow(
        (energy / energy.max()).sqrt().numpy(),
        cmap="Blues",
        extent=(-half - 0.5, half + 0.5) * 2,
        interpolation="nearest",
    )
    for name, (side, style) in sides.items():
        left.add_patch(Rectangle((-side / 2, -side / 2), side, side, fill=False, color=PLAIN, linestyle=style, lw=1.6))
        left.text(0, side / 2 - 6, name, color="black", ha="center", va="top", fontsize=8.5)
    left.grid(False)
    left.set(title="gradient at each pixel", xlabel="pixels from the middle")
    for (name, runs), color in zip(within.items(), (RESIDUAL, PLAIN), strict=True):
        x = 2 * np.arange(len(runs[0])) + 1
        for i, values in enumerate(runs):
            right.plot(x, values, color=color, linewidth=1.4, alpha=0.8, label=name if i == 0 else None)
        right.plot(x, gaussian[name], "--", color=color, linewidth=1.2, label=f"{name}, Gaussian")
    right.axhline(0.95, color=INK, linewidth=1, linestyle=":")
    right.set(title="share within a square", xlabel="side of the square (pixels)", ylim=(0, 1.03), xlim=(0, 450))
    right.legend(fontsize=9, loc="lower right")
    return drawing


@styled
def errors_by_size(
    panels: Mapping[str, Mapping[str, Mapping[int, HasInterval]]],
    seeds: Mapping[str, Mapping[str, Sequence[Mapping[int, float]]]],
) -> Figure:
    """Test error against the size of the images: a panel a way of testing, a line a way of training, a dot a seed."""
    drawing, axes_of = figure(len(panels), height=3.6, share_y=True)
    colors = {
        "trained at one size": PLAIN,
        "trained at mixed sizes": RESIDUAL,
        "one size, images brought back": OTHER[0],
    }
    markers = dict(zip(colors, "osv", strict=True))
    for axes, (title, lines) in zip(axes_of, panels.items(), strict=True):
        for name, line in lines.items():
            sizes = list(line)
            axes.plot(sizes, [line[s].estimate for s in sizes], color=colors[name], label=name)
            for run in seeds[title][name]:
                axes.plot(sizes, [run[s] for s in sizes], markers[name], color=colors[name], alpha=0.7, markersize=4.5)
        axes.set(title=title, xlabel="size of the test images (pixels)", xticks=sizes, ylim=(-3, 103))
    axes_of[0].set_ylabel("error (%)")
    drawing.legend(*axes_of[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    return drawing


@styled
def parameters_by_part(shares: Mapping[str, Mapping[str, float]]) -> Figure:
    """A bar a network, divided into the parts' shares of its parameters in percent; shares from 10 % on are written."""
    drawing, (axes,) = figure(height=3.2)
    colors = {
        "stem": INK,
        "stage 1": OTHER[2],
        "stage 2": OTHER[0],
        "stage 3": RESIDUAL,
        "stage 4": PLAIN,
        "head": PAPER,
    }
    for row, parts in enumerate(shares.values()):
        left = 0.0
        for part, share in parts.items():
            axes.barh(row, share, 0.7, left=left, color=colors[part], label=part if row == 0 else None)
            if share >= 10:
                axes.text(left + share / 2, row, f"{share:.0f}", color="white", ha="center", va="center", weight="bold")
            left += share
    axes.set(xlabel="share of the parameters (%)", xlim=(0, 100), ylim=(len(shares) - 0.5, -0.5))
    axes.set_yticks(range(len(shares)), list(shares))
    axes.grid(visible=False)
    drawing.legend(
        *axes.get_legend_handles_labels(), loc="outside upper center", ncols=6, fontsize=9, columnspacing=1.2
    )
    return drawing


@styled
def depth(published: Mapping[str, Mapping[int, float]], losses: Mapping[str, Sequence[Sequence[float]]]) -> Figure:
    """The paper's test errors by depth and block; beside them losses, a line a seed, on a logarithmic axis."""
    drawing, (left, right) = figure(2, height=4.0)
    for (block, errors), style in zip(published.items(), ("D--", "o-"), strict=True):
        place = range(len(errors))
        left.plot(place, list(errors.values()), style, color=PAPER, label=block)
        left.set_xticks(place, [f"{d:,}" for d in errors])
        for x, error in zip(place, errors.values(), strict=True):
            above = error == max(e[list(errors)[x]] for e in published.values())
            left.annotate(
                f"{error:.2f}", (x, error), (0, 8 if above else -16), textcoords="offset points", ha="center",
                color=INK, fontsize=9.5,
            )  # fmt: skip
    left.set(
        title="He et al. 2016, Table 3:\nCIFAR-10 test error",
        xlabel="depth (layers)",
        ylabel="error (%)",
        ylim=(4, 8.3),
    )
    left.set_xlim(-0.4, 2.4)
    left.legend(fontsize=9.5)
    for name, runs in losses.items():
        for i, values in enumerate(runs):
            marker = "x" if len(values) == 1 else None
            right.plot(values, marker=marker, color=ARMS[name], linewidth=1.6, label=name if i == 0 else None)
    right.set(title="here: loss on one batch", xlabel="steps", ylabel="cross-entropy", yscale="log", ylim=(1.2, None))
    right.set_yticks(ticks := [2, 5, 10, 20, 50, 100], [str(tick) for tick in ticks])
    right.minorticks_off()
    drawing.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    return drawing
