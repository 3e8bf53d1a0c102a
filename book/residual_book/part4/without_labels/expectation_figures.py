"""Figures and tables of `book/part4/without-labels.md` on what entities are expected to do."""

from collections.abc import Sequence

import numpy as np
from IPython.display import Markdown

from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.recall import recall
from residual_book.evaluation.watched import BUDGETS
from residual_book.part4.without_labels.expectations import ARMS, RIVALS, Run, better, gains
from residual_book.part4.without_labels.one_entity import Example
from residual_book.stats import mean_interval
from residual_book.style import INK, OTHER, PLAIN, RESIDUAL, Drawing, figure, seed_lines, styled, table

COLORS = {  # of panels
    "user": RESIDUAL,
    "machine": PLAIN,
    "address": OTHER[0],
    "application": INK,
    "machine and destination": OTHER[1],
    "user and address": OTHER[2],
}
CURVES = ("machine", "user and address")  # panels whose training is drawn


@styled
def gain_by_feature(runs: Sequence[Run]) -> Drawing:
    """How much the network gains over the seasonal mean on each feature, with intervals over organizations."""
    drawing, (axes,) = figure(height=8.2, stacked=11)
    every = gains(runs, over=["seasonal mean"])
    drawn: set[str] = set()
    for row, (name, gain) in enumerate(every.items()):
        panel = name.partition(": ")[0]
        color = COLORS[panel]
        axes.plot([1000 * gain.low, 1000 * gain.high], [row, row], color=color)
        axes.plot(1000 * gain.estimate, row, "o", color=color, label="" if panel in drawn else panel)
        drawn.add(panel)
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_xscale("symlog", linthresh=10, linscale=1)
    axes.set(ylim=(len(every) - 0.5, -0.5), xlabel="gain in log score per window (thousandths of a nat)")
    axes.set_xticks([-10, -5, 0, 5, 10, 30, 100], ["-10", "-5", "0", "5", "10", "30", "100"])
    axes.minorticks_off()
    axes.set_yticks(range(len(every)), [_short(name) for name in every])
    axes.legend(loc="lower left", bbox_to_anchor=(-0.45, 1), ncols=3)
    above = sum(gain.low > 0 for gain in every.values())
    alt = f"One row per feature, {len(every)} in all, with a dot and an interval for the gain over the seasonal mean. {above} intervals lie above zero. The pairs of users and addresses gain most, then events of machines and addresses; those of applications lie at zero or below."
    return Drawing(drawing, alt)


def _short(name: str) -> str:
    return name.partition(": ")[2].replace("authentication", "sign-in").replace("different ", "").replace(",", "")


@styled
def one_window(shown: Example) -> Drawing:
    """What was seen of an entity, and the bands in which nine of ten values were expected by the rival and the network."""
    drawing, panels = figure(2, height=3.4, stacked=2.6, share_y=True)
    looks = {"seasonal mean": PLAIN, "network": RESIDUAL}
    hours = shown.hour - shown.hour[shown.at]
    for axes, (arm, color) in zip(panels, looks.items(), strict=True):
        low, middle, high = shown.expected[arm].T
        axes.fill_between(hours, low, high, step="mid", color=color, alpha=0.25, linewidth=0)
        axes.step(hours, middle, where="mid", color=color)
        axes.plot(hours, shown.seen, "o", color=INK, markersize=3.5)
        axes.plot(0, shown.seen[shown.at], "o", color=OTHER[1], markersize=8, fillstyle="none")
        axes.set(title=f"expected by the {arm}", xlabel="hours from the window")
    panels[0].set_ylabel(shown.feature.replace(", ", ": ") + " per hour")
    alt = f"Two panels with the same dots, one per hour: what one machine did. A stepped line and a band in each say what was expected, on the left by the seasonal mean, on the right by the network. One window, circled, has {shown.seen[shown.at]:.0f} where the network expected at most {shown.expected['network'][shown.at, 2]:.0f}."
    return Drawing(drawing, alt)


@styled
def training(runs: Sequence[Run]) -> Drawing:
    """The loss on the days that stop the training, less that of the rival, with the skip path and without."""
    drawing, panels = figure(2, height=3.2, stacked=2.6)
    names = [name for name in CURVES if name in runs[0].curve] or list(runs[0].curve)
    for axes, name in zip(panels, names, strict=False):
        for label, color, which in (
            ("with skip path", RESIDUAL, "curve"),
            ("without", PLAIN, "curve_without"),
        ):
            lines = [[loss - run.curve[name][0] for loss in getattr(run, which)[name]] for run in runs]
            seed_lines(axes, range(len(lines[0])), lines, label=label, color=color, alpha=0.7)
        axes.axhline(0, color=INK, linewidth=1)
        gain = max(run.curve[name][0] - min(run.curve[name]) for run in runs) or 1.0
        axes.set(title=name, xlabel="passes", ylim=(-1.3 * gain, 2 * gain))
    panels[0].set_ylabel("loss less the rival's (nats)")
    panels[0].legend()
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    alt = "Two panels, one line per organization. With the skip path the loss starts at that of the rival, which is zero here, and falls in the first passes. Without it the loss starts far above the panel, and comes down to the other lines after many passes, or stays above them."
    return Drawing(drawing, alt)


def arms(runs: Sequence[Run]) -> Markdown:
    """A table of what each arm gains over the seasonal mean: the share of features, and the mean over all of them."""
    rows = []
    for arm in (arm for arm in ARMS if arm not in RIVALS):
        share = mean_interval([100 * better(run, arm, ["seasonal mean"]) for run in runs])
        gain = mean_interval(
            [1000 * float(np.mean(np.subtract(run.score[arm], run.score["seasonal mean"]))) for run in runs]
        )
        rows.append([
            ARMS[arm], f"{share.estimate:.0f}% ({share.low:.0f} to {share.high:.0f})",
            f"{gain.estimate:.1f} ({gain.low:.1f} to {gain.high:.1f})",
        ])  # fmt: skip
    return table(["Expected by", "Features better", "Mean gain (thousandths of a nat)"], rows)


def detectors(outcomes: dict[str, Sequence[Outcome]]) -> Markdown:
    """A table of the recall of each detector by budget, with intervals; `outcomes` by name, one per organization."""
    rows = []
    for name, own in outcomes.items():
        each = [recall(own, budget) for budget in BUDGETS]
        rows.append([name, *(f"{r.estimate:.2f}<br>({r.low:.2f} to {r.high:.2f})" for r in each)])
    return table(["Surprise at", *(f"{budget} per day" for budget in BUDGETS)], rows)
