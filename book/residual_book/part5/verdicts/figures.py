"""Figures of `book/part5/verdicts.md`."""

from collections.abc import Sequence
from dataclasses import replace

from IPython.display import Markdown

from residual.simulate import TYPES
from residual_book.evaluation.outcome import Outcome
from residual_book.part5.verdicts.experiment import FIFTH, NOBODY, RIGHT, TENTH, WEEKS, Played, Run
from residual_book.part5.verdicts.live import NOTHING, TRUE, TWIN, shown
from residual_book.part5.verdicts.outcomes import changed, counting, of, precision, recall, twins
from residual_book.stats import pairs
from residual_book.style import INK, OTHER, PAPER, PLAIN, RESIDUAL, Drawing, Look, figure, styled, table

LOOKS = {NOBODY: Look(PLAIN, "o"), RIGHT: Look(RESIDUAL, "s"), TENTH: Look(PAPER, "^"), FIFTH: Look(OTHER[0], "D")}
COLORS = {TRUE: PLAIN, TWIN: OTHER[0], NOTHING: INK}


@styled
def moves(played: Played) -> Drawing:
    """By how much verdicts moved each alert of the analyst who answers, and those that they displaced."""
    drawing, (axes,) = figure(height=3.8, stacked=4.2)
    some = [one for one in shown(played) if one.alert.shift]
    for number, (what, color) in enumerate(COLORS.items()):
        for displaced, fill in ((False, color), (True, "none")):
            own = [one for one in some if (one.what, one.displaced) == (what, displaced)]
            x = [one.day + 1 + 0.2 * (number - 1) for one in own]
            y = [10**one.alert.shift for one in own]
            axes.plot(
                x, y, "o", color=color, markerfacecolor=fill, alpha=0.75, label=f"{what}{', displaced' * displaced}"
            )
    axes.axhline(1, color=INK, alpha=0.4, linewidth=1)
    axes.set_yscale("log")
    axes.set_yticks([0.1, 0.3, 1, 3, 10], ["÷ 10", "÷ 3", "1", "× 3", "× 10"])
    axes.minorticks_off()
    axes.set(xlabel="test day", ylabel="moved by a factor of", ylim=(0.08, 12))
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=2)
    alt = "Dots by test day and by the factor by which verdicts moved an alert, between a tenth and ten. Most of the displaced ones lie below one, near a tenth; those that were raised lie on both sides of one."
    return Drawing(drawing, alt)


@styled
def weeks(runs: Sequence[Run], rival: Sequence[Outcome]) -> Drawing:
    """Recall, precision and share of twins by week, of the analysts; and the recall of counting by the hour."""
    drawing, panels = figure(3, height=3.9, stacked=2.9)
    at = range(1, WEEKS + 1)
    panels[0].plot(
        at,
        [counting(rival, runs, week).estimate for week in range(WEEKS)],
        ":",
        color=INK,
        label="counting by the hour",
    )
    for number, (analyst, look) in enumerate(LOOKS.items()):
        own = of(runs, analyst)
        measures = (lambda week, own=own: recall(own, [week]), lambda week, own=own: precision(own, week),
                    lambda week, own=own: twins(own, week))  # fmt: skip
        for axes, measure in zip(panels, measures, strict=True):
            some = [measure(week) for week in range(WEEKS)]
            x = [week + 0.06 * (number - 1.5) for week in at]
            axes.plot(x, [one.estimate for one in some], color=look.color, marker=look.marker, label=analyst.name)
            axes.vlines(x, [one.low for one in some], [one.high for one in some], color=look.color, alpha=0.5)
    for axes, title in zip(panels, ("episodes found", "true alerts", "alerts about twins"), strict=True):
        axes.set(title=title, xlabel="test week", xticks=at, ylim=(0, 1))
    panels[0].legend(loc="lower left", fontsize=8.5)
    alt = "Three panels by test week, with four lines each, for analysts who answer nothing, all rightly, with a tenth and with a fifth wrong. On the left the share of episodes found, with a dotted line far below for counting by the hour; in the middle the share of true alerts; on the right the share of alerts about benign twins, which stays low and flat."
    return Drawing(drawing, alt)


def by_type(runs: Sequence[Run]) -> Markdown:
    """A table of the episodes found without answers, with right ones, and of those lost and gained, by type."""
    rows = []
    for kind in (*TYPES, "all"):
        without, right = ([_only(run, kind) for run in of(runs, analyst)] for analyst in (NOBODY, RIGHT))
        found = [sum(f is not None for run in own for f in run.found) for own in (without, right)]
        lost, gained = (sum(changed(*pair)[n] for pair in pairs(right, without)) for n in (0, 1))
        every = sum(len(run.found) for run in without)
        rows.append([kind.replace("_", " "), every, *found, lost, gained])
    return table(["type", "episodes", "found without answers", "with right ones", "lost", "gained"], rows)


def _only(run: Run, kind: str) -> Run:
    """A run with the episodes of one type."""
    return (
        run
        if kind == "all"
        else replace(run, found=tuple(f for f, own in zip(run.found, run.type, strict=True) if own == kind))
    )
