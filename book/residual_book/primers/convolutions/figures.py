"""The figures and the table of `book/primers/convolutions.md`."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from residual.probes.cost import Cost
from residual_book.grids import numbers, picture
from residual_book.primers.convolutions.arithmetic import KERNELS, Array, convolve, output_size, pool
from residual_book.primers.convolutions.layers import Normed, View
from residual_book.sights import sights, weight_bars
from residual_book.style import (
    INK,
    OTHER,
    PAPER,
    PLAIN,
    RESIDUAL,
    Drawing,
    dots_by_row,
    figure,
    narrow,
    sheet,
    styled,
    table,
)


@styled
def under_kernels(image: Array, responses: Mapping[str, Array]) -> Drawing:
    """An image (H, W); kernels in a row, and below each one what it makes of the image."""
    drawing = sheet(height=3.4, stacked=7.6)
    across = len(KERNELS) + 1
    panels = drawing.subplots(across, 2).T if narrow() else drawing.subplots(2, across)
    panels[0, 0].axis("off")
    picture(panels[1, 0], image)
    panels[1, 0].set_title("image", fontsize=10)
    for (name, kernel), (above, below) in zip(KERNELS.items(), panels.T[1:], strict=True):
        numbers(above, kernel, digits=0 if np.all(kernel == np.round(kernel)) else 2)
        above.set_title(name, fontsize=10)
        picture(below, responses[name], signed=True)
        _outline(below, image)
    alt = "A digit three and four kernels of nine numbers. Below each kernel what it makes of the digit, under the digit's outline: its left and right edges, upper and lower edges, a blurred digit, and all of its edges."
    return Drawing(drawing, alt)


def _outline(axes: Axes, image: Array) -> None:
    """The outline of an image (H, W) over a response that lacks one pixel on each side, in the place it was made from."""
    height, width = image.shape
    axes.contour(
        np.arange(width) - 1, np.arange(height) - 1, image, levels=[image.max() / 2], colors="black", linewidths=1
    )
    axes.set(xlim=(-1.5, width - 1.5), ylim=(height - 1.5, -1.5))


@styled
def window_places(steps: Sequence[tuple[int, int]]) -> Drawing:
    """One panel per stride and padding: 6x6 pixels and their padding, dotted, under a 3x3 window.

    A dot is the middle of a window; the first one and the last one are drawn.
    """
    size, kernel = 6, 3
    drawing, panels = figure(len(steps), height=2.9, beside=2.0)
    for axes, (stride, padding) in zip(panels, steps, strict=True):
        for row, column in np.ndindex(size + 2 * padding, size + 2 * padding):
            corner = column - padding, row - padding
            inside = min(corner) >= 0 and max(corner) < size
            color, alpha, line = (RESIDUAL, 0.18, "-") if inside else ("none", 1, ":")
            _square(axes, corner, facecolor=color, alpha=alpha, edgecolor="none")
            _square(axes, corner, fill=False, edgecolor=INK, linewidth=0.6, alpha=0.5, linestyle=line)
        output = output_size(size, kernel, stride=stride, padding=padding)
        starts = [stride * n - padding for n in range(output)]
        middles = [start + kernel / 2 for start in starts]
        axes.plot(*np.meshgrid(middles, middles), "o", color=PLAIN, markersize=5)
        for start, line in ((starts[0], "-"), (starts[-1], "--")):
            _square(axes, (start, start), kernel, fill=False, edgecolor=PLAIN, linewidth=2, linestyle=line)
        title = f"stride {stride}, padding {padding}:\n{size}x{size} to {output}x{output}"
        axes.set(title=title, xlim=(-1.15, size + 1.15), ylim=(size + 1.15, -1.15), aspect="equal")
        axes.axis("off")
    alt = "Three grids of six by six pixels. Without padding there are four by four places. With one pixel of padding there are six by six. With stride two there are three by three."
    return Drawing(drawing, alt)


def _square(axes: Axes, corner: tuple[float, float], side: float = 1, **look: object) -> None:
    axes.add_patch(Rectangle(corner, side, side, **look))  # type: ignore[arg-type]  # options of several types


@styled
def channel_sum(responses: Mapping[str, Array]) -> Drawing:
    """Three channels in a row, below each one what its own slice of a random kernel makes of it, and their sum."""
    edges = [np.maximum(responses[name], 0) for name in ("vertical edges", "horizontal edges")]
    channels = np.stack([*edges, responses["blur"]])
    kernel = np.random.default_rng(0).normal(size=(1, 3, 3, 3))
    drawing = sheet(height=3.1, stacked=2.2)
    panels = drawing.subplots(2, 4, squeeze=False)
    for i, sign in enumerate("++="):
        picture(panels[0, i], channels[i])
        panels[0, i].set_title(f"channel {i + 1}")
        picture(panels[1, i], convolve(channels[i : i + 1], kernel[:, i : i + 1], padding=1)[0], signed=True)
        panels[1, i].text(1.12, 0.5, sign, transform=panels[1, i].transAxes, ha="center", va="center", fontsize=15)
    panels[0, -1].axis("off")
    picture(panels[1, -1], convolve(channels, kernel, padding=1)[0], signed=True)
    panels[1, -1].set_title("output")
    panels[1, 0].set_ylabel("filtered")
    alt = "Three maps in a row; below each a filtered version; plus signs between them and an equals sign before a fourth map, their sum."
    return Drawing(drawing, alt)


@styled
def pooled(response: Array) -> Drawing:
    """A map (6, 6), tripled to whole numbers, with its 2x2 windows outlined, and what pooling makes of it."""
    tripled = np.round(3 * response)
    drawing, (left, *others) = figure(3, height=2.6)
    numbers(left, tripled, digits=0)
    left.set_title("map")
    for i, j in np.ndindex(3, 3):
        _square(left, (2 * j - 0.5, 2 * i - 0.5), 2, fill=False, edgecolor="black", linewidth=1.6)
    results = {"max pooling": pool(tripled, np.max), "average pooling": pool(tripled, np.mean)}
    for axes, (name, values), digits in zip(others, results.items(), (0, 2), strict=True):
        numbers(axes, values, digits=digits, size=11)
        axes.set_title(name)
    alt = "A grid of six by six numbers divided into nine windows; a grid of the nine maxima; a grid of the nine means."
    return Drawing(drawing, alt)


@styled
def shift_errors(shifts: Sequence[Mapping[str, float]]) -> Drawing:
    """One row per layer and shift, one dot per seed: distance between shifting before and shifting after."""
    drawing, (axes,) = figure(height=3.0)
    errors = {name: [shift[name] for shift in shifts] for name in shifts[0]}
    exact = [max(values) < 1e-9 for values in errors.values()]
    dots_by_row(axes, errors, [RESIDUAL if is_exact else PLAIN for is_exact in exact])
    for row in [row for row, is_exact in enumerate(exact) if is_exact]:
        axes.text(0.06, row, "exact", va="center", color=INK)
    axes.set(xlabel="relative distance", xlim=(-0.05, None))
    alt = "Six rows of dots. A convolution is exact inside, and not with its borders. With stride two or max pooling a shift by two pixels is exact, and a shift by one pixel is far off."
    return Drawing(drawing, alt)


@styled
def receptive_fields(views: Mapping[tuple[int, ...], Sequence[View]]) -> Drawing:
    """What a unit in the middle of three stacks sees, by their strides, with the weights of the first seed."""
    titles = {(1,): "one layer", (1, 1): "two layers", (2, 1): "two, the first\nwith stride 2"}
    shown = [(title, views[strides][0]) for strides, title in titles.items()]
    return sights(
        {f"{title}: {view.gradient}x{view.gradient}": view.map for title, view in shown},
        "Three grids. In the first three by three pixels in the middle are filled, in the second five by five, in the "
        "third seven by seven.",
    )


@styled
def normalized(runs: Sequence[Normed]) -> Drawing:
    """Channels of the first seed before and after batch norm; evaluation against training mode, one line per seed."""
    drawing = sheet(height=3.0, stacked=6.0)
    left, middle, right = drawing.subplots(3) if narrow() else drawing.subplots(1, 3, width_ratios=[1, 1, 1.2])
    for axes, values, title, end in ((left, runs[0].before, "before", 12), (middle, runs[0].after, "after", 3)):
        for channel, color in zip(values, (PLAIN, RESIDUAL, *OTHER), strict=False):
            edges = list(np.linspace(-end, end, 49))
            axes.hist(channel, bins=edges, density=True, histtype="step", color=color, linewidth=1.3)
        axes.set(title=title, xlabel="value", yticks=[])
    seen = list(runs[0].gaps)
    gaps = np.transpose([list(run.gaps.values()) for run in runs])
    right.plot([n + 1 for n in seen], gaps, "o-", color=PAPER, alpha=0.5, linewidth=1, markersize=4)
    right.set(title="evaluation from training", xlabel="batches seen", xscale="log", yscale="log")
    right.set_xticks([n + 1 for n in seen], list(map(str, seen)))
    right.minorticks_off()
    right.set_yticks(ticks := [0.01, 0.1, 1, 10], [f"{100 * tick:g}%" for tick in ticks])
    alt = "Four distributions with different centers and widths; then four with the same center and width. Beside them ten falling lines on logarithmic axes."
    return Drawing(drawing, alt)


@styled
def weights_by_layers(ways: Mapping[str, Cost]) -> Drawing:
    """One bar per way of connecting two maps, on a logarithmic axis: its weights, and what an output sees."""
    drawing, (axes,) = figure(height=2.8)
    bars = {}
    for name, way in ways.items():
        side = way.receptive_field[0]
        bars[name] = way.totals["parameters"], "everything" if math.isinf(side) else f"{side}x{side}"
    colors = {"3x3": RESIDUAL, "ful": PAPER}
    weight_bars(axes, bars, lambda name: colors.get(name[:3], PLAIN), size=10)
    axes.set(xscale="log", xlim=(1e4, 3e9), xlabel="weights")
    axes.set_xticks([10**n for n in range(4, 8)])
    axes.minorticks_off()
    alt = "Six bars. Two 3x3 layers are shorter than one 5x5, three shorter than one 7x7; the bar of the fully connected layer is by far the longest."
    return Drawing(drawing, alt)


def parameters(kinds: Mapping[str, int]) -> Markdown:
    """One row per kind of layer, and their sum."""
    rows = [[kind, f"{n:,}"] for kind, n in (*kinds.items(), ("in all", sum(kinds.values())))]
    return table(["ResNet-20 for CIFAR", "Parameters"], rows)
