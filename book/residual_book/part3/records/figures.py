"""Figures and tables of `book/part3/records.md`."""

from collections.abc import Mapping, Sequence

import numpy as np
from IPython.display import Markdown
from matplotlib.colors import LinearSegmentedColormap

from residual.ocsf.schema import CLASSES, class_features, ocsf_class
from residual_book.part3.records.defects import Noticed
from residual_book.part3.records.sparsity import Filling
from residual_book.style import PLAIN, RESIDUAL, Drawing, figure, styled, table

_CLEAR = LinearSegmentedColormap.from_list("clear", [f"{RESIDUAL}00", RESIDUAL])


@styled
def offered(filling: Filling) -> Drawing:
    """Columns that the schema has for each class, beside those that its events fill: the median and nine in ten."""
    drawing, (axes,) = figure(height=3.7)
    rows = range(len(CLASSES))
    for depth, strength in ((3, 0.3), (2, None)):
        columns = [len(class_features(uid, depth=depth)) for uid in sorted(CLASSES)]
        axes.barh(rows, columns, color=RESIDUAL, alpha=strength, label=f"offered, depth {depth}")
    for row, uid in enumerate(sorted(CLASSES)):
        low, middle, high = np.percentile(filling.leaves[CLASSES[uid]], [5, 50, 95])
        axes.plot([low, high], [row, row], color=PLAIN, linewidth=3, label=None if row else "filled by an event")
        axes.plot(middle, row, "|", color=PLAIN, markersize=14, markeredgewidth=3)
    axes.set_yticks(rows, _captions())
    axes.set(xlabel="columns", ylim=(len(CLASSES) - 0.4, -0.6))
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.3, 1), ncols=3, handlelength=1.2)
    alt = "Bars for seven classes. Each offers between one hundred and fifty and three hundred columns at depth two and about three times as many at depth three. The marks for what an event fills all lie below one hundred and fifty."
    return Drawing(drawing, alt)


@styled
def fill_map(filling: Filling) -> Drawing:
    """Share of the events of each class (rows) that fill a column (columns, in the order of the filling)."""
    drawing, (axes,) = figure(height=2.7)
    shares = np.stack([filling.shares[CLASSES[uid]] for uid in sorted(CLASSES)])
    picture = axes.imshow(shares, cmap=_CLEAR, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(CLASSES)), _captions())
    axes.set_yticks(np.arange(len(CLASSES) - 1) + 0.5, minor=True)
    axes.grid(visible=False)
    axes.grid(axis="y", which="minor", visible=True)
    axes.tick_params(which="minor", length=0)
    axes.set_xlabel("column, those of most classes first")
    drawing.colorbar(picture, label="share of events", ticks=[0, 0.5, 1])
    alt = "A picture with a row for each of seven classes and a column for each column of the table. At the left a block that all classes fill; further right ever more scattered stripes, most of them in one or two classes only."
    return Drawing(drawing, alt)


def who_notices(noticed: Mapping[str, Sequence[Noticed]]) -> Markdown:
    """A table of planted mistakes, and in which share of the events each is noticed, over the seeds."""
    rows = [
        [defect, _range([n.schema for n in seeds]), _range([n.all_checks for n in seeds])]
        for defect, seeds in noticed.items()
    ]
    return table(["Planted mistake", "JSON Schema alone notices", "With three more rules"], rows)


def _range(shares: Sequence[float]) -> str:
    if min(shares) == max(shares) and max(shares) in (0, 1):
        return "always" if max(shares) else "never"
    return f"{min(shares):.0%} to {max(shares):.0%}"


def _captions() -> list[str]:
    return [ocsf_class(uid)["caption"] for uid in sorted(CLASSES)]
