"""Figures and tables of `book/part4/any-good.md`."""

from collections.abc import Mapping, Sequence

import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes

from residual_book.part4.any_good import paper
from residual_book.part4.any_good.experiment import Run, gap, of, paired
from residual_book.part4.any_good.tables import RECORDS, TASKS
from residual_book.style import INK, OTHER, PLAIN, RESIDUAL, Drawing, dots_by_row, figure, narrow, sheet, styled, table

COLORS = {
    "one column": INK,
    "linear": OTHER[2],
    "trees": PLAIN,
    "MLP": OTHER[0],
    "ResNet": RESIDUAL,
    "FT-Transformer": OTHER[1],
}
AGAINST = ("trees", "MLP", "linear")
NETWORKS = {"MLP": "s", "ResNet": "o", "FT-Transformer": "^"}
UNITS = {"speed": "mph"}  # of errors that are no shares


@styled
def skills(runs: Sequence[Run]) -> Drawing:
    """One panel per question, one row per rival: the skill on the test part, one dot per seed, and a stroke for the mean."""
    drawing = sheet(height=5.2, stacked=11.5)
    grid = drawing.subplots(6, 1) if narrow() else drawing.subplots(2, 3).ravel()
    for number, (axes, task) in enumerate(zip(grid, TASKS, strict=True)):
        rows = {rival: [run.skill for run in of(runs, task, rival)] for rival in COLORS}
        dots_by_row(axes, rows, list(COLORS.values()))
        for row, (values, color) in enumerate(zip(rows.values(), COLORS.values(), strict=True)):
            axes.plot(np.mean(values), row, "|", color=color, markersize=15, markeredgewidth=2)
        axes.set_title(f"{task} ({'records' if task in RECORDS else 'public'})")
        axes.grid(axis="y", visible=False)
        if not narrow() and number % 3:
            axes.set_yticklabels([])
        if narrow() or number >= 3:
            axes.set_xlabel("skill")
    alt = "Six panels of dots, one row per rival. In most panels the rows of trees, of the three networks and of the linear model lie close together, to the right of the row of one column."
    return Drawing(drawing, alt)


@styled
def differences(runs: Sequence[Run]) -> Drawing:
    """Skill of the ResNet minus that of a rival, seed by seed, with the interval of the mean: one row per question."""
    drawing, panels = figure(len(AGAINST), height=3.2, stacked=2.7)
    for axes, rival in zip(panels, AGAINST, strict=True):
        for row, tasks in enumerate([[task] for task in TASKS] + [list(TASKS)]):
            ahead = gap(runs, "ResNet", rival, tasks)
            axes.plot([ahead.low, ahead.high], [row, row], color=RESIDUAL, linewidth=6, alpha=0.35)
            axes.plot(ahead.estimate, row, "|", color=RESIDUAL, markersize=14, markeredgewidth=3)
        for row, task in enumerate(TASKS):
            both = paired(runs, task, "ResNet", rival)
            axes.plot(
                [ours.skill - theirs.skill for ours, theirs in both], [row] * len(both), "o", color=INK, markersize=3
            )
        axes.axvline(0, color=INK, linewidth=1, linestyle=":")
        _rows(axes, [*TASKS, "mean of all"])
        axes.set(title=f"minus {rival}", xlabel="skill")
        axes.locator_params(axis="x", nbins=3)
        if axes is not panels[0] and not narrow():
            axes.set_yticklabels([])
    alt = "Three panels with seven rows of dots and intervals about a dotted line at zero, which most of the intervals reach or cross."
    return Drawing(drawing, alt)


@styled
def beside_paper(runs: Sequence[Run]) -> Drawing:
    """Errors of networks as multiples of the error of trees: our six questions, and six tables of the paper."""
    drawing, panels = figure(2, height=3.4, stacked=3.4)
    ours = {name: {task: _ratio(runs, task, name) for task in TASKS} for name in NETWORKS}
    boosted = paper.errors("CatBoost")
    theirs = {name: {t: e / boosted[t] for t, e in paper.errors(name).items()} for name in NETWORKS}
    for axes, title, ratios in zip(panels, ("here", "in the paper (Table 2)"), (ours, theirs), strict=True):
        _ratios(axes, ratios)
        axes.set(title=title, xlabel="error, as a multiple of the trees'")
    panels[0].legend(loc="lower left", bbox_to_anchor=(-0.3, 1.1), ncols=3, handletextpad=0.2, columnspacing=1)
    alt = "Two panels with six rows each and a dotted line at one. Most marks lie within a fifth of it, on both sides."
    return Drawing(drawing, alt)


def _ratio(runs: Sequence[Run], task: str, rival: str) -> float:
    return float(np.mean([ours.error / theirs.error for ours, theirs in paired(runs, task, rival, "trees")]))


def _ratios(axes: Axes, ratios: Mapping[str, Mapping[str, float]]) -> None:
    for name, marker in NETWORKS.items():
        own = ratios[name]
        axes.plot(list(own.values()), range(len(own)), marker, color=COLORS[name], alpha=0.8, label=name)
    axes.axvline(1, color=INK, linewidth=1, linestyle=":")
    _rows(axes, list(ratios["ResNet"]))


def _rows(axes: Axes, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)


def errors(runs: Sequence[Run]) -> Markdown:
    """A table of mean errors on the test part: one row per question, one column per rival."""
    rivals = ["constant", *COLORS]
    heads = ["Question", *rivals]
    return table(heads, [[_named(task), *(_shown(task, of(runs, task, rival)) for rival in rivals)] for task in TASKS])


def columns(runs: Sequence[Run]) -> Markdown:
    """A table of the columns that "one column" chose, most frequent first."""
    chosen = {task: [run.column for run in of(runs, task, "one column")] for task in TASKS}
    ranked = {task: sorted(set(names), key=lambda name: (-names.count(name), name)) for task, names in chosen.items()}
    cells = [[task, ", ".join(f"`{name}` ({chosen[task].count(name)})" for name in ranked[task])] for task in TASKS]
    return table(["Question", "Its best single column (how often)"], cells)


def live(runs: Sequence[Run]) -> Markdown:
    """A table of what the page measured: one row per rival."""
    rivals = list(dict.fromkeys(run.rival for run in runs))
    rows = []
    for rival in rivals:
        own = [run for run in runs if run.rival == rival]
        rows.append([rival, _shown(own[0].task, own), f"{np.mean([run.skill for run in own]):.2f}"])
    return table(["Rival", f"Error, {_named(runs[0].task)}", "Skill"], rows)


def _named(task: str) -> str:
    return f"{task} ({UNITS[task]})" if task in UNITS else task


def _shown(task: str, runs: Sequence[Run]) -> str:
    mean = float(np.mean([run.error for run in runs]))
    return f"{mean:.1f}" if task in UNITS else f"{mean:.1%}"
