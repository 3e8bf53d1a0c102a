"""The only room that imports matplotlib: one figure style, drawn once for light and dark pages.

Text and axes are drawn in `INK`, which becomes `currentColor` in the SVG, so that a page that shows the drawing inline
gives it the color of its own text. The other colors have a contrast of at least 3 on white and on the dark theme's
background. Told in `CONTRIBUTING.md`.
"""

import base64
import hashlib
import html
import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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


@styled
def figure(
    columns: int = 1, *, width: float = 7.2, height: float = 3.6, share_y: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure of `columns` panels side by side; `width` and `height` in inches, of the whole."""
    drawing = Figure(figsize=(width, height))
    return drawing, list(drawing.subplots(1, columns, sharey=share_y, squeeze=False)[0])


def band(
    axes: Axes,
    x: Sequence[float],
    center: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    *,
    color: str,
    label: str,
    marker: str = "o",
    style: str = "-",
) -> None:
    """A line through `center` with its interval from `low` to `high` shaded. All four have one value a point."""
    axes.plot(x, center, style, marker=marker, color=color, label=label)
    axes.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)


def svg(drawing: Figure, *, alt: str) -> str:
    """The figure as an SVG element, transparent, with `alt` as its name; the same figure gives the same text.

    Raises:
        ValueError: for an empty `alt`.
    """
    if not alt.strip():
        raise ValueError(f"alt must say what the figure shows, got {alt!r}")
    salt = hashlib.sha256(alt.encode()).hexdigest()[:8]
    buffer = io.StringIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": salt}):
        drawing.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    # Several figures share one page: an id must not occur twice.
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>f{salt}-", text)
    name = html.escape(alt, quote=True)
    return text.replace("<svg ", f'<svg role="img" aria-label="{name}" ', 1)


def show(drawing: Figure, *, alt: str) -> None:
    """Display the figure in a notebook: SVG, and PNG at twice the screen's resolution for viewers that want pixels.

    Args:
        alt: what the figure shows, in words, for readers who do not see it.

    Raises:
        ValueError: for an empty `alt`.
    """
    vectors = svg(drawing, alt=alt)
    pixels = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        drawing.savefig(pixels, format="png", dpi=200, facecolor="white")
    bundle = {
        # A viewer that shows it as a picture draws the ink black, whatever the page's color: it needs a light ground.
        "image/svg+xml": vectors.replace("<svg ", '<svg style="background: white" ', 1),
        "image/png": base64.b64encode(pixels.getvalue()).decode(),
        "text/plain": alt,
    }
    display(bundle, raw=True)
