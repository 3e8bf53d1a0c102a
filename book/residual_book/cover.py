"""The book's cover, logo and favicon: `python -m residual_book.cover FOLDER` writes them as SVG.

They show what the book is about: a row of blocks, and the paths that skips open around them.
"""

import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc, FancyBboxPatch, Rectangle

from residual.storage import write_atomically
from residual_book.style import INK, PLAIN, RESIDUAL, Drawing, styled

BLOCKS = 18  # in a row of the cover


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of so many inches with one panel, which fills it and shows no axes."""
    drawing = Figure(figsize=(width, height))
    drawing.set_layout_engine("none")
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.axis("off")
    return drawing, axes


def _row(axes: Axes, *, y: float, color: str, fading: bool) -> None:
    """Blocks in a row, joined; a row that fades stands for a signal that gets lost on its way."""
    for i in range(BLOCKS):
        alpha = 0.9 - 0.75 * i / (BLOCKS - 1) if fading else 0.9
        corners = "round,pad=0,rounding_size=0.1"
        axes.add_patch(FancyBboxPatch((i + 0.2, y - 0.3), 0.6, 0.6, boxstyle=corners, color=color, alpha=alpha))
        if i:
            axes.plot([i - 0.2, i + 0.2], [y, y], color=INK, alpha=0.5 * alpha, linewidth=1.2)


def _skip(axes: Axes, *, start: float, span: float, y: float, alpha: float) -> None:
    center, height = (start + span / 2, y), 0.62 * span
    axes.add_patch(Arc(center, span, height, theta1=0, theta2=180, color=RESIDUAL, alpha=alpha, lw=1.8))


@styled
def cover() -> Drawing:
    """Above, a plain row that fades; below, a residual one with skips around one, two, four and eight blocks."""
    drawing, axes = _canvas(9, 3.1)
    axes.set(xlim=(-0.2, BLOCKS + 0.2), ylim=(-0.7, 5.5), aspect="equal")
    _row(axes, y=5.0, color=PLAIN, fading=True)
    _row(axes, y=0.0, color=RESIDUAL, fading=False)
    for span, alpha in ((1, 0.95), (2, 0.7), (4, 0.5), (8, 0.35)):
        for i in range(0, BLOCKS - span, span):
            _skip(axes, start=i + 0.5, span=span, y=0.3, alpha=alpha)
    alt = "A row of orange blocks that fades from left to right, above a row of blue blocks that does not fade and is joined by arcs around one, two, four and eight of its blocks."
    return Drawing(drawing, alt)


@styled
def logo() -> Drawing:
    """One block and its skip."""
    drawing, axes = _canvas(1, 1)
    axes.set(xlim=(0, 10), ylim=(0, 10))
    axes.add_patch(Rectangle((3.1, 1.6), 3.8, 3.8, color=PLAIN))
    axes.plot([0.6, 9.4], [3.5, 3.5], color=RESIDUAL, linewidth=5.5, zorder=0)
    axes.add_patch(Arc((5, 3.5), 8, 9.6, theta1=0, theta2=180, color=RESIDUAL, lw=5.5))
    return Drawing(drawing, "Residual Networks, Executed: a block and its skip connection.")


def write(folder: Path) -> None:
    """Write `cover.svg`, `logo.svg` and `favicon.svg` into `folder`."""
    pictures = {"cover": cover(), "logo": logo(), "favicon": logo()}
    for name, drawing in pictures.items():
        write_atomically(folder / f"{name}.svg", drawing.svg().encode())


if __name__ == "__main__":
    write(Path(sys.argv[1]))
