"""Figure of `book/part3/conversion.md`."""

from collections.abc import Mapping

from residual_book.part3.conversion.strange import Outcome
from residual_book.style import OTHER, PLAIN, RESIDUAL, Drawing, figure, styled


@styled
def where_they_end(outcomes: Mapping[str, Outcome]) -> Drawing:
    """For each kind of record, the shares of spoiled records that keep all places, lose one, or lose the row."""
    drawing, (axes,) = figure(height=3)
    for row, outcome in enumerate(outcomes.values()):
        left = 0.0
        counts = (outcome.in_place, outcome.aside, outcome.rejected)
        names = ("fills every place", "a place stays empty", "no event")
        for count, name, color in zip(counts, names, (RESIDUAL, OTHER[0], PLAIN), strict=True):
            share = 100 * count / outcome.records
            axes.barh(row, share, 0.7, left=left, color=color, label=None if row else name)
            left += share
    axes.set_yticks(range(len(outcomes)), list(outcomes))
    axes.set(xlabel="records with one strange value (%)", xlim=(0, 100), ylim=(len(outcomes) - 0.5, -0.5))
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, handlelength=1.2)
    alt = "A bar for each of five kinds of record, in three parts. In each bar the middle part, where a place stays empty, is the longest, and the last part, where there is no event, the shortest."
    return Drawing(drawing, alt)
