"""The figures of `book/part2/resnet.md`."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from residual.plots import INK, OTHER, PAPER, PLAIN, RESIDUAL, figure, styled

SIDE, DEPTH = 0.0735, 0.0205  # inches that the square root of a map's side, and of its channels, is drawn with
OBLIQUE = 0.3  # how far a side reaches back


@styled
def shapes(stations: Mapping[str, tuple[int, ...]], *, per_row: int = 5) -> Figure:
    """A box a tensor, in the order of `stations`: height and width to the back, channels to the right.

    Every edge is as long as the square root of what it stands for; shapes are (C, H, W), or (features,).
    """
    slot, heights, width = 1.44, (2.05, 1.15), 7.2
    drawing = Figure(figsize=(width, sum(heights)))
    drawing.set_layout_engine("none")
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, sum(heights)))
    axes.axis("off")
    for i, (name, shape) in enumerate(stations.items()):
        row, column = divmod(i, per_row)
        x, floor = slot * column + 0.06, sum(heights[row + 1 :]) + 0.5
        _box(axes, x, floor, shape, color=PLAIN if "stage" not in name else RESIDUAL)
        axes.text(x, floor - 0.08, name, va="top", size=10.5)
        axes.text(x, floor - 0.26, " × ".join(f"{n:,}" if n > 9999 else str(n) for n in shape), va="top", size=10.5)
    return drawing


def _box(axes: Axes, x: float, y: float, shape: tuple[int, ...], *, color: str) -> None:
    channels, height, width = (*shape, 1, 1)[:3]
    right, up, back = DEPTH * channels**0.5, SIDE * height**0.5, OBLIQUE * SIDE * width**0.5
    front = [(x, y), (x + right, y), (x + right, y + up), (x, y + up)]
    top = [front[3], front[2], (x + right + back, y + up + back), (x + back, y + up + back)]
    side = [front[1], front[2], top[2], (x + right + back, y + back)]
    for corners, alpha in ((front, 0.85), (top, 0.55), (side, 0.4)):
        axes.add_patch(Polygon(corners, facecolor=color, alpha=alpha, edgecolor=INK, linewidth=0.6))


@styled
def along_the_layers(
    channels: Sequence[int],
    sides: Sequence[int],
    sees: Mapping[str, Sequence[float]],
    *,
    image: int,
    starts: Sequence[int],
) -> Figure:
    """A point a convolution, in the order of calls: channels and side of its output, and how many pixels a unit sees.

    `sees` has "V1.5" and "V1", `starts` the number of the first convolution of each stage; `image` is the input's side.
    """
    drawing, (left, right) = figure(2, height=3.3)
    numbers = range(1, len(channels) + 1)
    left.plot(numbers, channels, "o", color=RESIDUAL, markersize=4, label="channels")
    left.plot(numbers, sides, drawstyle="steps-mid", color=PLAIN, label="height and width")
    left.set(title="Shape of the output", yscale="log", ylim=(4, 9000))
    left.set_yticks([7, 14, 28, 56, 112, 256, 512, 1024, 2048])
    left.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    left.minorticks_off()
    left.legend(loc="upper left", ncols=2, columnspacing=1, handlelength=1.2)
    for name, color, marker in (("V1", PAPER, "D"), ("V1.5", RESIDUAL, "o")):
        right.plot(numbers, sees[name], marker, color=color, markersize=3, label=name)
    right.axhline(image, color=INK, linewidth=1, linestyle=":")
    right.annotate("side of the image", (1, image), (0, 4), textcoords="offset points", size=10)
    right.set(title="Receptive field (pixels)", ylim=(0, 1.12 * max(max(values) for values in sees.values())))
    right.legend(loc="lower right")
    for axes in (left, right):
        axes.set_xticks([*starts, len(channels)])
        axes.set_xlabel("convolution")
        axes.grid(visible=False, axis="y")
    return drawing


@styled
def shares_by_part(shares: Mapping[str, Mapping[str, float]]) -> Figure:
    """For each part of a network, three bars: percent of its parameters, multiply-adds and activations."""
    drawing, (axes,) = figure(height=3.6)
    kinds = {"parameters": RESIDUAL, "multiply_adds": PLAIN, "activations": OTHER[0]}
    for i, (kind, color) in enumerate(kinds.items()):
        columns = [part + 0.27 * (i - 1) for part in range(len(shares))]
        values = [by_kind[kind] for by_kind in shares.values()]
        axes.bar(columns, values, width=0.25, color=color, label=kind.replace("_", "-"))
        for column, value in zip(columns, values, strict=True):
            label = f"{value:.0f}" if value >= 0.5 else "<1"
            axes.annotate(label, (column, value), (0, 3), textcoords="offset points", ha="center", size=9.5)
    axes.set_xticks(range(len(shares)), list(shares))
    axes.set(ylabel="share (%)", ylim=(0, 1.12 * max(max(by_kind.values()) for by_kind in shares.values())))
    axes.grid(visible=False, axis="x")
    axes.legend(loc="upper left")
    return drawing
