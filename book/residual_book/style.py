"""The only drawing style: one figure serves light and dark pages, desks and phones, and says in words what it shows.

Text and axes are drawn in `INK`, which becomes `currentColor` in the SVG, so that a page that shows the drawing inline
gives it the color of its own text. The other colors have a contrast of at least 3 on white and on the dark theme's
background. Every figure is laid out twice, the second time with its panels stacked on a narrow sheet, and the page
shows what fits. Matplotlib is imported here, in `sheets` and in the `figures` modules alone. Told in `CONTRIBUTING.md`.
"""

import base64
import hashlib
import html
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, ParamSpec

import matplotlib
from IPython.display import Markdown, display
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from residual_book import sheets
from residual_book.stats import Interval

INK = "#0b0c0d"
PLAIN = "#cf5c1f"
RESIDUAL = "#2b7fc4"
PAPER = "#8d6fd1"
OTHER = ("#2a9077", "#b85590", "#8a8320")
# For a map of losses: better than some level is blue, worse is orange; the page's own ground shows through near it.
BETTER_OR_WORSE = LinearSegmentedColormap.from_list("losses", [RESIDUAL, f"{RESIDUAL}30", f"{PLAIN}30", PLAIN])

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
_NARROW_STYLE: dict[Any, Any] = {
    "figure.constrained_layout.h_pad": 0.1,
    "font.size": 10,
    "axes.titlesize": 10.5,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
}

NARROW_SVG = '<svg class="narrow" display="none"'  # how the narrow layout begins inside of the wide one
P = ParamSpec("P")
_is_narrow: ContextVar[bool | None] = ContextVar("is_narrow", default=None)  # None: nothing is being drawn


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
    narrow: Figure | None = None

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise ValueError(f"alt must say what the figure shows, got {self.alt!r}")

    def svg(self) -> str:
        """The figure as an SVG element, transparent, with `alt` as its name; the same figure gives the same text.

        The narrow layout stands at its end and is not shown: `wide_and_narrow` in `book/_ext` takes the two apart.
        """
        name = f'<svg role="img" aria-label="{html.escape(self.alt, quote=True)}" '
        wide = self._vectors(self.figure, "").replace("<svg ", name, 1)
        if self.narrow is None:
            return wide
        narrow = self._vectors(self.narrow, "n").replace("<svg ", f"{NARROW_SVG} ", 1)
        return wide.removesuffix("</svg>\n") + narrow + "</svg>\n"

    def _vectors(self, drawn: Figure, layout: str) -> str:
        salt = hashlib.sha256(self.alt.encode()).hexdigest()[:8] + layout
        buffer = io.StringIO()
        with matplotlib.rc_context({**_STYLE, "svg.hashsalt": salt}):
            drawn.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        text = buffer.getvalue()
        text = text[text.index("<svg") :].replace(INK, "currentColor")
        # Several figures share one page: an id must not occur twice.
        return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>f{salt}-", text)

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


def styled(draw: Callable[P, Drawing]) -> Callable[P, Drawing]:
    """Have a function that draws do so in the book's style, for a wide sheet and again for a narrow one.

    The function is called twice, so it must leave its arguments as they are. What `figure` makes stacks its panels the
    second time; a function that lays its panels out itself asks `narrow`. A function that draws a part for another one
    needs no decoration.

    Raises:
        TypeError: for a function that returns no `Drawing`.
    """

    @wraps(draw)
    def twice(*args: P.args, **kwargs: P.kwargs) -> Drawing:
        if _is_narrow.get() is not None:  # called by another function that draws
            return draw(*args, **kwargs)
        drawings = []
        for is_narrow in (False, True):
            token = _is_narrow.set(is_narrow)
            try:
                with matplotlib.rc_context({**_STYLE, **(_NARROW_STYLE if is_narrow else {})}):
                    drawing = draw(*args, **kwargs)
                    if not isinstance(drawing, Drawing):
                        raise TypeError(f"{draw.__qualname__} must return a Drawing: decorate what returns one")
                    sheets.finish(drawing.figure, narrow=is_narrow)
            finally:
                _is_narrow.reset(token)
            drawings.append(drawing)
        wide, stacked = drawings
        return replace(wide, narrow=stacked.figure)

    return twice


def narrow() -> bool:
    """Whether the drawing that is being made is for a narrow sheet, of `sheets.NARROW` inches."""
    return bool(_is_narrow.get())


def figure(
    columns: int = 1,
    *,
    width: float = 7.2,
    height: float = 3.6,
    share_y: bool = False,
    stacked: float | None = None,
    beside: float | None = None,
) -> tuple[Figure, list[Axes]]:
    """A figure of `columns` panels side by side; `width` and `height` in inches, of the whole.

    On a narrow sheet the panels stand one below the other, each `stacked` inches high; with `beside` they stay side by
    side, in a figure of this height, which suits small pictures.
    """
    with matplotlib.rc_context(_STYLE | (_NARROW_STYLE if narrow() else {})):
        if beside or not narrow():
            drawing = Figure(figsize=(sheets.NARROW, beside) if beside and narrow() else (width, height))
            return drawing, list(drawing.subplots(1, columns, sharey=share_y, squeeze=False)[0])
        each = stacked or (height if columns == 1 else 0.75 * height)
        drawing = Figure(figsize=(sheets.NARROW, columns * each))
        return drawing, list(drawing.subplots(columns, 1, sharey=share_y, squeeze=False)[:, 0])


def sheet(*, height: float, stacked: float) -> Figure:
    """An empty figure for a layout of its own: `height` inches high, on a narrow sheet `stacked`."""
    return Figure(figsize=(sheets.NARROW, stacked) if narrow() else (7.2, height))


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


def table(heads: Sequence[str], rows: Sequence[Sequence[object]], *, left: int = 1) -> Markdown:
    """A table of computed values: the first columns to the `left`, and the others, which hold numbers, to the right.

    Raises:
        ValueError: for a row with more or fewer cells than there are heads.
    """
    for row in rows:
        if len(row) != len(heads):
            raise ValueError(f"rows must have {len(heads)} cells, got {len(row)}: {list(row)}")
    lines = [heads, [":---"] * left + ["---:"] * (len(heads) - left), *rows]
    return Markdown("\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines))
