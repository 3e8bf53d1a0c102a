"""Figures and tables of `book/part3/simulator.md`."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from IPython.display import Markdown
from matplotlib.colors import LinearSegmentedColormap

from residual.simulate import TYPES
from residual_book.organizations import Array, Tables
from residual_book.part3.simulator.afternoon import DETECTORS
from residual_book.part3.simulator.columns import HELD, LIMIT, pooled, worst_by_type
from residual_book.part3.simulator.detectors import VIEWS, Precision
from residual_book.part3.simulator.experiment import Guards, entity_shares
from residual_book.part3.simulator.habits import STEPS
from residual_book.style import INK, OTHER, PAPER, PLAIN, RESIDUAL, Drawing, figure, narrow, styled, table

_CLEAR = LinearSegmentedColormap.from_list("clear", [f"{RESIDUAL}00", RESIDUAL])
OTHERS = "#80808090"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def _words(name: str) -> str:
    return name.replace("_", " ")


@styled
def week(hourly: Mapping[str, Array]) -> Drawing:
    """Heat map of a week from Monday: class -> events in each of its 168 hours, drawn relative to its busiest hour."""
    drawing, (axes,) = figure(height=3.0, stacked=3.6)
    shares = np.stack([events / max(events.max(), 1) for events in hourly.values()])
    picture = axes.imshow(
        shares, cmap=_CLEAR, vmin=0, vmax=1, aspect="auto", interpolation="nearest", extent=(0, 168, len(hourly), 0)
    )
    axes.set_yticks(np.arange(len(hourly)) + 0.5, map(_words, hourly))
    axes.set_xticks(np.arange(7) * 24 + 12, DAYS)
    axes.set_xticks(np.arange(1, 7) * 24, minor=True)
    axes.set_yticks(np.arange(1, len(hourly)), minor=True)
    axes.grid(visible=False)
    axes.grid(which="minor", visible=True)
    axes.tick_params(which="both", length=0)
    side = "bottom" if narrow() else "right"  # on a narrow sheet the names of days need its place
    drawing.colorbar(picture, label="share of the busiest hour", ticks=[0, 0.5, 1], location=side)
    alt = "A heat map with a row for each of seven classes and a column for each hour of a week. Five dark bands, one for each working day, run through all rows; nights are lighter and the weekend is pale."
    return Drawing(drawing, alt)


@styled
def persons_day(day: Tables) -> Drawing:
    """Events along the hours of a day, one row per class, in the color of their session; those of attacks are marked."""
    drawing, (axes,) = figure(height=3.0)
    sizes = pl.concat(day.values())["session"].drop_nulls().value_counts().sort("count", "session", descending=True)
    colors = dict(zip(sizes["session"], (RESIDUAL, *OTHER, PAPER), strict=False))  # of those with most events
    for row, events in enumerate(day.values()):
        rest = events["hour"].filter(~events["session"].is_in(list(colors)).fill_null(False))
        label, marked = (None, None) if row else ("another session, or none", "of an attack")
        axes.plot(rest, [row] * len(rest), "|", color=OTHERS, markersize=11, markeredgewidth=1.4, label=label)
        for session, color in colors.items():
            hours = events["hour"].filter(events["session"] == session)
            axes.plot(hours, [row] * len(hours), "|", color=color, markersize=18, markeredgewidth=1.8)
        marks = events.filter("label.attack")["hour"]
        axes.plot(marks, np.full(len(marks), row - 0.42), "v", color=PLAIN, markersize=5, label=marked)
    axes.set_yticks(range(len(day)), map(_words, day))
    axes.set(xlabel="hour of the day (UTC)", xlim=(0, 24), xticks=range(0, 25, 3), ylim=(len(day) - 0.5, -0.7))
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handlelength=1)
    alt = "Five rows of strokes, one for each class of events. Long strokes in the color of a session run through several rows for a part of the day; short gray ones are of other sessions or name none. Small triangles mark a few of the strokes as belonging to an attack; they look like the others."
    return Drawing(drawing, alt)


@styled
def order(stretch: pl.DataFrame, organizations: Sequence[Guards]) -> Drawing:
    """An attack among its actor's calls, one line per task; and how unusual calls are after the two before them."""
    drawing, (left, right) = figure(2, height=4.2)
    names = list(dict.fromkeys([*STEPS, *stretch["operation"]]))
    colors = (RESIDUAL, PAPER, *OTHER)
    nth = stretch.with_row_index("nth", offset=1)
    for number, run in enumerate(stretch["run"].unique(maintain_order=True)):
        own = nth.filter(pl.col("run") == run)
        rows = [names.index(name) for name in own["operation"]]
        color, width = (PLAIN, 2.2) if run < 0 else (colors[number % len(colors)], 1.0)
        left.plot(own["nth"], rows, "-o", color=color, linewidth=width, markersize=2.5 + width)
    left.set_yticks(range(len(names)), names)
    left.set(title="One line per task", xlabel="calls of one person, in order", ylim=(len(names) - 0.5, -0.5))
    for name, color, style in (("normal work", RESIDUAL, "-"), ("twin", PAPER, "--"), ("attack", PLAIN, "-")):
        odd = np.sort(np.concatenate([guards.order.surprisal[name] for guards in organizations]))
        right.plot(odd, 100 * np.linspace(0, 1, len(odd)), style, color=color, label=name)
    right.set(title="How unusual each call is", xlabel="minus the log of its chance")
    right.set_ylabel("calls at most so unusual (%)")
    right.legend(loc="lower right")
    alt = "First panel: thin lines of several tasks go up and down among the names of operations, and one thick line goes through four operations among them. Second panel: three rising curves; normal work rises first, the twin later, and the attack last."
    return Drawing(drawing, alt)


@styled
def twins(beacons: Sequence[pl.DataFrame], updaters: Sequence[pl.DataFrame]) -> Drawing:
    """The first beacon and the first updater in time, one row per address; and the sizes of all their connections."""
    drawing, (left, right) = figure(2, height=3.5)
    row = 0
    ticks: list[float] = []
    for number, (episodes, color, marker) in enumerate(((beacons, PLAIN, "o"), (updaters, RESIDUAL, "s"))):
        first, machines = episodes[0], episodes[0]["machine"].n_unique()
        left.plot(first["hours"], row + first["machine"], marker, color=color, markersize=4.5)
        ticks.append(row + (machines - 1) / 2)
        row += machines + 1
        for height, calls in zip(number + np.linspace(-0.4, 0.4, len(episodes)), episodes, strict=True):
            right.plot(calls["rank"] * 100, np.full(len(calls), height), marker, color=color, markersize=3, alpha=0.6)
    left.set_yticks(ticks, ["beacon", "updater"], rotation=90, va="center")
    left.set(title="When: one row per address", xlabel="hours since the first", ylim=(row - 1, -1))
    left.grid(axis="y", visible=False)
    right.set(title="How large: one row per episode", xlabel="bytes sent, rank among all (%)", xlim=(-2, 102))
    right.set(yticks=[], ylim=(1.6, -0.6))
    alt = "First panel: one row of dots at uneven distances for the beacon, several rows of evenly spaced squares for the updater. Second panel: the sizes of the connections of every episode in narrow clusters, which lie all over the scale for beacons and for updaters."
    return Drawing(drawing, alt)


@styled
def precision_by_type(types: Precision) -> Drawing:
    """Average precision of both classifiers for each type, one dot per organization; and of guessing, the mean."""
    drawing, (axes,) = figure(height=4.4)
    for row, precision in enumerate(types.values()):
        for name, color, marker in zip(VIEWS, (PLAIN, RESIDUAL), "os", strict=True):
            values, label = precision[name], "" if row else name
            axes.plot(values, [row] * len(values), marker, color=color, alpha=0.75, label=label, clip_on=False)
        label = "" if row else "guesses"
        axes.plot(np.mean(precision["guesses"]), row, "|", color=INK, markersize=13, label=label)
    axes.set_yticks(range(len(types)), map(_words, types))
    axes.set(xlabel="average precision, one dot per organization", xlim=(0, 1), ylim=(len(types) - 0.5, -0.5))
    axes.legend(loc="lower left", bbox_to_anchor=(-0.15, 1), ncols=1 if narrow() else 3, handlelength=1)
    alt = "A row for each of eleven types. The dots of the classifier that sees one event lie at the left, near the marks of guessing, and those of the one that sees the surroundings mostly at the right. For impossible the two overlap."
    return Drawing(drawing, alt)


def injected() -> Markdown:
    """What is injected and its benign twin, each in the words of the function that does it."""
    lines = ["| Type | ATT&CK | Kind | What happens | Its benign twin |", "|:--|:--|:--|:--|:--|"]
    for name, kind in TYPES.items():
        words = ((function.__doc__ or "").splitlines()[0].rstrip(".") for function in (kind.inject, kind.twin))
        attack, twin = (line.replace("|", "/") for line in words)
        twin = f"*{_words(kind.twin.__name__)}*: {twin}"
        lines.append(f"| {_words(name)} | {kind.attack or 'none'} | {kind.kind} | {attack} | {twin} |")
    return Markdown("\n".join(lines))


def worst_columns(organizations: Sequence[Guards]) -> Markdown:
    """A table of the column that may give each held type away most: the one whose interval reaches highest."""
    worst = worst_by_type(pooled(guards.columns for guards in organizations))
    return table(
        ["Type", "Worst column", "By its", "AUC", "99% interval"],
        [
            [_words(name), f"`{a.column}`", a.score, f"{a.auc:.3f}", f"{a.low:.3f} to {a.high:.3f}"]
            for name, a in worst.items()
            if name in HELD
        ],
    )


def summary(organizations: Sequence[Guards]) -> Markdown:
    """A table of the other guards, over the organizations."""
    worst = worst_by_type(pooled(o.columns for o in organizations))
    drawn = pooled(o.drawn for o in organizations)[0]
    labeled = [o.labels.labeled / o.labels.injected for o in organizations]
    rows: list[tuple[str, Sequence[float], str, str]] = [
        ("columns: highest upper end of an interval of an AUC", [max(worst[name].high for name in HELD)], ".3f", f"below {LIMIT}"),
        ("values, formats, ranges and empty cells that only attacks have", [sum(len(o.exclusive) for o in organizations)], "d", "0"),
        ("users, addresses, machines of attacks that benign events have too", entity_shares(organizations), ".0%", "nearly all"),
        ("ids, ports and hashes: lower end of the interval of the worst AUC", [drawn.low], ".3f", "near 0.5"),
        ("hours of attacks and of work: largest distance between the distributions", [o.density.hour for o in organizations], ".3f", "below 0.15"),
        ("the same for the days", [o.density.day for o in organizations], ".3f", "below 0.15"),
        ("injected events that carry a label, and no others do", labeled, ".0%", "100%"),
        ("users, machines and others that labels name wrongly", [o.labels.wrong for o in organizations], "d", "0"),
        ("attack events whose small columns are all as in some benign event", [o.labels.shared for o in organizations], ".1%", "most"),
        ("attacks' share of the events to train on", [o.contamination[0] for o in organizations], ".1%", "not 0"),
        ("attacks' share of the later events", [o.contamination[1] for o in organizations], ".1%", "not 0"),
        *(
            (f"ten alerts a day by {name}: attacks found", [o.afternoon[name].recall for o in organizations], ".0%", "as it is")
            for name in DETECTORS
        ),
    ]  # fmt: skip
    measured = [
        [guard, " to ".join(dict.fromkeys(f"{end:{form}}" for end in (min(values), max(values)))), wanted]
        for guard, values, form, wanted in rows
    ]
    return table(["Guard", "Lowest to highest of five organizations", "Wanted"], measured)
