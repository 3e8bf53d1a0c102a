"""Figures and tables of `book/part5/distance.md`."""

from collections.abc import Sequence

import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes

from residual.simulate import TYPES
from residual_book.evaluation.recall import recall
from residual_book.evaluation.watched import BUDGET, BUDGETS
from residual_book.part5.distance import thresholds
from residual_book.part5.distance.cases import (
    CASES,
    DETECTORS,
    KS,
    NORMAL,
    ODD,
    Run,
    clump,
    ring,
    sample,
    scattered,
    shares,
    two_groups,
)
from residual_book.part5.distance.organization import COUNTING, RIVALS, Shown, of
from residual_book.part5.distance.organization import Run as OrganizationRun
from residual_book.stats import mean_interval
from residual_book.style import INK, OTHER, PLAIN, RESIDUAL, Drawing, Look, band, figure, narrow, sheet, styled, table

COLORS = dict(zip(DETECTORS, (RESIDUAL, OTHER[0], PLAIN, OTHER[1]), strict=True))
LEVELS = (0.5, 0.9, 0.99)  # shares of normal points that are less odd
LOOKS = {COUNTING: Look(PLAIN, "o"), "neighbors": Look(RESIDUAL, "s")}


@styled
def maps(seed: int = 0) -> Drawing:
    """How odd every place is for each detector, fitted to two groups of points; and three kinds of odd points."""
    drawing = sheet(height=5.6, stacked=6.4)
    rng = np.random.default_rng(seed)
    past, usual = two_groups(rng, NORMAL), two_groups(rng, 2 * NORMAL)
    odd = {"o": scattered(rng, 12), "^": ring(rng, 8), "s": clump(rng, 12)}
    x, y = np.meshgrid(np.linspace(-3, 8.5, 80), np.linspace(-5, 5.5, 80))
    for axes, (name, make) in zip(
        drawing.subplots(2, 2, sharex=True, sharey=True).ravel(), DETECTORS.items(), strict=True
    ):
        detector = make(seed).fit(past)
        levels = np.quantile(detector.oddness(usual), LEVELS)
        height = detector.oddness(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(x.shape)
        shades = [f"{COLORS[name]}{alpha}" for alpha in ("26", "50", "90")]
        axes.contourf(x, y, height, [*levels, max(height.max(), levels[-1]) + 1], colors=shades)
        axes.plot(*past[:250].T, ".", color=INK, markersize=2, alpha=0.5)
        for marker, points in odd.items():
            axes.plot(*points.T, marker, color=INK, markersize=4.5, markerfacecolor="none", markeredgewidth=1)
        axes.set(title=name, xlim=(-3, 8.5), ylim=(-5, 5.5), xticks=[], yticks=[])
        axes.grid(False)
    alt = "Four maps of the same points, a small tight group and a wide one. Neighbors shade all that is far from both groups and pass a ring of points close around the tight one. Local outliers shade that ring too. An isolation forest shades in rectangles, in bands along the axes. Tails shade the outer columns and rows of the map, and leave much of the middle bright."
    return Drawing(drawing, alt)


@styled
def cases(runs: Sequence[Run]) -> Drawing:
    """Each case, and below it what every detector finds: filled dots with a clean past, rings with a contaminated one."""
    drawing = sheet(height=5.2, stacked=10.5)
    grid = (
        drawing.subplots(4, 2, width_ratios=(1, 1.4)).T if narrow() else drawing.subplots(2, 4, height_ratios=(1, 1.25))
    )
    for column, case in enumerate(CASES):
        _points(grid[0][column], case)
        axes = grid[1][column]
        for row, (name, color) in enumerate(COLORS.items()):
            for contaminated, fill, shift in ((False, color, -0.16), (True, "none", 0.16)):
                values = shares(runs, case, name, contaminated=contaminated)
                axes.plot(
                    values,
                    [row + shift] * len(values),
                    "o",
                    color=color,
                    markerfacecolor=fill,
                    markersize=4.5,
                    alpha=0.75,
                )
        axes.set(xlim=(-0.06, 1.06), ylim=(len(COLORS) - 0.5, -0.5), xticks=(0, 0.5, 1))
        axes.set_xticklabels(["0", "½", "1"])
        axes.grid(axis="y", visible=False)
        axes.set_yticks(range(len(COLORS)), list(COLORS) if narrow() or not column else [])
        if not narrow() or column == len(CASES) - 1:
            axes.set_xlabel("share found")
    alt = "Four cases. Scattered points are found by all, mostly. Of the ring around the tight group only local outliers find nearly all. Of the clump all but the tails find nearly all with a clean past, and few or none with a contaminated one, where the isolation forest keeps about a third. Against the grain, the tails find hardly any."
    return Drawing(drawing, alt)


def _points(axes: Axes, case: str) -> None:
    new = sample(case, 0, contaminated=False).new
    axes.plot(*new[:NORMAL:3].T, ".", color=INK, markersize=2, alpha=0.5)
    axes.plot(*new[NORMAL:].T, "o", color=INK, markersize=3.5, markerfacecolor="none", markeredgewidth=0.8)
    axes.set(title=case, xticks=[], yticks=[])
    axes.grid(False)


@styled
def by_neighbor(runs: Sequence[Run]) -> Drawing:
    """What neighbors find by k, of clumps in a contaminated past and of a ring around the tight group."""
    drawing, (axes,) = figure(height=3.0)
    for case, contaminated, look in (("clump", True, Look(RESIDUAL, "o")), ("local", False, Look(OTHER[0], "s"))):
        found = [mean_interval(shares(runs, case, str(k), contaminated=contaminated)) for k in KS]
        band(axes, KS, found, look, label=f"{case}, {'contaminated' if contaminated else 'clean'} past")
    axes.axvline(ODD, color=INK, linewidth=1, linestyle=":")
    axes.set(xscale="log", xlabel="k, the neighbor whose distance counts", ylabel="share found", ylim=(-0.05, 1.05))
    axes.set_xticks(KS, [str(k) for k in KS])
    axes.minorticks_off()
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    alt = "Two curves over k. Of clumps neighbors find nothing up to k = 50, the size of a clump in the past, and all of it from 100 on. Of the ring they find most with k = 1 and nothing from 20 on."
    return Drawing(drawing, alt)


@styled
def lists(runs: Sequence[thresholds.Listed]) -> Drawing:
    """False alarms and finds of a list, by how many scores it is compared with, and by how many of these are spoiled."""
    drawing, (left, right) = figure(2, height=3.2, stacked=2.8, share_y=True)
    spoiled = [100 * share for share in thresholds.SPOILED]
    for axes, x, settings in (
        (left, list(map(float, thresholds.SIZES)), [(size, 0.0) for size in thresholds.SIZES]),
        (right, spoiled, [(thresholds.SIZES[-1], share) for share in thresholds.SPOILED]),
    ):
        band(
            axes,
            x,
            [thresholds.found(runs, *setting) for setting in settings],
            Look(RESIDUAL, "o"),
            label="odd points found",
        )
        band(
            axes,
            x,
            [thresholds.false(runs, *setting) for setting in settings],
            Look(PLAIN, "s"),
            label="false among reported",
        )
        axes.axhline(thresholds.ALPHA, color=INK, linewidth=1, linestyle=":")
    left.set(xscale="log", xlabel="scores to compare with", ylabel="share", ylim=(-0.05, 1.1))
    left.axvline(thresholds.NEEDED, color=INK, linewidth=1, linestyle="--")
    right.set_xscale("symlog", linthresh=0.1, linscale=0.4)
    right.set(xlabel="of these, from odd points (%)", xlim=(-0.02, 6))
    right.set_xticks(spoiled, [f"{share:g}" for share in spoiled])
    right.minorticks_off()
    right.legend(loc="lower left", bbox_to_anchor=(0, 1), handletextpad=0.4) if narrow() else right.legend(
        loc="center right"
    )
    alt = "Left: with fewer scores than a dashed line nothing is reported; beyond it all odd points are found, and about a tenth of what is reported is false. Right: with more and more scores of odd points in the past, first the false alarms go, then the finds, until the list is empty at one percent."
    return Drawing(drawing, alt)


@styled
def day(shown: Shown) -> Drawing:
    """The sign-ins of one day by hour and distance, those of attacks and twins marked."""
    drawing, (axes,) = figure(height=3.2)
    normal = ~(shown.attack | shown.twin)
    axes.plot(shown.hour[normal], shown.odd[normal], ".", color=INK, markersize=3, alpha=0.4, label="normal")
    for name, mask, marker, color in (("benign twin", shown.twin, "s", OTHER[0]), ("attack", shown.attack, "o", PLAIN)):
        if mask.any():
            axes.plot(shown.hour[mask], shown.odd[mask], marker, color=color, markersize=4, alpha=0.7, label=name)
    axes.axhline(shown.usual, color=INK, linewidth=1, linestyle=":")
    axes.set(xlabel="hour of the day", ylabel="distance", xlim=(0, 24), xticks=range(0, 25, 6))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, handletextpad=0.2)
    alt = "Sign-ins of a day as dots by hour and distance to their fifth neighbor; a dotted line lies above most of them, and those of attacks and twins are marked."
    return Drawing(drawing, alt)


def budgets(runs: Sequence[OrganizationRun]) -> Markdown:
    """A table of recall by rival and budget, with intervals."""
    rows = []
    for rival in RIVALS:
        each = [recall(of(runs, rival), budget) for budget in BUDGETS]
        rows.append([rival, *(f"{r.estimate:.2f}<br>({r.low:.2f} to {r.high:.2f})" for r in each)])
    return table(["Rival", *(f"{budget} per day" for budget in BUDGETS)], rows)


@styled
def by_type(runs: Sequence[OrganizationRun]) -> Drawing:
    """Left: recall by type of counting and of neighbors. Right: how many normal events are as odd as each episode's oddest."""
    drawing, (left, right) = figure(2, height=5.0, stacked=4.6)
    for number, (rival, look) in enumerate(LOOKS.items()):
        for row, kind in enumerate(TYPES):
            y = row + (number - 0.5) * 0.34
            each = [recall([run], BUDGET, [kind]).estimate for run in of(runs, rival) if kind in run.type]
            left.plot(each, [y] * len(each), look.marker, color=look.color, alpha=0.45, markersize=4)
            every = recall(of(runs, rival), BUDGET, [kind]).estimate
            left.plot([every] * 2, [y - 0.17, y + 0.17], color=look.color, label=None if row else rival)
    for row, kind in enumerate(TYPES):
        odder = [
            n
            for run in of(runs, "neighbors")
            for n, of_type in zip(run.odder, run.type, strict=True)
            if of_type == kind
        ]
        jitter = 0.5 * (np.arange(len(odder)) % 7 / 6 - 0.5)
        right.plot(np.maximum(odder, 0.03), row + jitter, "o", color=RESIDUAL, markersize=3, alpha=0.5)
    right.axvline(BUDGET, color=INK, linewidth=1, linestyle=":")
    right.set(xscale="log", xlabel="normal events per day as odd")
    right.set_xticks([0.03, 1, 10, 100, 1000], ["0", "1", "10", "100", "1,000"])
    right.minorticks_off()
    left.set(xlim=(-0.03, 1.03), xlabel=f"share found with {BUDGET} alerts per day")
    for axes in (left, right):
        axes.set_ylim(len(TYPES) - 0.5, -0.5)
        axes.set_yticks(range(len(TYPES)), [name.replace("_", " ") for name in TYPES])
        axes.grid(axis="y", visible=False)
    if not narrow():
        right.set_yticklabels([])
    left.legend(loc="lower left", bbox_to_anchor=(-0.3, 1), ncols=2, handletextpad=0.3)
    alt = "Eleven types of episode. Left, counting is ahead of neighbors on brute force, DNS tunnels, scans and cascades, and behind on impossible combinations. Right, dots from none to thousands of normal events per day that are as odd: near none for most impossible combinations and spraying, hundreds for most beacons, exfiltration, persistence and mining."
    return Drawing(drawing, alt)
