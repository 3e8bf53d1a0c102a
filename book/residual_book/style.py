"""The only drawing style: a figure is drawn once for light and dark pages, and says in words what it shows.

Text and axes are drawn in `INK`, which becomes `currentColor` in the SVG, so that a page that shows the drawing inline
gives it the color of its own text. The other colors have a contrast of at least 3 on white and on the dark theme's
background. Matplotlib is imported here and in the `figures` modules alone. Told in `CONTRIBUTING.md`.
"""

import base64
import hashlib
import html
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from IPython.display import Markdown, display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from residual_book.stats import Interval

INK = "#0b0c0d"
PLAIN = "#cf5c1f"
RESIDUAL = "#2b7fc4"
PAPER = "#8d6fd1"
OTHER = ("#2a9077", "#b85590", "#8a8320")

_STYLE: dict[Any, Any] = {  # matplotlib types its settings one by one
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "font.family": "sans-serif",
    "axes.titlesize": 11.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#80808040",
    "lines.linewidth": 2,
    "lines.markersize": 6,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",  # text stays text: found by search, read in the page's font
}


# Every function that draws is decorated with it: matplotlib reads its settings when an artist is made.
styled = matplotlib.rc_context(_STYLE)


@dataclass(frozen=True)
class Look:
    """How one arm is drawn in every figure of a page."""

    color: str
    marker: str


@dataclass(frozen=True)
class Drawing:
    """A figure, and what it shows in words, for readers who do not see it.

    Raises:
        ValueError: for an empty `alt`.
    """

    figure: Figure
    alt: str

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise ValueError(f"alt must say what the figure shows, got {self.alt!r}")

    def svg(self) -> str:
        """The figure as an SVG element, transparent, with `alt` as its name; the same figure gives the same text."""
        salt = hashlib.sha256(self.alt.encode()).hexdigest()[:8]
        buffer = io.StringIO()
        with matplotlib.rc_context({**_STYLE, "svg.hashsalt": salt}):
            self.figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        text = buffer.getvalue()
        text = text[text.index("<svg") :].replace(INK, "currentColor")
        # Several figures share one page: an id must not occur twice.
        text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>f{salt}-", text)
        return text.replace("<svg ", f'<svg role="img" aria-label="{html.escape(self.alt, quote=True)}" ', 1)

    def show(self) -> None:
        """Display the figure in a notebook: SVG, and PNG at twice the screen's resolution for viewers that want it."""
        vectors, pixels = self.svg(), io.BytesIO()
        with matplotlib.rc_context(_STYLE):
            self.figure.savefig(pixels, format="png", dpi=200, facecolor="white")
        bundle = {
            # A viewer that shows it as a picture draws the ink black, whatever the page's color: it needs light ground.
            "image/svg+xml": vectors.replace("<svg ", '<svg style="background: white" ', 1),
            "image/png": base64.b64encode(pixels.getvalue()).decode(),
            "text/plain": self.alt,
        }
        display(bundle, raw=True)


@styled
def figure(
    columns: int = 1, *, width: float = 7.2, height: float = 3.6, share_y: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure of `columns` panels side by side; `width` and `height` in inches, of the whole."""
    drawing = Figure(figsize=(width, height))
    return drawing, list(drawing.subplots(1, columns, sharey=share_y, squeeze=False)[0])


def band(axes: Axes, x: Sequence[float], intervals: Sequence[Interval], look: Look, *, label: str) -> None:
    """A line through the estimates of `intervals`, one for each `x`, with what lies between their ends shaded."""
    axes.plot(x, [i.estimate for i in intervals], marker=look.marker, color=look.color, label=label)
    low, high = [i.low for i in intervals], [i.high for i in intervals]
    axes.fill_between(x, low, high, color=look.color, alpha=0.2, linewidth=0)


def seed_lines(axes: Axes, x: ArrayLike, lines: Iterable[ArrayLike], *, label: str, **look: Any) -> None:
    """One line per seed over `x`, with one entry in the legend for all of them; `look` is for `Axes.plot`."""
    for i, line in enumerate(lines):
        axes.plot(x, line, label=None if i else label, **look)


def dots_by_row(axes: Axes, rows: Mapping[str, Sequence[float]], colors: Sequence[str], *, alpha: float = 0.7) -> None:
    """One row per name, from the top, with one dot per value; each row has its color."""
    for row, (values, color) in enumerate(zip(rows.values(), colors, strict=False)):
        axes.plot(values, [row] * len(values), "o", color=color, alpha=alpha)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), list(rows))


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> Markdown:
    """A table of computed values, with the first column to the left and the others, which hold numbers, to the right.

    Raises:
        ValueError: for a row with more or fewer cells than there are heads.
    """
    for row in rows:
        if len(row) != len(heads):
            raise ValueError(f"rows must have {len(heads)} cells, got {len(row)}: {list(row)}")
    lines = [heads, [":---", *["---:"] * (len(heads) - 1)], *rows]
    return Markdown("\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines))
