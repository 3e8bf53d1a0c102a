"""The figures of `book/primers/convolutions.md`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from residual.plots import INK, OTHER, PAPER, PLAIN, RESIDUAL, figure, styled
from residual.plots.grids import numbers, picture

Array = NDArray[np.float64]


@styled
def under_kernels(image: Array, kernels: Mapping[str, Array], responses: Mapping[str, Array]) -> Figure:
    """An image (H, W); kernels by name in a row, and below each one what it makes of the image."""
    drawing = Figure(figsize=(7.2, 3.4))
    panels = drawing.subplots(2, len(kernels) + 1, squeeze=False)
    panels[0, 0].axis("off")
    picture(panels[1, 0], image)
    panels[1, 0].set_title("image", fontsize=10)
    for (name, kernel), (above, below) in zip(kernels.items(), panels.T[1:], strict=True):
        numbers(above, kernel, digits=0 if np.all(kernel == np.round(kernel)) else 2)
        above.set_title(name, fontsize=10)
        picture(below, responses[name], signed=True)
    return drawing


@dataclass(frozen=True)
class Windows:
    """A window's places on a square image: its own side and the image's, and the side of the output that came out."""

    size: int
    kernel: int
    stride: int
    padding: int
    output: int


@styled
def window_places(cases: Mapping[str, Windows]) -> Figure:
    """A panel a case: pixels, padding dotted, a dot at the middle of each window; the first and last are drawn."""
    drawing, panels = figure(len(cases), height=2.9)
    for axes, (title, case) in zip(panels, cases.items(), strict=True):
        for i, j in np.ndindex(case.size + 2 * case.padding, case.size + 2 * case.padding):
            row, column = i - case.padding, j - case.padding
            inside = 0 <= row < case.size and 0 <= column < case.size
            axes.add_patch(
                Rectangle(
                    (column, row), 1, 1, facecolor=RESIDUAL if inside else "none", alpha=0.18 if inside else 1,
                    edgecolor="none",
                )
            )  # fmt: skip
            axes.add_patch(
                Rectangle(
                    (column, row), 1, 1, fill=False, edgecolor=INK, linewidth=0.6, alpha=0.5,
                    linestyle="-" if inside else ":",
                )
            )  # fmt: skip
        starts = [case.stride * n - case.padding for n in range(case.output)]
        middles = [start + case.kernel / 2 for start in starts]
        axes.plot(*np.meshgrid(middles, middles), "o", color=PLAIN, markersize=5)
        for start, style in ((starts[0], "-"), (starts[-1], "--")):
            axes.add_patch(
                Rectangle((start, start), case.kernel, case.kernel, fill=False, edgecolor=PLAIN, lw=2, linestyle=style)
            )
        limit = case.size + 1.15
        axes.set(title=title, xlim=(-1.15, limit), ylim=(limit, -1.15), aspect="equal")
        axes.axis("off")
    return drawing


@styled
def channel_sum(channels: Sequence[Array], parts: Sequence[Array], total: Array) -> Figure:
    """Channels in a row, below each one what its own slice of the kernel makes of it, and their sum."""
    drawing = Figure(figsize=(7.2, 3.1))
    panels = drawing.subplots(2, len(channels) + 1, squeeze=False)
    for i, (channel, part) in enumerate(zip(channels, parts, strict=True)):
        picture(panels[0, i], channel)
        panels[0, i].set_title(f"channel {i + 1}")
        picture(panels[1, i], part, signed=True)
        sign = "=" if i == len(parts) - 1 else "+"
        panels[1, i].text(1.12, 0.5, sign, transform=panels[1, i].transAxes, ha="center", va="center", fontsize=15)
    panels[0, -1].axis("off")
    picture(panels[1, -1], total, signed=True)
    panels[1, -1].set_title("output")
    panels[1, 0].set_ylabel("filtered")
    return drawing


@styled
def pooled(image: Array, results: Mapping[str, Array]) -> Figure:
    """A map (H, W) with its 2x2 windows outlined, and what each kind of pooling makes of it, in numbers."""
    drawing, (left, *others) = figure(len(results) + 1, height=2.6)
    numbers(left, image, digits=0)
    left.set_title("map")
    for i, j in np.ndindex(image.shape[0] // 2, image.shape[1] // 2):
        left.add_patch(Rectangle((2 * j - 0.5, 2 * i - 0.5), 2, 2, fill=False, edgecolor="black", linewidth=1.6))
    for axes, (name, values) in zip(others, results.items(), strict=True):
        numbers(axes, values, digits=0 if np.all(values == np.round(values)) else 2, size=11)
        axes.set_title(name)
    return drawing


@styled
def shift_errors(errors: Mapping[str, Sequence[float]]) -> Figure:
    """A row a layer and shift, a dot a seed: distance between shifting before and shifting after."""
    drawing, (axes,) = figure(height=3.0)
    for row, values in enumerate(errors.values()):
        exact = max(values) < 1e-9
        axes.plot(values, [row] * len(values), "o", color=RESIDUAL if exact else PLAIN, alpha=0.7)
        if exact:
            axes.text(0.06, row, "exact", va="center", color=INK)
    axes.set(xlabel="relative distance", xlim=(-0.05, None), ylim=(len(errors) - 0.5, -0.5))
    axes.set_yticks(range(len(errors)), list(errors))
    return drawing


@styled
def normalized(before: Array, after: Array, gaps: Sequence[Mapping[int, float]]) -> Figure:
    """Distributions of channels (channels, values) before and after batch norm; evaluation against training mode.

    `gaps` has, for every seed, the distance between the modes by the number of batches seen.
    """
    drawing = Figure(figsize=(7.2, 3.0))
    left, middle, right = drawing.subplots(1, 3, width_ratios=[1, 1, 1.2])
    for axes, values, title in ((left, before, "before"), (middle, after, "after")):
        edges = np.linspace(-12, 12, 49) if axes is left else np.linspace(-3, 3, 49)
        for channel, color in zip(values, (PLAIN, RESIDUAL, *OTHER), strict=False):
            axes.hist(channel, bins=list(edges), density=True, histtype="step", color=color, linewidth=1.3)
        axes.set(title=title, xlabel="value", yticks=[])
    for line in gaps:
        right.plot([n + 1 for n in line], list(line.values()), "o-", color=PAPER, alpha=0.5, linewidth=1, markersize=4)
    right.set(title="evaluation off training by", xlabel="batches seen", xscale="log", yscale="log")
    right.set_xticks([n + 1 for n in gaps[0]], [str(n) for n in gaps[0]])
    right.minorticks_off()
    right.set_yticks(ticks := [0.01, 0.1, 1, 10], [f"{100 * tick:g} %" for tick in ticks])
    return drawing


@styled
def weights_by_layers(weights: Mapping[str, int], sees: Mapping[str, str]) -> Figure:
    """A bar a way of connecting two maps, on a logarithmic axis: its weights, and what an output sees. Both by name."""
    drawing, (axes,) = figure(height=2.8)
    for row, (name, count) in enumerate(weights.items()):
        color = RESIDUAL if name.startswith("3x3") else PAPER if "connected" in name else PLAIN
        axes.barh(row, count, height=0.62, color=color)
        axes.annotate(
            f"{count:,}, sees {sees[name]}", (count, row), (5, 0), textcoords="offset points", va="center", fontsize=10
        )
    axes.set(xscale="log", xlim=(1e4, 3e9), ylim=(len(weights) - 0.4, -0.6), xlabel="weights")
    axes.set_yticks(range(len(weights)), list(weights))
    axes.set_xticks(ticks := [10**n for n in range(4, 8)], [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.grid(visible=False, axis="y")
    return drawing
