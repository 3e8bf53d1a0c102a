"""Figures of the traps of calibration, for `book/part5/budget.md`."""

import numpy as np

from residual_book.evaluation.live import Live
from residual_book.part5.budget.traps import PROMISED, Seen, came, in_the_day, newcomers, tails, told_at_midnight
from residual_book.style import INK, OTHER, PLAIN, RESIDUAL, Drawing, figure, styled


@styled
def nulls(seen: Seen) -> Drawing:
    """How many entities come where some were promised; and how odd episodes are, by three fits of the tail."""
    drawing, (promises, fits) = figure(2, height=4.0, stacked=3.6)
    colors = (RESIDUAL, PLAIN)
    for (name, number), color in zip(came(seen).items(), colors, strict=True):
        promises.plot(PROMISED, number, color=color, label=name)
    promises.plot(PROMISED, PROMISED, "--", color=INK, alpha=0.5, linewidth=1, label="as promised")
    promises.set(xscale="log", yscale="log", title="Null in sample", xlabel="entities per day, promised", ylabel="came")
    for axis in (promises.xaxis, promises.yaxis):
        axis.set_ticks([0.1, 1, 10], ["0.1", "1", "10"])
    promises.minorticks_off()
    promises.legend(loc="lower right", fontsize=9)
    marks = {"tail fitted whole": ("x", PLAIN), "censored": ("s", RESIDUAL), "without attacks": ("o", OTHER[0])}
    rows = tails(seen)
    for row, values in enumerate(rows.values()):
        fits.plot([min(values), max(values)], [row, row], color=INK, alpha=0.3, linewidth=1)
        for value, (name, (marker, color)) in zip(values, marks.items(), strict=True):
            fits.plot(value, row, marker, color=color, label=name if not row else None)
    fits.set(
        xscale="log",
        title="Attacks in the null",
        xlabel="entities per day as odd as an episode",
        ylim=(len(rows) - 0.4, -1.9),
    )
    fits.set_yticks(range(len(rows)), [name.replace(" of a", "\nof a", 1) for name in rows], fontsize=7.5)
    fits.grid(axis="y", visible=False)
    fits.legend(loc="upper left", fontsize=8, ncols=3, columnspacing=0.8, handletextpad=0.1)
    alt = "Left, two lines over the promised number of entities per day: a day scored by the days before keeps closer to the diagonal, and a null that was in the sample lets more come than promised, most where few were promised. Right, for each detector three marks: with attacks in the null episodes look far more common than without, and censoring moves some of them a little."
    return Drawing(drawing, alt)


@styled
def days(seen: Seen, live: Live) -> Drawing:
    """Alerts about new names with and without a learning state; and alerts raised as the day goes, or at its end."""
    drawing, (new, day, clocks) = figure(3, height=3.4, stacked=2.8)
    counts = newcomers(seen)
    for row, number in enumerate((counts["new"], 0)):
        new.barh(row, number, color=PLAIN if number else RESIDUAL)
        new.barh(row, counts["alerts"] - number, left=number, color="#80808060")
    new.set_yticks([0, 1], ["without", "with"])
    new.set(title="A learning state", xlabel="alerts; colored: about new names", ylim=(1.6, -0.6))
    raised = [in_the_day(alerts) for alerts in live.alerts.values()]
    days_of_test = np.arange(len(raised))
    day.bar(days_of_test, raised, color=RESIDUAL)
    day.bar(
        number,
        [len(a) - r for a, r in zip(live.alerts.values(), raised, strict=True)],
        bottom=raised,
        color="#80808060",
    )
    day.set(title="As the day goes", xlabel="day of the test", ylabel="alerts")
    for evaluation, name, color in (
        (live.evaluation(), "with a threshold", RESIDUAL),
        (told_at_midnight(live), "at midnight", PLAIN),
    ):
        hours = np.sort(evaluation.episodes["hours"].drop_nulls().to_numpy())
        share = np.arange(1, len(hours) + 1) / evaluation.episodes.height
        clocks.step(hours, share, where="post", color=color, label=name)
    clocks.set(title="How soon", xscale="log", xlim=(0.1, 40), ylim=(0, 1), xlabel="hours", ylabel="episodes found")
    clocks.set_xticks([0.25, 1, 4, 24], ["¼", "1", "4", "24"])
    clocks.minorticks_off()
    clocks.legend(loc="upper left", fontsize=8.5)
    alt = "Left, two bars of thirty alerts: without a learning state most are about new names, with one none. Middle, ten alerts on each of fourteen days; between none and all of them are raised before midnight, fewest at weekends. Right, two rising curves over hours: with a threshold from the past half of the episodes are known within an hour or two, at midnight half a day later."
    return Drawing(drawing, alt)
