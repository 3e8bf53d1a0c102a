"""Which pixels move an output, measured by automatic differentiation and drawn; and bars of weights.

Told in `book/part2/blocks.md` and `book/primers/convolutions.md`.
"""

from collections.abc import Callable, Mapping

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from residual_book.sheets import SMALLEST
from residual_book.style import INK, RESIDUAL, Drawing, figure, narrow, styled


def sensitivity(function: Callable[[Tensor], Tensor], x: Tensor, *, unit: tuple[int, int] | None = None) -> Tensor:
    """How much outputs move with each pixel: (N, C, H, W) -> (H, W).

    These are absolute gradients of the sum of the outputs, summed over images and channels. With `unit`, a row and a
    column, only the outputs at that position count.
    """
    x = x.detach().requires_grad_()
    out = function(x)
    chosen = out if unit is None else out[:, :, unit[0], unit[1]]
    (gradient,) = torch.autograd.grad(chosen.sum(), x)
    return gradient.abs().sum((0, 1))


@styled
def sights(maps: Mapping[str, Tensor], alt: str) -> Drawing:
    """One panel per sensitivity (H, W), by its title: the larger the darker, and empty where it is zero."""
    drawing, panels = figure(len(maps), height=2.9 if len(maps) == 3 else 3.3, beside=1.8 if len(maps) == 3 else 2.1)
    for axes, (title, pixels) in zip(panels, maps.items(), strict=True):
        rows = pixels.tolist()
        largest = max(map(max, rows))
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                _pixel(axes, i, j, (value / largest) ** 0.5)
        axes.set(title=title, xlim=(-0.1, len(rows[0]) + 0.1), ylim=(len(rows) + 0.1, -0.1), aspect="equal")
        axes.axis("off")
    return Drawing(drawing, alt)


def _pixel(axes: Axes, row: int, column: int, share: float) -> None:
    corner = (column + 0.05, row + 0.05)
    axes.add_patch(Rectangle(corner, 0.9, 0.9, fill=False, edgecolor=INK, alpha=0.25, linewidth=0.6))
    if share > 0:
        axes.add_patch(Rectangle(corner, 0.9, 0.9, facecolor=RESIDUAL, alpha=0.25 + 0.75 * share, linewidth=0))


def weight_bars(axes: Axes, bars: Mapping[str, tuple[int, str]], color: Callable[[str], str], size: float = 11) -> None:
    """One horizontal bar per name: a number of weights, and beside it what one output sees of the input."""
    between, size = (",\n", SMALLEST) if narrow() else (", ", size)
    for row, (name, (weights, sees)) in enumerate(bars.items()):
        axes.barh(row, weights, height=0.62, color=color(name))
        note = f"{weights:,}{between}sees {sees}"
        axes.annotate(note, (weights, row), (5, 0), textcoords="offset points", va="center", size=size)
    axes.set_yticks(range(len(bars)), list(bars))
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
