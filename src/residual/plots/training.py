"""The figures of `book/part2/training.md`."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from residual.claims import HasInterval
from residual.plots import INK, OTHER, PAPER, PLAIN, RESIDUAL, figure, styled

LINES = (RESIDUAL, PLAIN, OTHER[0], PAPER)
# From nothing to a color, so that the page's own ground shows through and the text on it can be read on either.
_CLEAR = LinearSegmentedColormap.from_list("clear", [(0.81, 0.36, 0.12, 0.0), (0.81, 0.36, 0.12, 0.75)])


@styled
def schedules(rates: Mapping[str, Sequence[float]]) -> Figure:
    """Learning rate against the share of the steps done; a line a schedule, one value a step."""
    drawing, (axes,) = figure(height=3.2)
    for (name, values), color, style in zip(rates.items(), LINES, ("-", "--", "-.", ":"), strict=False):
        axes.plot(np.linspace(0, 100, len(values)), values, style, color=color, label=name)
    axes.set(xlabel="steps done (%)", ylabel="learning rate", ylim=(-0.004, None))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, columnspacing=1.2, handlelength=2.2)
    return drawing


@styled
def rounding(distances: Mapping[str, Sequence[float]]) -> Figure:
    """A row a way to compute, a dot a seed: relative distance of the logits from float64's, on a logarithmic axis."""
    drawing, (axes,) = figure(height=2.3)
    for row, (seeds, color) in enumerate(zip(distances.values(), LINES, strict=False)):
        axes.plot(seeds, [row] * len(seeds), "o", color=color, alpha=0.7)
    axes.set(xlabel="relative distance of the logits from float64's", xscale="log", ylim=(len(distances) - 0.5, -0.5))
    axes.set_yticks(range(len(distances)), list(distances))
    return drawing


@styled
def costs(panels: Mapping[str, Mapping[str, tuple[Sequence[float], HasInterval]]]) -> Figure:
    """A panel a data set, a row a piece: paired differences to the whole recipe, a dot a seed, and their interval.

    Args:
        panels: title -> piece -> (differences in points, one a seed; mean and interval of them).
    """
    drawing, axes = figure(len(panels), height=3.6, share_y=True)
    for panel, (title, pieces) in zip(axes, panels.items(), strict=True):
        panel.axvline(0, color=INK, linewidth=1)
        for row, (seeds, interval) in enumerate(pieces.values()):
            color = PLAIN if interval.low > 0 or interval.high < 0 else RESIDUAL
            panel.plot([interval.low, interval.high], [row, row], color=color, linewidth=3, alpha=0.45)
            panel.plot(interval.estimate, row, "|", color=color, markersize=16, markeredgewidth=3)
            panel.plot(seeds, [row] * len(seeds), "o", color=color, markersize=4.5)
        panel.set(title=title, xlabel="test error added (points)", ylim=(len(pieces) - 0.5, -0.5))
        panel.set_yticks(range(len(pieces)), [f"no {name}" for name in pieces])
    return drawing


@styled
def training_curves(panels: Mapping[str, Mapping[str, Sequence[Sequence[float]]]]) -> Figure:
    """Training error, epoch by epoch, as the images were trained on: title -> arm -> a curve a seed."""
    drawing, axes = figure(len(panels), height=3.3)
    for panel, (title, arms) in zip(axes, panels.items(), strict=True):
        for (name, curves), color, style in zip(arms.items(), LINES, ("-", "--", "-.", ":"), strict=False):
            for i, curve in enumerate(curves):
                epochs = range(1, len(curve) + 1)
                panel.plot(epochs, curve, style, color=color, linewidth=1.5, label=None if i else name)
        last = max(len(curve) for curves in arms.values() for curve in curves)
        panel.set(title=title, xlabel="epoch", xticks=range(1, last + 1), ylim=(0, None))
        panel.legend()
    axes[0].set_ylabel("error in the epoch (%)")
    return drawing


@styled
def confusion(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> Figure:
    """Test images by label (row) and by answer (column); mistakes are colored by how many they are."""
    drawing, (axes,) = figure(height=5.4)
    table = np.array(counts)
    mistakes = np.where(np.eye(len(table), dtype=bool), 0, table)
    axes.imshow(mistakes, cmap=_CLEAR)
    for row, column in np.ndindex(table.shape):
        axes.text(column, row, str(table[row, column]), ha="center", va="center", size=8.5)
    axes.set(xlabel="answer", ylabel="label")
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(classes)), classes)
    _bare(axes)
    return drawing


@styled
def mistaken(images: np.ndarray, labels: Sequence[str], answers: Sequence[str], *, columns: int = 6) -> Figure:
    """Pictures (N, H, W) with "label, taken for answer" over each, dark ink on light as they were written."""
    rows = -(-len(images) // columns)
    drawing = Figure(figsize=(7.2, 0.35 + 1.45 * rows))
    for panel in drawing.subplots(rows, columns, squeeze=False).flat:
        panel.set_axis_off()
    for panel, image, label, answer in zip(drawing.axes, images, labels, answers, strict=False):
        panel.imshow(image, cmap="gray_r", interpolation="nearest")
        panel.set_title(f"{label}, taken for {answer}", size=9.5, loc="center")
    return drawing


def _bare(axes: Axes) -> None:
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
