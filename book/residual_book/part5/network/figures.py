"""Figures and tables of `book/part5/network.md`."""

from collections.abc import Sequence

from IPython.display import Markdown

from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.recall import recall
from residual_book.evaluation.watched import BUDGETS
from residual_book.part5.network.comparisons import Comparison, of
from residual_book.part5.network.experiment import CONTEXT, DETECTORS, NETWORK
from residual_book.style import INK, OTHER, RESIDUAL, Drawing, figure, narrow, styled, table

MARGIN = 5  # points
NAMES = {
    DETECTORS: "the detectors alone",
    NETWORK: "with an untrained network of events",
    CONTEXT: "with its context features alone",
}


@styled
def gains(found: Sequence[Comparison]) -> Drawing:
    """What a network adds, one row per comparison, on the organizations of each recording and on fresh ones."""
    drawing, (axes,) = figure(height=5.2, stacked=7.6)
    axes.axvspan(-MARGIN, MARGIN, color=INK, alpha=0.08, linewidth=0)
    axes.axvline(0, color=INK, alpha=0.4, linewidth=1)
    for row, comparison in enumerate(found):
        for gain, offset, color, face, label in (
            (comparison.gain, -0.15, RESIDUAL, RESIDUAL, "recorded"),
            (comparison.again, 0.15, OTHER[0], "none", "fresh organizations"),
        ):
            if gain is not None:
                axes.plot([100 * gain.low, 100 * gain.high], [row + offset] * 2, color=color)
                axes.plot(
                    100 * gain.estimate,
                    row + offset,
                    "o",
                    color=color,
                    markerfacecolor=face,
                    label=None if row else label,
                )
    rows = [f"{c.network}\nagainst {c.without}" for c in found]
    axes.set_yticks(range(len(found)), rows, fontsize=7.5 if narrow() else 9)
    axes.set(ylim=(len(found) - 0.5, -0.5), xlabel="points of recall that the network adds")
    axes.grid(axis="y", visible=False)
    drawing.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    alt = "Nine rows with an interval or two each. Most lie within five points of zero or to the left of it; contextual and collective anomalies far to the left. Only the row of point anomalies reaches clearly to the right, with wide intervals that begin at zero or below."
    return Drawing(drawing, alt)


def budgets(runs: Sequence[Outcome]) -> Markdown:
    """A table of recall by arm and budget."""
    rows = []
    for arm, name in NAMES.items():
        each = [recall(of(runs, arm), budget) for budget in BUDGETS]
        rows.append([name, *(f"{share.estimate:.2f}<br>({share.low:.2f} to {share.high:.2f})" for share in each)])
    return table(["Arm", *(f"{budget} per day" for budget in BUDGETS)], rows)
