"""The figures and tables of `book/part2/resnet.md`."""

from collections.abc import Mapping

from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from residual.probes.cost import Cost
from residual_book.nets import IMAGE, last_map_sees
from residual_book.part2.resnet import experiment
from residual_book.part2.resnet.experiment import Variant, billions, convolutions
from residual_book.style import INK, OTHER, PAPER, PLAIN, RESIDUAL, Drawing, figure, narrow, sheet, styled, table

SIDE, DEPTH = 0.0735, 0.0205  # inches that the square root of a map's side, and of its channels, is drawn with
OBLIQUE = 0.3  # how far a side reaches back


@styled
def shapes(stations: Mapping[str, tuple[int, ...]]) -> Drawing:
    """One box per tensor, in the order of `stations`: height up, width to the back, channels to the right.

    Every edge is as long as the square root of what it stands for; shapes are (C, H, W), or (features,).
    """
    slot, heights, across, size = (1.44, (2.05, 1.15), 5, 10.5) if not narrow() else (1.26, (2.05, 1.35, 1.15), 3, 9.5)
    drawing = sheet(height=sum(heights), stacked=sum(heights))
    width = drawing.get_figwidth()
    drawing.set_layout_engine("none")
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, sum(heights)))
    axes.axis("off")
    for i, (name, shape) in enumerate(stations.items()):
        row, column = divmod(i, across)
        x, floor = slot * column + 0.06, sum(heights[row + 1 :]) + 0.5
        _box(axes, x, floor, shape, color=PLAIN if "stage" not in name else RESIDUAL)
        axes.text(x, floor - 0.08, name, va="top", size=size)
        axes.text(x, floor - 0.26, " × ".join(f"{n:,}" if n > 9999 else str(n) for n in shape), va="top", size=size)
    boxes = "; ".join(f"{name}: {' by '.join(map(str, shape))}" for name, shape in stations.items())
    return Drawing(drawing, f"Nine boxes. {boxes}. From tall and thin they become long and flat.")


def _box(axes: Axes, x: float, y: float, shape: tuple[int, ...], *, color: str) -> None:
    channels, height, width = (*shape, 1, 1)[:3]
    right, up, back = DEPTH * channels**0.5, SIDE * height**0.5, OBLIQUE * SIDE * width**0.5
    front = [(x, y), (x + right, y), (x + right, y + up), (x, y + up)]
    top = [front[3], front[2], (x + right + back, y + up + back), (x + back, y + up + back)]
    side = [front[1], front[2], top[2], (x + right + back, y + back)]
    for corners, alpha in ((front, 0.85), (top, 0.55), (side, 0.4)):
        axes.add_patch(Polygon(corners, facecolor=color, alpha=alpha, edgecolor=INK, linewidth=0.6))


@styled
def along_the_layers(network: Variant) -> Drawing:
    """One point per convolution, in the order of calls: channels and side of its output, and how far a unit sees."""
    drawing, (left, right) = figure(2, height=3.3, stacked=3.1)
    path, image = convolutions(network.cost), IMAGE[-1]
    numbers, channels, sides = range(1, len(path) + 1), *zip(*(layer.shape[:2] for layer in path), strict=True)
    left.plot(numbers, channels, "o", color=RESIDUAL, markersize=4, label="channels")
    left.plot(numbers, sides, drawstyle="steps-mid", color=PLAIN, label="height and width")
    left.set(
        title="Shape of the output", yscale="log", ylim=(4, 9000), yticks=[7, 14, 28, 56, 112, 256, 512, 1024, 2048]
    )
    left.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    left.minorticks_off()
    left.legend(loc="upper left", ncols=2, columnspacing=1, handlelength=1.2)
    for name, counted, color, marker in (("V1", network.cost_v1, PAPER, "D"), ("V1.5", network.cost, RESIDUAL, "o")):
        sees = [layer.receptive_field[0] for layer in convolutions(counted)]
        right.plot(numbers, sees, marker, color=color, markersize=3, label=name)
    right.axhline(image, color=INK, linewidth=1, linestyle=":")
    right.annotate("side of the image", (1, image), (0, 4), textcoords="offset points", size=10)
    right.set(title="Receptive field (pixels)", ylim=(0, 1.12 * last_map_sees(network.cost_v1)))
    right.legend(loc="lower right")
    starts = [next(i for i, layer in enumerate(path, 1) if layer.name.startswith(f"layer{n}")) for n in (1, 2, 3, 4)]
    for axes in (left, right):
        axes.set(xticks=[*starts, len(path)], xlabel="convolution")
        axes.grid(visible=False, axis="y")
    alt = "Left: channels rise with a step at each stage, height and width fall. Right: the receptive field grows ever faster, and with the paper's strides a little more than without. In stage 3 it passes the side of the image."
    return Drawing(drawing, alt)


@styled
def shares_by_part(shares: Mapping[str, Mapping[str, float]]) -> Drawing:
    """For each part of a network, three bars: percent of the network's parameters, multiply-adds and activations."""
    drawing, (axes,) = figure(height=4.4)
    kinds = {"parameters": RESIDUAL, "multiply_adds": PLAIN, "activations": OTHER[0]}
    for i, (kind, color) in enumerate(kinds.items()):
        rows = [part + 0.27 * (i - 1) for part in range(len(shares))]
        values = [by_kind[kind] for by_kind in shares.values()]
        axes.barh(rows, values, height=0.25, color=color, label=kind.replace("_", "-"))
        for row, value in zip(rows, values, strict=True):
            label = f"{value:.0f}" if value >= 0.5 else "<1"
            axes.annotate(label, (value, row), (3, 0), textcoords="offset points", va="center", size=9.5)
    axes.set_yticks(range(len(shares)), list(shares))
    axes.set(xlabel="share (%)", ylim=(len(shares) - 0.5, -0.5))
    axes.set_xlim(0, 1.12 * max(max(by_kind.values()) for by_kind in shares.values()))
    axes.grid(visible=False, axis="y")
    axes.legend(loc="upper right")
    bars = ". ".join(
        f"{title}: " + ", ".join(f"{part} {by_kind[kind]:.0f}%" for part, by_kind in shares.items())
        for kind, title in zip(kinds, ("Parameters", "Multiply-adds", "Activations"), strict=True)
    )
    return Drawing(drawing, f"Three bars for stem, four stages and head. {bars}.")


def sizes_of_networks(variants: Mapping[str, Variant]) -> Markdown:
    """One row per network: blocks, parameters, and multiply-adds beside the paper's."""
    rows = []
    for name, v in variants.items():
        blocks = ", ".join(str(len(list(v.net.get_submodule(stage).children()))) for stage in v.net.stages)
        counts = f"{v.cost.totals['parameters']:,}", f"{billions(v.cost):.2f}", f"{billions(v.cost_v1):.2f}"
        rows.append([name, blocks, *counts, experiment.PAPER_MULTIPLY_ADDS[name]])
    return table(["Network", "Blocks per stage", "Parameters", "Multiply-adds (10⁹)", "V1", "V1, paper"], rows)


def published_accuracies(variants: Mapping[str, Variant]) -> Markdown:
    """One row per network: depth, view, and the accuracies that others measured."""
    rows = []
    for name, v in variants.items():
        accuracies = experiment.PAPER_ACCURACY[name], f"{experiment.TORCHVISION_ACCURACY[name]:.3f}"
        rows.append([name, v.net.depth, last_map_sees(v.cost), *accuracies])
    return table(["Network", "Depth", "Sees (pixels)", "Top-1, paper (%)", "Top-1, torchvision (%)"], rows)


def image_sizes(sizes: Mapping[tuple[int, int], Cost]) -> Markdown:
    """One row per size of image."""
    rows = []
    for size, counted in sizes.items():
        channels, *last_map = experiment.last_map(counted)
        parameters = f"{counted.totals['parameters']:,}"
        rows.append(
            ["{}×{}".format(*size), "{}×{}".format(*last_map), channels, parameters, f"{billions(counted):.2f}"]
        )
    return table(["Image", "Last map", "Embedding", "Parameters", "Multiply-adds (10⁹)"], rows)
