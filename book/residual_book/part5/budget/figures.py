"""Figures and tables of what the detectors find, for `book/part5/budget.md`."""

from collections.abc import Sequence

import numpy as np
from IPython.display import Markdown

from residual.simulate import TYPES
from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.recall import found, hours, recall
from residual_book.evaluation.watched import BUDGET, BUDGETS
from residual_book.part5.budget.aims import aims
from residual_book.part5.budget.experiment import NAMES, of
from residual_book.stats import Interval
from residual_book.style import INK, OTHER, PAPER, PLAIN, RESIDUAL, Drawing, Look, band, figure, styled, table

LOOKS = {
    "D": Look(RESIDUAL, "s"),
    "kNN": Look(OTHER[0], "^"),
    "V": Look(OTHER[1], "v"),
    "B": Look(PLAIN, "o"),
    "Sup": Look(PAPER, "D"),
}


@styled
def budgets(runs: Sequence[Outcome]) -> Drawing:
    """Recall over alerts per day of some rivals, with bands, and of the others as thin lines."""
    drawing, (axes,) = figure(height=4.4, stacked=5.2)
    for rival in NAMES:
        each = [recall(of(runs, rival), budget) for budget in BUDGETS]
        if rival in LOOKS:
            band(axes, BUDGETS, each, LOOKS[rival], label=NAMES[rival])
        elif not rival.startswith("D "):  # ways to run ours, which the table has
            label = "other rivals" if rival == "guess" else None
            axes.plot(BUDGETS, [share.estimate for share in each], color=INK, alpha=0.45, linewidth=1, label=label)
    axes.set(xscale="log", ylim=(0, 1), xlabel="alerts per day", ylabel="share of episodes found")
    axes.set_xticks(BUDGETS, [str(budget) for budget in BUDGETS])
    axes.minorticks_off()
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    alt = "Share of episodes found over 5, 10, 20 and 50 alerts per day. All lines rise. The detectors of this book lie above all rivals without labels at every budget; the rival that is told labels lies higher from ten alerts on. Counting by the hour flattens below one half, and random windows stay lowest."
    return Drawing(drawing, alt)


def everything(runs: Sequence[Outcome]) -> Markdown:
    """A table of recall in all by rival and budget, and of what ten alerts per day are about."""
    rows = []
    at = BUDGETS.index(BUDGET)
    for rival, name in NAMES.items():
        own = of(runs, rival)
        each = [recall(own, budget) for budget in BUDGETS]
        alerts = sum(run.alerts[at] for run in own)
        about = (sum(getattr(run, what)[at] for run in own) / alerts for what in ("true", "at_twins"))
        rows.append([name, *map(_share, each), *(f"{share:.0%}" for share in about)])
    return table(["Rival", *(f"{budget} per day" for budget in BUDGETS), "Precision", "Twins"], rows)


@styled
def by_type(runs: Sequence[Outcome]) -> Drawing:
    """Recall by type of our detectors at ten and at twenty alerts per day with intervals, beside the best rivals'."""
    drawing, (axes,) = figure(height=5.6, stacked=6.4)
    ours = of(runs, "D")
    for row, kind in enumerate(TYPES):
        for budget, offset, marker in ((10, -0.17, "s"), (20, 0.17, "o")):
            share = recall(ours, budget, [kind])
            label = f"{budget} per day" if not row else None
            axes.plot([share.low, share.high], [row + offset] * 2, color=RESIDUAL, alpha=0.5)
            filled = RESIDUAL if budget == BUDGET else "none"
            axes.plot(share.estimate, row + offset, marker, color=RESIDUAL, markerfacecolor=filled, label=label)
        told = recall(of(runs, "Sup"), BUDGET, [kind]).estimate
        axes.plot(told, row, "D", color=PAPER, alpha=0.8, markersize=5, label=NAMES["Sup"] if not row else None)
    axes.set(xlim=(-0.03, 1.03), ylim=(len(TYPES) - 0.5, -0.5), xlabel="share of episodes found")
    axes.set_yticks(range(len(TYPES)), [name.replace("_", " ") for name in TYPES])
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.2, 1), ncols=3)
    alt = "For each of eleven types, the share that the detectors find with ten alerts per day and with twenty, with intervals that are wide, and what the rival finds that is told labels. Persistence is lowest with ten by far, and gains most from twenty."
    return Drawing(drawing, alt)


@styled
def delays(runs: Sequence[Outcome]) -> Drawing:
    """Share of all episodes found within so many hours, with thresholds from the past."""
    drawing, (axes,) = figure(height=3.2)
    for rival, look in LOOKS.items():
        own = of(runs, rival)
        taken, n = np.sort(hours(own)), sum(len(found(run, BUDGET)) for run in own)
        axes.step(taken, np.arange(1, len(taken) + 1) / n, where="post", color=look.color, label=NAMES[rival])
    axes.set(xscale="log", xlim=(0.1, 15), ylim=(0, 1), xlabel="hours since the first event", ylabel="episodes found")
    axes.set_xticks([0.25, 1, 4, 12], ["¼", "1", "4", "12"])
    axes.minorticks_off()
    axes.legend(loc="upper left")
    alt = "Five rising curves over hours on a logarithmic scale. They rise most within the first four hours."
    return Drawing(drawing, alt)


def aimed(runs: Sequence[Outcome]) -> Markdown:
    """A table of the aims, with what was measured, and whether each was reached."""
    rows = []
    for aim in aims(runs).values():
        scale, digits = (1.0, 1) if aim.unit == "hours" else (100.0, 1)
        value, low, high = (f"{scale * x:.{digits}f}" for x in (aim.value.estimate, aim.value.low, aim.value.high))
        unit = "%" if aim.unit == "%" else f" {aim.unit}"
        rows.append([aim.wanted, f"{value}{unit} ({low} to {high})", "reached" if aim.reached else "**missed**"])
    return table(["Aim", "Measured", ""], rows, left=2)


def _share(share: Interval) -> str:
    return f"{share.estimate:.2f}<br>({share.low:.2f} to {share.high:.2f})"
