"""What a figure needs once it is drawn: on a narrow sheet legends, labels and titles find room outside the data.

Told in `style.py`, which calls it.
"""

import re
import textwrap
from collections.abc import Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, LogFormatterSciNotation
from matplotlib.transforms import ScaledTranslation

NARROW = 3.8  # inches: on a phone of 390 pixels text of 9 points is then 11 pixels high
SMALLEST = 9.0  # points, of text on a narrow sheet
PER_LETTER = 0.58  # width of a letter, of the size of the font
ROW_LABEL = 19  # letters of a row's label that stand on one line
PLACES: tuple[Literal["left", "center"], ...] = ("left", "center")  # of titles
COLUMNS = (3, 2, 1)  # of a legend, the most first
LEGEND: dict[str, Any] = {"fontsize": SMALLEST, "columnspacing": 1.2, "handlelength": 1.6, "borderaxespad": 0.3}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class _PowersAsText(LogFormatterSciNotation):
    """Powers of ten as plain text, for Mathtext's exponents are smaller than what can be read on a phone."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        text = re.sub(r"\^\{([-\d]+)\}", lambda power: power[1].translate(_RAISED), super().__call__(x, pos))
        return text.replace(r"$\mathdefault{", "").removesuffix("}$").replace(r"\times", " × ").replace("−", "-")


def finish(drawing: Figure, *, narrow: bool) -> None:
    """Mend what matplotlib leaves unreadable, in place; more of it on a narrow sheet."""
    for axes in drawing.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_formatter(), LogFormatterSciNotation):
                axis.set_major_formatter(_PowersAsText())
            if isinstance(axis.get_minor_formatter(), LogFormatterSciNotation):
                axis.set_minor_formatter(_PowersAsText(labelOnlyBase=False))
    if narrow:
        _fit(drawing)


def _fit(drawing: Figure) -> None:
    for text in drawing.findobj(Text):
        assert isinstance(text, Text)
        text.set_fontsize(max(text.get_fontsize(), SMALLEST))
    _repeat_shared_labels(drawing.axes)
    for axes in drawing.axes:
        if (legend := axes.get_legend()) is not None:
            legend.set_in_layout(False)  # where it stands, a panel may have no room beside it
    for fold in (_fold_names, _fold_labels):
        drawing.draw_without_rendering()  # so that sizes are known
        for axes in drawing.axes:
            fold(drawing, axes)
    drawing.draw_without_rendering()
    for axes in drawing.axes:
        if (legend := axes.get_legend()) is not None:
            _below(drawing, axes, legend)
    for legend in list(drawing.legends):
        _fewer_columns(drawing, legend)


def _repeat_shared_labels(panels: Sequence[Axes]) -> None:
    """Panels that share their vertical axis name it once side by side, but one below the other each needs the name."""
    for axes in panels[1:]:
        if not axes.get_ylabel() and axes.get_shared_y_axes().joined(panels[0], axes):
            axes.set_ylabel(panels[0].get_ylabel())


def _fold_names(drawing: Figure, axes: Axes) -> None:
    """Put long names of rows, and names of columns that would meet, on several lines."""
    rows = [label.get_text() for label in axes.get_yticklabels()]
    if isinstance(axes.yaxis.get_major_locator(), FixedLocator) and max(map(len, rows), default=0) > ROW_LABEL:
        axes.set_yticks(axes.get_yticks(), [_fold(name, ROW_LABEL) for name in rows])
    columns = [label.get_text() for label in axes.get_xticklabels()]
    if isinstance(axes.xaxis.get_major_locator(), FixedLocator) and any(" " in name for name in columns):
        letters = _letters(drawing, axes.get_window_extent().width / len(columns), SMALLEST) - 1  # and a gap
        axes.set_xticks(axes.get_xticks(), [_fold(name, letters) for name in columns])


def _fold_labels(drawing: Figure, axes: Axes) -> None:
    """Break a title and the names of axes that are longer than their panel."""
    box, end = axes.get_window_extent(), drawing.bbox.x1
    others = [other.get_window_extent() for other in drawing.axes if other is not axes]
    row = [other for other in others if other.y0 < box.y1 and other.y1 > box.y0]
    middle = (box.x0 + box.x1) / 2
    across = box.width if row else 2 * min(middle, end - middle)
    for label, space in ((axes.xaxis.label, across), (axes.yaxis.label, box.height)):
        label.set_text(_fold(label.get_text(), _letters(drawing, space, float(label.get_fontsize()))))
    for place in PLACES:
        if title := axes.get_title(place):
            size = SMALLEST if row else float(axes.title.get_fontsize())
            space = min([end, *(other.x0 for other in row if other.x0 > box.x0)]) - box.x0
            axes.set_title(_fold(title, _letters(drawing, space, size)), loc=place, fontsize=size)


def _letters(drawing: Figure, pixels: float, size: float) -> int:
    """How many letters of a size there is room for."""
    return max(4, int(pixels / drawing.dpi * 72 / (PER_LETTER * size)))


def _fold(text: str, letters: int) -> str:
    """The text with each line that is longer than so many letters broken between words; formulas stay."""
    lines = text.split("\n")
    if "$" in text or max(map(len, lines)) <= letters:
        return text
    ways: list[list[str]] = [
        [piece for part in parts for piece in _wrapped(part, letters)] for parts in (lines, [" ".join(lines)])
    ]
    return "\n".join(ways[len(ways[1]) < len(ways[0])])


def _wrapped(line: str, letters: int) -> list[str]:
    return textwrap.wrap(line, letters, break_long_words=False, break_on_hyphens=False)


def _below(drawing: Figure, axes: Axes, legend: Legend) -> None:
    """Move a panel's legend below what is written under the panel, where it hides no data."""
    legend.remove()
    box, written = axes.get_window_extent(), axes.get_tightbbox()
    assert written is not None
    left, down = (written.x0 - box.x0) / drawing.dpi, (written.y0 - box.y0) / drawing.dpi
    corner = axes.transAxes + ScaledTranslation(left, down, drawing.dpi_scale_trans)
    for columns in COLUMNS:
        new = axes.legend(
            **_entries(legend), **LEGEND, ncols=columns, loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=corner
        )
        if new.get_window_extent().width <= drawing.bbox.width - written.x0:
            return


def _fewer_columns(drawing: Figure, legend: Legend) -> None:
    """Give the legend of a whole figure as many columns as the sheet has room for."""
    for columns in COLUMNS:
        entries = _entries(legend)
        legend.remove()
        legend = drawing.legend(**entries, **LEGEND, ncols=columns, loc="outside lower left")
        if legend.get_window_extent().width <= drawing.bbox.width:
            return


def _entries(legend: Legend) -> dict[str, Any]:
    return {"handles": legend.legend_handles, "labels": [text.get_text() for text in legend.get_texts()]}
