"""The book's cover, logo and favicon: `python -m residual.plots.cover FOLDER` writes them as SVG.

They show what the book is about: a row of blocks, and the paths that skips open around them.
"""

import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc, FancyBboxPatch, Rectangle

from residual.files import write_atomically
from residual.plots import INK, PLAIN, RESIDUAL, styled, svg


def _row(axes: Axes, *, blocks: int, y: float, color: str, fading: bool) -> None:
    """Blocks in a row, joined; a row that fades stands for a signal that gets lost on its way."""
    for i in range(blocks):
        alpha = 0.9 - 0.75 * i / (blocks - 1) if fading else 0.9
        corners = "round,pad=0,rounding_size=0.1"
        axes.add_patch(FancyBboxPatch((i + 0.2, y - 0.3), 0.6, 0.6, boxstyle=corners, color=color, alpha=alpha))
        if i:
            axes.plot([i - 0.2, i + 0.2], [y, y], color=INK, alpha=0.5 * alpha, linewidth=1.2)


def _skip(axes: Axes, *, start: float, span: float, y: float, alpha: float) -> None:
    center, height = (start + span / 2, y), 0.62 * span
    axes.add_patch(Arc(center, span, height, theta1=0, theta2=180, color=RESIDUAL, alpha=alpha, lw=1.8))


@styled
def cover(blocks: int = 18) -> Figure:
    """Above, a plain row that fades; below, a residual one with skips around one, two, four and more blocks."""
    drawing = Figure(figsize=(9, 3.1))
    drawing.set_layout_engine("none")
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.2, blocks + 0.2), ylim=(-0.7, 5.5), aspect="equal")
    axes.axis("off")
    _row(axes, blocks=blocks, y=5.0, color=PLAIN, fading=True)
    _row(axes, blocks=blocks, y=0.0, color=RESIDUAL, fading=False)
    for span, alpha in ((1, 0.95), (2, 0.7), (4, 0.5), (8, 0.35)):
        for i in range(0, blocks - span, span):
            _skip(axes, start=i + 0.5, span=span, y=0.3, alpha=alpha)
    return drawing


@styled
def logo() -> Figure:
    """One block and its skip."""
    drawing = Figure(figsize=(1, 1))
    drawing.set_layout_engine("none")
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 10), ylim=(0, 10))
    axes.axis("off")
    axes.add_patch(Rectangle((3.1, 1.6), 3.8, 3.8, color=PLAIN))
    axes.plot([0.6, 9.4], [3.5, 3.5], color=RESIDUAL, linewidth=5.5, zorder=0)
    axes.add_patch(Arc((5, 3.5), 8, 9.6, theta1=0, theta2=180, color=RESIDUAL, lw=5.5))
    return drawing


def write(folder: Path) -> None:
    """Write `cover.svg`, `logo.svg` and `favicon.svg` into `folder`."""
    pictures = {
        "cover": svg(
            cover(),
            alt="A row of orange blocks that fades from left to right, above a row of blue blocks that does not fade "
            "and is joined by arcs around one, two, four and eight of its blocks.",
        ),
        "logo": svg(logo(), alt="Residual Networks, Executed: a block and its skip connection."),
    }
    pictures["favicon"] = pictures["logo"]
    for name, text in pictures.items():
        write_atomically(folder / f"{name}.svg", text.encode())


if __name__ == "__main__":
    write(Path(sys.argv[1]))
