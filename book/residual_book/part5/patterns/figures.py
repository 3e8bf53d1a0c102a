"""Figures and tables of `book/part5/patterns.md`."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from residual.simulate import TYPES
from residual_book.evaluation.live import DAYS, Live
from residual_book.evaluation.watched import BUDGET
from residual_book.part5.patterns import kinds
from residual_book.part5.patterns.experiment import (
    ALL,
    NAMES,
    SOME,
    Ranks,
    alone,
    difference,
    recall,
    share,
    unseen,
    without,
)
from residual_book.part5.patterns.kinds import Case, Seen
from residual_book.stats import Interval
from residual_book.style import INK, OTHER, PLAIN, RESIDUAL, Drawing, figure, narrow, sheet, styled, table

ATTACK, TWIN, NORMAL = PLAIN, OTHER[0], "#80808090"
SHOWN = 6  # one in so many connections of a day is drawn
_CLEAR = LinearSegmentedColormap.from_list("clear", [f"{RESIDUAL}00", RESIDUAL])
SHORT = {
    "failed sign-ins of a user": "failed sign-ins",
    "users who sign in from an address": "users per address",
    "connections of a machine to a host": "connections",
    "log-kilobytes of a machine to a host": "log-kilobytes",
    "users who call from an address": "callers per address",
    "ports that a machine connects to": "ports",
    "lookups of a machine below a domain": "lookups",
    "errors of an application": "errors",
    "steady new contacts of a machine to a host": "new contacts",
    "order of a user's calls": "order of calls",
    "user and address of a call": "user and address",
    "values of a sign-in": "sign-in values",
    "values of a connection": "traffic values",
    "values of a process": "process values",
}


@styled
def volume(seen: Seen, kind: str = "exfiltration") -> Drawing:
    """A machine's connections one by one; then windows of a pair beside what was expected, an attack and its twin."""
    drawing, (single, *panels) = figure(3, height=3.4, stacked=2.6)
    _, one = kinds.connections(seen, kind)
    for inside, color, size, alpha in ((False, NORMAL, 2.5, 0.5), (True, ATTACK, 5, 1)):
        own = one.filter(pl.col("inside") == inside).gather_every(1 if inside else SHOWN)
        single.plot(own["hour"], own["sent"].clip(1), "o", color=color, markersize=size, alpha=alpha)
    single.set(title="One by one", xlabel="hour of the day", ylabel="bytes sent", yscale="log", xticks=range(0, 25, 8))
    for axes, name, color, twin in (
        (panels[0], "A pair: attack", ATTACK, False),
        (panels[1], "A pair: twin", TWIN, True),
    ):
        _windows(axes, kinds.case(seen, kinds.VOLUME, kind, twin=twin), color)
        axes.set(title=name)
    panels[0].set(ylabel="connections in 12 h")
    most = max(axes.get_ylim()[1] for axes in panels)
    for axes in panels:
        axes.set_ylim(0, most)
    alt = "First panel: all connections of a day over its hours on a logarithmic scale of bytes; those of the attack lie among many others. Second: windows of one pair over 28 days, few and low, and at the end a steep rise far above a shaded band. Third: windows of another pair, busy on most days, with a rise above its band, too."
    return Drawing(drawing, alt)


def _windows(axes: Axes, shown: Case, color: str) -> None:
    day, expected, spread = (shown.sights[name].to_numpy() for name in ("day", "expected", "spread"))
    axes.fill_between(
        day, np.maximum(expected - 2 * spread, 0), expected + 2 * spread, color=RESIDUAL, alpha=0.25, linewidth=0
    )
    for inside, look, size in ((False, NORMAL, 3.5), (True, color, 6)):
        own = shown.sights.filter(pl.col("inside") == inside)
        axes.plot(own["day"], own["value"], "o", color=look, markersize=size)
    axes.set(xlabel="day", xlim=(0, DAYS), xticks=range(0, DAYS + 1, 7))


@styled
def together(live: Live, seen: Seen) -> Drawing:
    """How often two values were expected together and seen; attacks and twins of one event among them."""
    drawing, (axes,) = figure(height=3.9)
    normal = kinds.met(live)
    axes.plot(
        normal["expected"] + 1, normal["seen"] + 1, "o", color=NORMAL, markersize=4, label="two values of an event"
    )
    line = np.array([1, normal["seen"].to_numpy().max() + 1])
    axes.plot(line, line, color=INK, linewidth=0.8, alpha=0.6)
    for name, color, marker, twin in (("an attack", ATTACK, "D", False), ("its twin", TWIN, "s", True)):
        own = kinds.impossible(seen, twin=twin)
        axes.plot(own["expected"] + 1, own["value"] + 1, marker, color=color, markersize=8, label=name, clip_on=False)
        x, y, detail = own.select("expected", "value", "detail").row(0)  # the oddest
        if not narrow():
            side, shift = ("right", -9) if twin else ("left", 9)
            axes.annotate(
                detail, (x + 1, y + 1), xytext=(shift, 0), textcoords="offset points", ha=side, va="center", size=9
            )
    axes.set(xscale="log", yscale="log", xlabel="expected together, plus 1", ylabel="seen together, plus 1")
    axes.set_ylim(bottom=0.9)
    axes.legend(loc="upper left")
    alt = "A cloud of dots about the diagonal of two logarithmic axes: pairs of values that come together about as often as expected. Far below it, at the bottom right, the pairs of attacks, expected more than a thousand times and never seen; those of a twin are nearer to the cloud."
    return Drawing(drawing, alt)


@styled
def order(seen: Seen) -> Drawing:
    """How odd the order of two users' calls is, hour by hour: one who is attacked, and one who often works like this."""
    drawing, panels = figure(2, height=3.3, stacked=2.6, share_y=True)
    for axes, name, color, twin in ((panels[0], "attack", ATTACK, False), (panels[1], "twin", TWIN, True)):
        shown = kinds.case(seen, kinds.ORDER, "persistence", twin=twin)
        for inside, look, size in ((False, NORMAL, 4), (True, color, 7)):
            own = shown.sights.filter(pl.col("inside") == inside)
            axes.plot(own["day"], own["score"], "o", color=look, markersize=size)
        axes.set(
            title=f"{name}: calls of {shown.entities[0]}", xlabel="day", xlim=(0, DAYS), xticks=range(0, DAYS + 1, 7)
        )
    panels[0].set(ylabel="oddest order in the hour, nats", ylim=(0, None))
    alt = "Two panels of dots over 28 days. Left, the hours of the attack are among the highest of their user's in the last weeks. Right, the hours of the twin lie in the middle of what its user does on any day."
    return Drawing(drawing, alt)


@styled
def contacts(seen: Seen) -> Drawing:
    """The connections of a beacon, and of the machines of an updater: when, and how much is sent."""
    drawing, panels = figure(2, height=3.3, stacked=2.6)
    colors = (ATTACK, RESIDUAL, *OTHER, INK)
    for axes, name, twin in ((panels[0], "beacon", False), (panels[1], "updater", True)):
        machines = kinds.new_pairs(seen, twin=twin)
        for calls, color in zip(machines, colors[int(twin) :], strict=False):
            axes.plot(calls["hours"], calls["sent"].clip(1), "o-", color=color, linewidth=0.8, markersize=5)
        many = f"{len(machines)} machine{'s' * (len(machines) > 1)}"
        middle = float(np.median(np.concatenate([calls["sent"].fill_null(0).to_numpy() for calls in machines])))
        axes.set(title=f"{name}: {many} to one host", xlabel="hours since the first call", yscale="log")
        axes.set_ylim(middle / 30, middle * 30)
    panels[0].set(ylabel="bytes sent")
    alt = "Two panels of dots joined by lines, over hours and bytes sent on a logarithmic scale. Left, one machine calls again and again with nearly the same size. Right, several machines do so at the same pace, each with a line of its own."
    return Drawing(drawing, alt)


@styled
def rhythm(runs: Sequence[Ranks]) -> Drawing:
    """The place among all pairs of a day of each pair that calls like a beacon, by three ways to rank."""
    drawing, panels = figure(2, height=3.4, stacked=2.6, share_y=True)
    rng = np.random.default_rng(0)
    ways = {"rita": "RITA's score", "new": "the same, new pairs first", "contacts": "new contacts"}
    for axes, name, color, twin in ((panels[0], "beacons", ATTACK, False), (panels[1], "updaters", TWIN, True)):
        own = [place for run in runs for place in run.places if place.twin == twin]
        for row, way in enumerate(ways):
            values = np.array([getattr(place, way) for place in own])
            axes.plot(values, row + rng.uniform(-0.25, 0.25, len(values)), "o", color=color, alpha=0.5, markersize=4.5)
            axes.plot([np.median(values)] * 2, [row - 0.35, row + 0.35], color=INK)
        axes.axvspan(0.8, BUDGET + 0.5, color=RESIDUAL, alpha=0.15, linewidth=0)
        axes.set(title=name, xscale="log", xlabel="place among the pairs of a day", xlim=(0.8, 2000))
        axes.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
    panels[0].set_yticks(range(len(ways)), list(ways.values()))
    panels[0].set_ylim(len(ways) - 0.5, -0.5)
    alt = "Two panels with three rows of dots on a logarithmic scale of places from 1 to 2,000, the first ten shaded. By RITA's score most beacons and all updaters lie far beyond the first ten. By new contacts most beacons lie within the first ten, and most updaters near them."
    return Drawing(drawing, alt)


@styled
def alone_by_type(runs: Sequence[Ranks], budget: int = SOME) -> Drawing:
    """Share of each type that each detector finds alone, as a heat map; below, all of them with the usual budget."""
    drawing = sheet(height=6.2, stacked=7.0)
    axes = drawing.subplots()
    shares = np.array([[share(runs, alone(name), budget, kind) for kind in TYPES] for name in NAMES])
    every = np.array([[share(runs, ALL, BUDGET, kind) for kind in TYPES]])
    shown = np.vstack([shares, np.full((1, len(TYPES)), np.nan), every])
    axes.imshow(shown, cmap=_CLEAR, vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(shown):
        if value >= 0.005:
            axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", size=9, color=INK)
    labels = [*(SHORT[name] for name in NAMES), "", f"all, {BUDGET} per day"]
    axes.set_yticks(range(len(labels)), labels)
    names = [kind.replace("_", "\N{NO-BREAK SPACE}") for kind in TYPES]
    axes.set_xticks(range(len(TYPES)), names, rotation=90 if narrow() else 50, ha="left", rotation_mode="anchor")
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    alt = "A heat map with a row for each of fourteen detectors and a column for each of eleven types of episode, with percentages. Most rows have one or two dark cells: each detector finds its own type and little else. A last row apart from the others, for all detectors together, is dark in most columns."
    return Drawing(drawing, alt)


@styled
def ablation(runs: Sequence[Ranks], budget: int = BUDGET) -> Drawing:
    """What is found less without each detector, with its interval: of all types, and of the type that loses most."""
    drawing, panels = figure(2, height=4.4, stacked=4.0, share_y=True)
    for row, name in enumerate(NAMES):
        kind = most_lost(runs, name, budget)
        lost = difference(runs, ALL, without(name), budget), difference(runs, ALL, without(name), budget, [kind])
        for axes, interval, color in zip(panels, lost, (RESIDUAL, ATTACK), strict=True):
            axes.plot([100 * interval.low, 100 * interval.high], [row, row], color=color)
            axes.plot(100 * interval.estimate, row, "o", color=color)
        panels[1].annotate(
            kind.replace("_", " "),
            (100, row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            size=9,
            annotation_clip=False,
        )
    for axes, title in zip(panels, ("all types", "the type that loses most"), strict=True):
        axes.axvline(0, color=INK, linewidth=0.8, alpha=0.6)
        axes.set(title=title, xlabel="lost without it (points)")
    panels[0].set_yticks(range(len(NAMES)), [SHORT[name] for name in NAMES])
    panels[0].set_ylim(len(NAMES) - 0.5, -0.5)
    alt = "One row per detector. Left, what all types lose without it: a few points for most, with intervals that reach zero for some. Right, what the type that needs it most loses: more than half of it for brute force, scans, tunnels, and cascades, little for others."
    return Drawing(drawing, alt)


def most_lost(runs: Sequence[Ranks], name: str, budget: int = BUDGET) -> str:
    """The type of which most is lost without a detector."""
    return max(TYPES, key=lambda kind: share(runs, ALL, budget, kind) - share(runs, without(name), budget, kind))


def by_type(runs: Sequence[Ranks]) -> Markdown:
    """A table of what the best detector alone finds of each type, all together, and all but those that are for it."""
    rows = []
    for kind in TYPES:
        best = max(NAMES, key=lambda name: share(runs, alone(name), SOME, kind))
        n = sum(run.type.count(kind) for run in runs)
        shares = (recall(runs, *arm, [kind]) for arm in ((alone(best), SOME), (ALL, BUDGET), (unseen(kind), BUDGET)))
        rows.append([kind.replace("_", " "), SHORT[best], n, *map(_interval, shares)])
    heads = [
        "Type",
        "Best detector alone",
        "Episodes",
        f"{SOME} per day",
        f"All detectors, {BUDGET} per day",
        "Type unseen",
    ]
    return table(heads, rows, left=2)


def _interval(of: Interval) -> str:
    return f"{of.estimate:.2f}<br>({of.low:.2f} to {of.high:.2f})"
