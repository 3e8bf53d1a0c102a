"""Figures and tables of `book/part3/encoding.md`."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from residual_book.organizations import Array
from residual_book.part3.encoding.encodings import BUCKETS, Clock, Looks, Vocabulary
from residual_book.part3.encoding.experiment import Measured
from residual_book.part3.encoding.leakage import ARMS, FORESIGHT
from residual_book.stats import mean_interval
from residual_book.style import INK, OTHER, PAPER, PLAIN, RESIDUAL, Drawing, figure, narrow, sheet, styled, table

_COLORS = (RESIDUAL, PLAIN, OTHER[0], PAPER, *OTHER[1:])
_MARKERS = "os^Dv*"
SIZES = ("bytes sent", "connection, ms", "cloud call, ms")


@styled
def clock(offices: Mapping[str, Clock]) -> Drawing:
    """When offices sign in, as a line that breaks at midnight and on a circle."""
    drawing, places = sheet(height=3.6, stacked=6.0), (2, 1) if narrow() else (1, 2)
    line, circle = drawing.add_subplot(*places, 1), drawing.add_subplot(*places, 2, projection="polar")
    middle = np.arange(24) + 0.5
    for (name, office), color in zip(offices.items(), _COLORS, strict=False):
        line.plot(middle, 100 * office.hours, color=color, label=name)
        around = 100 * np.append(office.hours, office.hours[0])
        circle.plot(2 * np.pi * np.append(middle, 24.5) / 24, around, color=color)
    line.set(xlabel="hour (UTC)", ylabel="sign-ins (%)", xlim=(0, 24), ylim=(0, None), xticks=range(0, 25, 6))
    line.legend(loc="lower left", bbox_to_anchor=(-0.15, 1), ncols=3, handlelength=1, columnspacing=1)
    circle.set_theta_zero_location("N")  # type: ignore[attr-defined]  # a polar axes
    circle.set_theta_direction(-1)  # type: ignore[attr-defined]  # likewise
    circle.set_xticks(2 * np.pi * np.arange(0, 24, 6) / 24, ["0 h", "6", "12", "18"])
    circle.set_yticks([5, 10], ["", ""])
    alt = "Left, three curves over the hours of a day; the curve of Seattle is high at both ends and low in the middle. Right, the same curves around a clock, where each office fills one sector."
    return Drawing(drawing, alt)


@styled
def unknown_values(organizations: Sequence[Measured]) -> Drawing:
    """Share of values that a vocabulary lacks, over the days that it was learned from: mean, lowest and highest."""
    drawing, (axes,) = figure(height=3.2)
    codes = ("query.hostname", "src_endpoint.ip", "dst_endpoint.hostname", "user.name")
    for code, color, marker in zip(codes, _COLORS, _MARKERS, strict=False):
        shares = 100 * np.array([measured.vocabularies[code].unknown for measured in organizations])
        days = range(1, shares.shape[1] + 1)
        mean, low, high = shares.mean(axis=0), shares.min(axis=0), shares.max(axis=0)
        axes.plot(days, mean, color=color, label=code, marker=marker)
        axes.fill_between(days, low, high, color=color, alpha=0.2, linewidth=0)
    axes.set_yscale("symlog", linthresh=1)
    axes.set(xlabel="days that the vocabulary was learned from", ylabel="values unknown (%)", ylim=(-0.2, 110))
    axes.set_yticks([0, 1, 10, 100], ["0", "1", "10", "100"])
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    alt = "Four curves over one to seven days. Names looked up stay far above one half. Addresses fall from five to about two percent, hosts connected to from about two to below one, and users lie at zero."
    return Drawing(drawing, alt)


def vocabularies(codes: Mapping[str, Vocabulary]) -> Markdown:
    """A table of how far a vocabulary goes for each code."""
    return table(
        ["Code", "Different values", "Unknown after 1 day", "Unknown after 7 days"],
        [[f"`{code}`", f"{v.values:,}", f"{v.unknown[0]:.1%}", f"{v.unknown[-1]:.1%}"] for code, v in codes.items()],
    )


@styled
def hashing(organizations: Sequence[Measured]) -> Drawing:
    """Share of values that share their bucket, over values per bucket, beside the formula for many buckets."""
    drawing, (axes,) = figure(height=3.4)
    load = np.geomspace(0.005, 80, 200)
    axes.plot(load, 1 - np.exp(-load), color=INK, linewidth=1.2, label="formula")
    every = [collision for measured in organizations for collision in measured.collisions]
    for buckets, color, marker in zip(BUCKETS, _COLORS, _MARKERS, strict=False):
        own = [collision for collision in every if collision.buckets == buckets]
        x, y = [collision.distinct / buckets for collision in own], [collision.measured for collision in own]
        axes.plot(x, y, marker, color=color, alpha=0.75, markersize=5.5, label=f"{buckets:,} buckets")
    axes.set(xscale="log", xlabel="different values per bucket", ylabel="share that collide", ylim=(-0.03, 1.05))
    axes.set_xticks([0.01, 0.1, 1, 10, 100], ["0.01", "0.1", "1", "10", "100"])
    axes.legend(loc="upper left")
    alt = "Points of four colors on one rising curve, from near zero at one value per hundred buckets to one at ten values per bucket."
    return Drawing(drawing, alt)


@styled
def skews(sizes: Mapping[str, tuple[Array, Array]]) -> Drawing:
    """Two rows of histograms: the numbers of each column in `SIZES` as they are, and as they are encoded."""
    drawing = sheet(height=4.2, stacked=6.0)
    grid = drawing.subplots(len(SIZES), 2).T if narrow() else drawing.subplots(2, len(SIZES))
    for label, (before, after) in zip(SIZES, grid.T, strict=True):
        raw, encoded = sizes[label]
        for axes, values, color in ((before, raw, PLAIN), (after, encoded, RESIDUAL)):
            axes.hist(values, bins=40, color=color, weights=np.full(len(values), 100 / len(values)))
            axes.set_xlim(min(0.0, float(values.min())), float(values.max()))
            axes.grid(axis="x", visible=False)
        before.xaxis.set_major_formatter(EngFormatter(sep=""))
        before.set(title=label, xlabel="as it is")
        after.set(xlabel="encoded")
    for axes in grid.T[0] if not narrow() else grid[0]:
        axes.set_ylabel("events (%)")
    alt = "Above, three histograms of which each has nearly all of its mass in the first bar. Below, the same columns as broad hills."
    return Drawing(drawing, alt)


@styled
def names(looks: Looks) -> Drawing:
    """Names by length and entropy, group by group; of other names, every 24th."""
    drawing, (axes,) = figure(height=3.4)
    for (label, points), color, marker in zip(looks.items(), _COLORS, _MARKERS, strict=False):
        points = points[::24] if label == "other names" else points
        axes.plot(points[:, 0], points[:, 1], marker, color=color, markersize=4, alpha=0.6, label=label)
    axes.set(xlabel="length (bytes)", ylabel="entropy (bits per byte)")
    axes.legend(loc="lower right", markerscale=1.6)
    alt = "A cloud of short names with low entropy at the lower left, and one of long names with high entropy at the upper right. The names of tunnels lie inside the second cloud, among those of antivirus programs and others."
    return Drawing(drawing, alt)


@styled
def stories(attack: pl.DataFrame, twin: pl.DataFrame) -> Drawing:
    """The sign-ins of a user about an attack on the password, and about its benign twin."""
    drawing, panels = figure(2, height=3.2, share_y=True)
    for axes, title, story in zip(panels, ("attack", "its benign twin"), (attack, twin), strict=True):
        axes.plot(story["hours"], story["count"], color=INK, linewidth=0.8, alpha=0.5)
        others, own = story.filter(~pl.col("inside")), story.filter("inside")
        axes.plot(others["hours"], others["count"], "o", color=RESIDUAL, markersize=4, label="its other events")
        axes.plot(own["hours"], own["count"], "s", color=PLAIN, markersize=4, label="of the episode")
        axes.set(title=title, xlabel="hours since it began")
    panels[0].set_ylabel("events in the hour before")
    panels[-1].legend(loc="upper right")
    alt = "Left, a steep climb within an hour from zero to dozens of events, all of the attack. Right, a low plateau of a few events per hour over many hours."
    return Drawing(drawing, alt)


@styled
def foresight(organizations: Sequence[Measured]) -> Drawing:
    """AUC at the first event of an attack, from the past and with the future: one row per type; mean and range."""
    drawing, (axes,) = figure(height=3.2)
    for row, kind in enumerate(FORESIGHT):
        foresight = [measured.foresight[kind] for measured in organizations]
        past, whole = [auc.first_past for auc in foresight], [auc.first_whole for auc in foresight]
        axes.plot([np.mean(past), np.mean(whole)], [row, row], color=INK, linewidth=1, alpha=0.4)
        arms = (past, RESIDUAL, "o", "the past only"), (whole, PLAIN, "s", "the whole table")
        for auc, color, marker, label in arms:
            axes.plot([min(auc), max(auc)], [row, row], color=color, linewidth=3, alpha=0.35)
            axes.plot(np.mean(auc), row, marker, color=color, markersize=8, label=None if row else label)
    _rows(axes, [kind.replace("_", " ") for kind in FORESIGHT], dotted=0.5)
    axes.set(xlabel="AUC for the first event of an attack (dotted: guessing)", xlim=(0, 1.02))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    alt = "Six rows, one for each type of attack. From the past alone the points lie left of or near one half; over the whole table those of brute force, spraying, tunnels and scans lie above nine tenths."
    return Drawing(drawing, alt)


@styled
def gains(organizations: Sequence[Measured]) -> Drawing:
    """What each leak adds to an AUC: one point per seed, and the interval of their mean."""
    drawing, (axes,) = figure(height=2.4)
    for row, arm in enumerate(ARMS):
        points = [measured.gain(arm) for measured in organizations]
        mean = mean_interval(points)
        axes.plot([mean.low, mean.high], [row, row], color=PLAIN, linewidth=6, alpha=0.35)
        axes.plot(mean.estimate, row, "|", color=PLAIN, markersize=16, markeredgewidth=3)
        axes.plot(points, [row] * len(points), "o", color=RESIDUAL, markersize=5)
    _rows(axes, [f"{arm} sees the future" for arm in ARMS], dotted=0)
    axes.set_xlabel("AUC gained on paper")
    alt = "Three rows of points. Those of scaling lie about zero, those of the vocabulary at zero, those of context to the right of it."
    return Drawing(drawing, alt)


def _rows(axes: Axes, labels: Sequence[str], *, dotted: float) -> None:
    """Label the rows from above, and draw a dotted line at a value."""
    axes.axvline(dotted, color=INK, linewidth=1, linestyle=":")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
