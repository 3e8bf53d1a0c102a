"""Figures and tables of `book/part3/bar.md`."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from IPython.display import Markdown

from residual.simulate import TYPES
from residual.simulate.calendar import DAY, HOUR, START
from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.recall import found, hours, recall
from residual_book.evaluation.watched import BUDGET, BUDGETS, DAYS, FIRST_WEEK, SECOND_WEEK, TEST
from residual_book.part3.bar.experiment import DEFAULT, GUARD, NAMES, REALISTIC, Found, of
from residual_book.style import INK, OTHER, PAPER, PLAIN, RESIDUAL, Drawing, Look, figure, styled, table

LOOKS = {
    "B": Look(PLAIN, "o"),
    "V": Look(RESIDUAL, "s"),
    "U": Look(OTHER[0], "^"),
    "Sup": Look(PAPER, "D"),
}


@styled
def protocol(shown: Found) -> Drawing:
    """The days of an organization with its episodes; and one day with an episode, its twin, a window and an alert."""
    drawing, (days, day) = figure(2, height=3.6, stacked=2.8)
    spans = {
        "learn": (FIRST_WEEK, INK),
        "null": (SECOND_WEEK, OTHER[2]),
        "test": (TEST, RESIDUAL),
    }
    for name, (span, color) in spans.items():
        days.axvspan(span.start, span.stop, color=color, alpha=0.12, linewidth=0)
        days.text((span.start + span.stop) / 2, 2.55, name, ha="center", va="center")
    for row, twins in enumerate((True, False)):
        first = shown.episodes.filter(pl.col("twin") == twins)["first"].to_numpy()
        x = (first - START) / DAY
        jitter = 0.5 * (np.arange(len(x)) % 7 / 6 - 0.5)
        days.plot(x, row + jitter, "o", color=PLAIN if not twins else OTHER[0], markersize=3.5, alpha=0.7)
    days.set(title="Five weeks", xlim=(0, DAYS), ylim=(-0.5, 2.9), xlabel="day", xticks=range(0, DAYS + 1, 7))
    days.set_yticks([0, 1], ["twins", "episodes"])
    days.grid(False)

    origin = START + shown.day * DAY
    rows = {"twin": (shown.twin, OTHER[0]), "episode": (shown.events, PLAIN)}
    for row, (times, color) in enumerate(rows.values()):
        day.plot((times - origin) / HOUR, [row] * len(times), "o", color=color, markersize=5, alpha=0.8)
    begin, end = ((t - origin) / HOUR for t in shown.window)
    day.axvspan(begin, end, ymin=0.42, ymax=0.75, color=RESIDUAL, alpha=0.25, linewidth=0)
    day.plot([end], [1.6], "v", color=RESIDUAL, markersize=9)
    day.annotate("alert", (end, 1.6), xytext=(6, 4), textcoords="offset points")
    day.set(title="One day", ylim=(-0.6, 2), xlabel=f"hour of day {shown.day}")
    day.set_yticks([0, 1], list(rows))
    alt = f"Left, 35 days in three colored spans: learn for seven days, null for seven, test for 21; dots for episodes and for twins all over them. Right, the events of one episode, {shown.type}, in the course of a day, a shaded window that ends on the hour after some of them, with an alert at its end; and the events of a twin."
    return Drawing(drawing, alt)


@styled
def by_type(runs: Sequence[Outcome], budget: int = BUDGET) -> Drawing:
    """Recall by type at a budget: one dot per organization and rival, and a stroke at the recall of all together."""
    drawing, (axes,) = figure(height=6.4, stacked=7.2)
    step = 0.8 / len(LOOKS)
    for number, (rival, look) in enumerate(LOOKS.items()):
        own = of(runs, rival)
        for row, kind in enumerate(TYPES):
            y = row + (number - (len(LOOKS) - 1) / 2) * step
            each = [recall([run], budget, [kind]).estimate for run in own if kind in run.type]
            axes.plot(each, [y] * len(each), look.marker, color=look.color, alpha=0.5, markersize=4.5)
            every = recall(own, budget, [kind]).estimate
            axes.plot(
                [every] * 2, [y - step / 2, y + step / 2], color=look.color, label=NAMES[rival] if not row else ""
            )
    for row in range(len(TYPES) - 1):
        axes.axhline(row + 0.5, color=INK, alpha=0.15, linewidth=0.8)
    axes.set(
        xlim=(-0.03, 1.03),
        ylim=(len(TYPES) - 0.5, -0.5),
        xlabel=f"share of episodes found with {budget} alerts per day",
    )
    axes.set_yticks(range(len(TYPES)), [name.replace("_", " ") for name in TYPES])
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.2, 1), ncols=2)
    alt = "For each of eleven types of episode, four rows of dots between zero and one. Brute force, DNS tunnels, exfiltration, scans and mining lie near one for the rivals by volume; valid accounts, persistence and impossible combinations below one half, except for the rival that is told labels. Counting is ahead of volume on spraying and cascades, and near zero on beacons, exfiltration and mining."
    return Drawing(drawing, alt)


def budgets(runs: Sequence[Outcome]) -> Markdown:
    """A table of recall in all by rival and budget, with intervals."""
    rows = []
    for rival, name in NAMES.items():
        each = [recall(of(runs, rival), budget) for budget in BUDGETS]
        rows.append([name, *(f"{r.estimate:.2f}<br>({r.low:.2f} to {r.high:.2f})" for r in each)])
    return table(["Rival", *(f"{budget} per day" for budget in BUDGETS)], rows)


@styled
def alerts(runs: Sequence[Outcome], budget: int = BUDGET) -> Drawing:
    """What the alerts of each rival were about, at the default rate of episodes and at the realistic one."""
    drawing, panels = figure(2, height=3.0, stacked=2.6, share_y=True)
    at = BUDGETS.index(budget)
    names = ("episode", "twin", "nothing")
    titles = {DEFAULT: "many episodes", REALISTIC: "two per week"}
    for axes, (rate, title) in zip(panels, titles.items(), strict=True):
        for row, rival in enumerate(LOOKS):
            own, left = of(runs, rival, rate), 0.0
            total = sum(run.alerts[at] for run in own)
            true, twins = (sum(getattr(run, what)[at] for run in own) / total for what in ("true", "at_twins"))
            for name, share, color in zip(
                names, (true, twins, 1 - true - twins), (RESIDUAL, OTHER[0], "#80808060"), strict=True
            ):
                axes.barh(row, 100 * share, left=left, color=color, label=name if not row else "")
                left += 100 * share
        axes.set(title=title, xlabel=f"{budget} alerts per day (%)", xlim=(0, 100), xticks=(0, 50, 100))
        axes.grid(False)
        axes.set_yticks(range(len(LOOKS)), [NAMES[rival] for rival in LOOKS])
    panels[0].invert_yaxis()
    drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    alt = "Stacked bars, one per rival and panel. With many episodes nearly a third of the alerts are about an episode and a sixth about a twin, and more than half are about an episode for the rival that is told labels. With two episodes per week nearly all alerts are about nothing."
    return Drawing(drawing, alt)


@styled
def delays(runs: Sequence[Outcome], budget: int = BUDGET) -> Drawing:
    """Share of all episodes found within so many hours, with thresholds from the past."""
    drawing, (axes,) = figure(height=3.2)
    for rival, look in LOOKS.items():
        own = of(runs, rival)
        taken, n = np.sort(hours(own, budget)), sum(len(found(run, budget)) for run in own)
        axes.step(taken, np.arange(1, len(taken) + 1) / n, where="post", color=look.color, label=NAMES[rival])
    axes.set(xscale="log", xlim=(0.2, 30), ylim=(0, 1), xlabel="hours since the first event", ylabel="episodes found")
    axes.set_xticks([0.25, 1, 4, 12, 24], ["¼", "1", "4", "12", "24"])
    axes.minorticks_off()
    axes.legend(loc="lower right")
    alt = "Four rising curves over hours on a logarithmic scale, which flatten after about four hours. The one of the rival that is told labels rises first and ends above nine tenths; the two by volume end near six tenths and counting near four."
    return Drawing(drawing, alt)


def everybody(runs: Sequence[Outcome], budget: int = GUARD) -> Markdown:
    """A table of what the rival that is told labels finds of each type."""
    rows = []
    for kind in TYPES:
        share = recall(of(runs, "Sup"), budget, [kind])
        n = sum(run.type.count(kind) for run in of(runs, "Sup"))
        rows.append([kind.replace("_", " "), n, f"{share.estimate:.2f}", f"{share.low:.2f} to {share.high:.2f}"])
    return table(["Type", "Episodes", f"Found with {budget} alerts per day", "95% interval"], rows)
