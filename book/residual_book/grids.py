"""Panels that show a grid of pixels or numbers, for the figures of the primers."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

Array = NDArray[np.float64]


def bare(axes: Axes) -> None:
    """Leave nothing of the axes but a thin frame."""
    axes.grid(False)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, linewidth=0.5, alpha=0.4)


def picture(axes: Axes, values: Array, *, signed: bool = False) -> None:
    """Pixels (H, W): the larger the darker; with `signed` violet for less than zero and orange for more."""
    if signed:
        most = float(np.abs(values).max())
        axes.imshow(values, cmap="PuOr_r", vmin=-most, vmax=most, interpolation="nearest")
    else:
        axes.imshow(values, cmap="Greys", interpolation="nearest")
    bare(axes)


def numbers(axes: Axes, values: Array, *, digits: int = 1, size: float = 9) -> None:
    """Numbers (H, W) written on their colors: violet for less than zero and orange for more, pale enough to read."""
    most = 1.6 * float(np.abs(values).max())
    axes.imshow(values, cmap="PuOr_r", vmin=-most, vmax=most)
    for (i, j), value in np.ndenumerate(values):
        text = f"{value:.{digits}f}"
        text = text.removeprefix("-") if float(text) == 0 else text
        axes.text(j, i, text, ha="center", va="center", fontsize=size, color="black")
    bare(axes)
