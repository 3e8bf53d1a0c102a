"""Figures of `book/part5/alert.md`."""

import numpy as np
from matplotlib.patches import Patch

from residual.detect.alert import Alert
from residual.detect.stream import DAY, HOUR
from residual_book.part5.alert.story import Story
from residual_book.style import INK, PAPER, PLAIN, RESIDUAL, Drawing, figure, narrow, styled

YEAR = 365  # days: what is rarer is drawn as this rare


@styled
def sign_ins(story: Story) -> Drawing:
    """Everybody's sign-ins of the day: a row per user."""
    drawing, (axes,) = figure(height=4.2, stacked=4.6)
    users = sorted(story.sign_ins["user"].drop_nulls().unique(), key=lambda name: (name == story.user, name))
    row = {name: place for place, name in enumerate(users)}
    table = story.sign_ins.drop_nulls("user")
    hours = (table["time"].to_numpy() - story.day * DAY) / HOUR
    rows = np.array([row[name] for name in table["user"]])
    failed = table["failed"].to_numpy()
    for which, color, label in ((~failed, RESIDUAL, "succeeded"), (failed, PLAIN, "failed")):
        axes.plot(hours[which], rows[which], "|", color=color, markersize=5, markeredgewidth=0.9, label=label)
    axes.axvline((story.alert.raised - story.day * DAY) / HOUR, color=INK, linewidth=1, linestyle="--", label="alert")
    axes.set(xlabel="hour of the day (UTC)", xlim=(0, 24), xticks=range(0, 25, 4), ylim=(-1, len(users)))
    axes.set_yticks([0, len(users) - 1], ["other\nusers" if narrow() else "other users", story.user])
    axes.grid(visible=False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, markerscale=1.8, handlelength=1)
    alt = "A row of small marks for each user over a day, most for sign-ins that succeeded, with failures scattered everywhere. In the top row failures stand close together for under two hours, and a dashed line crosses them."
    return Drawing(drawing, alt)


@styled
def beside_the_past(story: Story) -> Drawing:
    """Failed sign-ins of the user by hour, beside what was expected."""
    drawing, (axes,) = figure(height=3.2)
    signal = story.alert.signals[0]
    start = int(story.hourly["hour"][0]) // 24
    days = (story.hourly["hour"].to_numpy() + 0.5) / 24 - start
    failed = story.hourly["failed"].to_numpy()
    attacked = np.isin(story.hourly["hour"].to_numpy(), (story.attack["time"] // HOUR).to_numpy())
    axes.axhspan(0, signal.expected + 2 * signal.spread, color=RESIDUAL, alpha=0.18, linewidth=0, label="expected")
    for which, color, size, label in (
        (~attacked, RESIDUAL, 3.5, "an hour with sign-ins"),
        (attacked, PLAIN, 8, "an hour of the attack"),
    ):
        axes.plot(days[which], failed[which], "o", color=color, markersize=size, alpha=0.8, label=label)
    axes.set(xlabel="days since the first record", ylabel="failed sign-ins in the hour", ylim=(0, None), xlim=(0, None))
    axes.legend(loc="upper left")
    alt = "Points near the ground for more than two weeks, nearly all of them inside a narrow band. On the last day two points stand far above it."
    return Drawing(drawing, alt)


@styled
def alerts_of_the_day(story: Story) -> Drawing:
    """All alerts of the day by how seldom something as odd is expected, and what each of them was."""
    drawing, (axes,) = figure(height=3.9, stacked=5.2)
    groups = {"an attack or fault": PLAIN, "a harmless twin of one": PAPER, "neither": RESIDUAL}
    left = 0.1
    for place, (alert, true, twin) in enumerate(zip(story.alerts, story.true, story.twins, strict=True)):
        name = list(groups)[0 if true else 1 if twin else 2]
        axes.barh(place, min(max(1 / alert.rate, left), YEAR) - left, left=left, color=groups[name], height=0.7)
    axes.set_xscale("log")
    axes.set_xticks([0.1, 1, 30, YEAR], ["10 per\nday", "1 per\nday", "1 per\nmonth", "1 per\nyear"])
    axes.set(xlim=(left, YEAR), ylim=(len(story.alerts) - 0.4, -0.6), xlabel="expected by chance, at most")
    axes.set_yticks(range(len(story.alerts)), [_name(alert) for alert in story.alerts])
    axes.tick_params(axis="y", labelsize=8.5)
    axes.minorticks_off()
    axes.grid(axis="y", visible=False)
    patches = [Patch(color=color, label=name) for name, color in groups.items()]
    axes.legend(handles=patches, loc="lower right", handlelength=1)
    alt = "Bars from the longest at the top to the shortest. The first is the attack on the password. Below it stand bars of three colors, mixed: attacks, harmless twins, and neither."
    return Drawing(drawing, alt)


def _name(alert: Alert) -> str:
    """Whom an alert is about, and where there is room, what was odd."""
    signal = alert.signals[0]
    whom = signal.entities[0].value.split(".corp.")[0]
    return whom if narrow() else f"{whom}: {signal.detector}"
