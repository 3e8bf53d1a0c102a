"""Figures of `book/part5/system.md`, and a report of alerts inside of the page."""

import base64
import html
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from IPython.display import HTML

from residual_book.part5.system.poisoning import GROWTHS, MOST, Poisoned
from residual_book.style import INK, OTHER, PLAIN, RESIDUAL, Drawing, figure, styled


@styled
def poisoned(runs: Sequence[Poisoned]) -> Drawing:
    """By how fast guesses grow: how many per hour are reached, and how many when the user is first on a list."""
    drawing, (axes,) = figure(height=3.6)
    at_once = np.array([run.at_once for run in runs])
    axes.axhspan(
        at_once.min(), at_once.max(), color=INK, alpha=0.25, linewidth=0, label="found clearly when all at once"
    )
    axes.axhline(MOST, color=INK, linewidth=1, linestyle=":")
    _dots(axes.plot, runs, lambda run: _levels(run, found=False), PLAIN, "^", "never found clearly: the most reached")
    _dots(axes.plot, runs, lambda run: _levels(run, found=True), OTHER[2], "o", "when found clearly")
    _dots(axes.plot, runs, lambda run: run.first, RESIDUAL, "D", "when first on a day's list")
    axes.set(yscale="log", ylim=(0.8, 2 * MOST), xlabel="growth per day (%)", ylabel="guesses per hour")
    axes.set_xticks(range(len(GROWTHS)), [f"{100 * growth:.0f}" for growth in GROWTHS])
    axes.set_yticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=1)
    alt = "Triangles of those who are never found climb from a few guesses per hour at slow growth to the dotted line at a thousand at medium growth. Round points of those who are found lie low, and are all that there is when guesses double each day. Blue points, of the first day on a list, stay below ten or so."
    return Drawing(drawing, alt)


@styled
def on_the_list(runs: Sequence[Poisoned]) -> Drawing:
    """On which share of the days the user is odd enough for the day's list."""
    drawing, (axes,) = figure(height=2.8)
    _dots(axes.plot, runs, lambda run: tuple(100 * share for share in run.listed), OTHER[0], "o", "attacked")
    quiet = 100 * float(np.mean([run.unharmed for run in runs]))
    axes.axhline(quiet, color=INK, linewidth=1, linestyle="--", label="the same users when nobody attacks")
    axes.set(xlabel="growth per day (%)", ylabel="days on the list (%)", ylim=(-3, 103))
    axes.set_xticks(range(len(GROWTHS)), [f"{100 * growth:.0f}" for growth in GROWTHS])
    axes.legend(loc="upper left")
    alt = "Points that rise with the growth, from a tenth or two of the days to more than half of them; a dashed line for the same users without an attack lies near zero."
    return Drawing(drawing, alt)


def _levels(run: Poisoned, *, found: bool) -> list[float | None]:
    """The levels of those growths that were found clearly, or of those that never were."""
    return [level if (day is not None) == found else None for level, day in zip(run.level, run.found, strict=True)]


def _dots(
    plot: Callable[..., object],
    runs: Sequence[Poisoned],
    values: Callable[[Poisoned], Sequence[float | None]],
    color: str,
    marker: str,
    label: str,
) -> None:
    """One point per user and growth, moved aside a little so that equal ones can be counted."""
    aside = np.linspace(-0.2, 0.2, len(runs))
    x = [place + by for run, by in zip(runs, aside, strict=True) for place in range(len(GROWTHS))]
    y = [np.nan if value is None else value for run in runs for value in values(run)]
    plot(x, y, marker, color=color, alpha=0.7, markersize=4.5, label=label)


def embedded(report: Path) -> HTML:
    """A report as the browser shows it, inside of the page, and as a file to keep."""
    content = report.read_text()
    link = base64.b64encode(content.encode()).decode()
    return HTML(
        f'<iframe title="The report, as residual report wrote it" srcdoc="{html.escape(content, quote=True)}" '
        'sandbox="" style="width: 100%; height: 30rem; border: 1px solid #80808080; border-radius: .35rem"></iframe>'
        f'<p><a style="color:#0b3d91;background:#fff" download="{report.name}" href="data:text/html;base64,{link}">Keep this report as a file</a></p>'
    )
