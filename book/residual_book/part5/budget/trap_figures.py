"""Figures of the traps of calibration, for `book/part5/budget.md`."""

from collections.abc import Mapping, Sequence

import numpy as np

from residual.detect.metrics import Evaluation
from residual_book.evaluation.live import Live
from residual_book.part5.budget.traps import PROMISED, Seen, came, in_the_day, newcomers, tails, told_at_midnight
from residual_book.style import INK, OTHER, PLAIN, RESIDUAL, Drawing, figure, styled


def in_sample(seen: Seen) -> Drawing:
    """How many entities come where some were promised."""
    return _in_sample(came(seen))


def attacks(seen: Seen) -> Drawing:
    """How odd episodes are to each detector, by three fits of the tail."""
    return _attacks(tails(seen))


def days(seen: Seen, live: Live) -> Drawing:
    """Alerts about new names with and without a learning state; and alerts raised as the day goes, or at its end."""
    return _days(newcomers(seen), live, [live.evaluation(), told_at_midnight(live)])


@styled
def _in_sample(reached: Mapping[str, Sequence[float]]) -> Drawing:
    drawing, (axes,) = figure(width=5.4, height=3.6)
    for (name, number), color in zip(reached.items(), (RESIDUAL, PLAIN), strict=True):
        axes.plot(PROMISED, number, color=color, label=name)
    axes.plot(PROMISED, PROMISED, "--", color=INK, alpha=0.5, linewidth=1, label="as promised")
    axes.set(xscale="log", yscale="log", xlabel="entities per day, promised", ylabel="entities per day that came")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([0.1, 1, 10], ["0.1", "1", "10"])
    axes.minorticks_off()
    axes.legend()
    alt = "Two lines over the promised number of entities per day. Scored by the days before, the number that came lies nearer to the diagonal. With statistics of all days, several times as many came as were promised where few were promised."
    return Drawing(drawing, alt)


@styled
def _attacks(rows: Mapping[str, tuple[float, float, float]]) -> Drawing:
    drawing, (axes,) = figure(height=3.8, stacked=5.4)
    marks = {"tail fitted whole": ("x", PLAIN), "tail censored": ("s", RESIDUAL), "no attacks in it": ("o", OTHER[0])}
    for row, values in enumerate(rows.values()):
        axes.plot([min(values), max(values)], [row, row], color=INK, alpha=0.3, linewidth=1)
        for value, (name, (marker, color)) in zip(values, marks.items(), strict=True):
            axes.plot(value, row, marker, color=color, label=None if row else name)
    axes.set(xscale="log", xlabel="entities per day as odd as an attack", ylim=(len(rows) - 0.4, -0.6))
    axes.set_yticks(range(len(rows)), list(rows), fontsize=8)
    axes.grid(axis="y", visible=False)
    drawing.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=9)
    alt = "For each detector three marks on a logarithmic axis. Without attacks in the null an attack looks rarer, in some detectors a hundred times. The censored tail is close to the whole one in all detectors but one or two, where it is much nearer to the clean null."
    return Drawing(drawing, alt)


@styled
def _days(counts: Mapping[str, int], live: Live, evaluations: Sequence[Evaluation]) -> Drawing:
    drawing, (new, day, clocks) = figure(3, height=3.4, stacked=2.8)
    for row, number in enumerate((counts["new"], 0)):
        new.barh(row, number, color=PLAIN if number else RESIDUAL)
        new.barh(row, counts["alerts"] - number, left=number, color="#80808060")
    new.set_yticks([0, 1], ["without", "with"])
    new.set(title="A learning state", xlabel="alerts on three days", ylim=(1.6, -0.6))
    raised = [in_the_day(alerts) for alerts in live.alerts.values()]
    days_of_test = np.arange(len(raised))
    day.bar(days_of_test, raised, color=RESIDUAL)
    day.bar(
        days_of_test,
        [len(a) - r for a, r in zip(live.alerts.values(), raised, strict=True)],
        bottom=raised,
        color="#80808060",
    )
    day.set(title="As the day goes", xlabel="day of the test", ylabel="alerts")
    names = {"with a threshold": RESIDUAL, "at midnight": PLAIN}
    for evaluation, (name, color) in zip(evaluations, names.items(), strict=True):
        hours = np.sort(evaluation.episodes["hours"].drop_nulls().to_numpy())
        share = np.arange(1, len(hours) + 1) / evaluation.episodes.height
        clocks.step(hours, share, where="post", color=color, label=name)
    clocks.set(title="How soon", xscale="log", xlim=(0.1, 40), ylim=(0, 1), xlabel="hours", ylabel="episodes found")
    clocks.set_xticks([0.25, 1, 4, 24], ["¼", "1", "4", "24"])
    clocks.minorticks_off()
    clocks.legend(loc="upper left", fontsize=8.5)
    alt = "Left, two bars of thirty alerts: without a learning state most are about new names, with one none. Middle, ten alerts on each of fourteen days; between none and all of them are raised before midnight, fewest at weekends. Right, two rising curves over hours: with a threshold from the past half of the episodes are known within an hour or two, at midnight half a day later."
    return Drawing(drawing, alt)
