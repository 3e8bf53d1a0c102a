"""Figures and tables of `book/part4/embedding.md`."""

from collections.abc import Mapping, Sequence

import numpy as np
from IPython.display import Markdown

from residual_book.part4.embedding.live import SHOWN, Live
from residual_book.part4.embedding.protocol import (
    MARGINS,
    NETWORKS,
    RIVALS,
    SIZED,
    SIZES,
    TRAINED,
    USES,
    Score,
    Verdict,
    mean_of,
)
from residual_book.style import INK, OTHER, PAPER, PLAIN, RESIDUAL, Drawing, Look, figure, styled, table

LOOKS = {
    "untrained": Look(PLAIN, "o"),
    "masked": Look(RESIDUAL, "s"),
    "masked head": Look(PAPER, "D"),
    "masked residual": Look(OTHER[2], "s"),
    "SCARF": Look(OTHER[0], "^"),
    "SCARF residual": Look(OTHER[1], "^"),
    "expectation": Look(INK, "*"),
}
MAPS = ("trained", "another seed", "another organization")
ENDS = (-12, 4)  # of the axis, in margins


@styled
def maps(live: Live) -> Drawing:
    """The same events in three networks: the two directions of most variance, colored by class."""
    drawing, panels = figure(3, height=2.9, stacked=2.6)
    colors = (PLAIN, RESIDUAL, *OTHER)
    classes = live.table["class"].to_numpy()
    for axes, name in zip(panels, MAPS, strict=True):
        points = live.flat(name)
        for of, color in zip(SHOWN, colors, strict=False):
            own = points[classes == of]
            axes.plot(*own.T, "o", color=color, markersize=2, alpha=0.5, label=of.replace("_", " "))
        axes.set(title=name, xticks=[], yticks=[], xlabel="first direction")
        axes.grid(False)
    panels[0].set_ylabel("second direction")
    drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, markerscale=2)
    alt = "Three clouds of the same events in five colors, one color per class. In each the classes lie apart, but their places and shapes differ from network to network."
    return Drawing(drawing, alt)


def stability(live: Live) -> Markdown:
    """A table of how many neighbors stay, and of the effective rank."""
    pairs = {
        "as it was": ("trained", "trained"),
        "another seed": ("trained", "another seed"),
        "another organization": ("trained", "another organization"),
        "not trained": ("trained", "untrained"),
        "no network": ("trained", "as they are"),
    }
    rows = [[name, f"{live.overlap(*pair):.0%}", f"{live.rank(pair[1]):.0f}"] for name, pair in pairs.items()]
    return table(["Events as points", "Neighbors that stay", "Effective rank"], rows)


def neighbors(live: Live, classes: Sequence[str] = ("dns_activity", "api_activity", "process_activity")) -> Markdown:
    """A table of one event per class and its three nearest events of others, read as records."""
    rows = []
    for name in classes:
        own = np.flatnonzero(live.table["class"].to_numpy() == name)
        asked = int(own[len(own) // 2])
        for row in (asked, *live.neighbors("trained", asked)):
            entity, hour, what = live.table.select("entity", "hour", "what").row(row)
            mark = "**asked**" if row == asked else "near"
            rows.append([mark, entity, f"{hour}:00", what.replace("_", r"\_")])
    return table(["", "Who", "Hour", "What"], rows, left=4)


@styled
def uses(judged: Mapping[str, Verdict]) -> Drawing:
    """What each network gains over the best simple rival, in margins, with intervals; one row per use."""
    drawing, (axes,) = figure(height=5.6, stacked=6.8)
    step = 0.8 / len(LOOKS)
    seen: set[str] = set()
    axes.axvspan(-1, 1, color=INK, alpha=0.1, linewidth=0)
    axes.axvline(0, color=INK, linewidth=1, linestyle=":")
    labels = []
    for row, (use, name) in enumerate(USES.items()):
        verdict = judged[use]
        for number, (arm, look) in enumerate(LOOKS.items()):
            if arm not in verdict.differences:
                continue
            gain, y = verdict.differences[arm], row + (number - (len(LOOKS) - 1) / 2) * step
            ends = np.clip([gain.low / MARGINS[use], gain.high / MARGINS[use]], *ENDS)
            middle = float(np.clip(gain.estimate / MARGINS[use], *ENDS))
            axes.plot(ends, [y, y], color=look.color, linewidth=2, alpha=0.5)
            axes.plot([middle], [y], look.marker, color=look.color, markersize=5, label="" if arm in seen else arm)
            seen.add(arm)
        labels.append(f"{name}\n({verdict.best}): {verdict.verdict}")
    for row in range(len(USES) - 1):
        axes.axhline(row + 0.5, color=INK, alpha=0.15, linewidth=0.8)
    axes.set(xlim=(ENDS[0] - 0.3, ENDS[1] + 0.3), ylim=(len(USES) - 0.5, -0.5))
    axes.set(xlabel="difference to the best simple rival, in margins (gray: within one)")
    axes.set_yticks(range(len(USES)), labels)
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.4, 1), ncols=3)
    alt = "Eight rows, one per use, each with a verdict. Points with bars for up to seven networks; their place left or right of a gray band around zero says whether they are worse or better than the best simple rival."
    return Drawing(drawing, alt)


def verdicts(judged: Mapping[str, Verdict]) -> Markdown:
    """A table of what every arm is worth for every use, the best simple rival in bold."""
    own = [judged[use] for use in USES]
    rows = [[arm, *(_cell(verdict, arm) for verdict in own)] for arm in (*RIVALS, *NETWORKS)]
    # With a hyphen where a long word may be broken, so that the table fits the page.
    heads = [use.capitalize() if len(use) < 8 else f"{use[:6].capitalize()}\u00ad{use[6:]}" for use in USES]
    return table(["Arm", *heads], rows)


def _cell(verdict: Verdict, arm: str) -> str:
    if arm not in verdict.means:
        return "–"
    text = f"{verdict.means[arm].estimate:.2f}"
    return f"**{text}**" if arm == verdict.best else f"*{text}*" if arm == verdict.champion else text


def gains(judged: Mapping[str, Verdict], fresh: Mapping[str, Verdict]) -> Markdown:
    """A table of the network that decides each verdict, its gain over the best simple rival, and the fresh verdict."""
    rows = []
    for use, name in USES.items():
        own = judged[use]
        gain = own.differences[own.champion]
        text = f"{gain.estimate:+.2f}<br>({gain.low:+.2f} to {gain.high:+.2f})"
        rows.append([name, own.best, own.champion, text, own.verdict, fresh[use].verdict])
    return table(["Use", "Best rival", "Network", "Gain", "Verdict", "Again"], rows)


def properties(scores: Sequence[Score]) -> Markdown:
    """A table of rank, of neighbors that stay when parts are missing, and of precision by few directions."""
    uses = ["rank", "firm", *(f"size {size}" for size in SIZES), "similar"]
    rows = []
    for arm in SIZED:
        means = [mean_of([s for s in scores if (s.use, s.arm) == (use, arm)]).estimate for use in uses]
        rows.append([arm, f"{means[0]:.0f}", f"{means[1]:.0%}", *(f"{mean:.2f}" for mean in means[2:])])
    return table(["Arm", "Rank", "Neighbors that stay", *(f"With {size}" for size in SIZES), "With all"], rows)


def labels(judged: Mapping[str, Verdict]) -> Markdown:
    """A table of recall with ten alerts per day by how many episodes were told."""
    counts = {10: "labels 10", 30: "labels", 100: "labels 100"}
    arms = (
        "context",
        "both",
        "untrained",
        *(arm for arm in TRAINED if arm not in ("masked head", "expectation")),
        "volume",
    )
    rows = [[arm, *(f"{judged[use].means[arm].estimate:.2f}" for use in counts.values())] for arm in arms]
    return table(["Arm", *(f"{count} told" for count in counts)], rows)
