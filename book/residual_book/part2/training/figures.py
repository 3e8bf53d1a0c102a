"""The figures and tables of `book/part2/training.md`."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from IPython.display import Markdown
from matplotlib.colors import LinearSegmentedColormap
from torch import Tensor

from residual.training import Recipe
from residual.vision.data import ImageData
from residual_book.part2.training.ablation import (
    CIFAR10_CLASSES,
    NOTHING,
    PIECES,
    Run,
    best_rates,
    cost,
    found,
    select,
    tuning_error,
)
from residual_book.part2.training.precision import Rounding
from residual_book.speeds import Speed
from residual_book.stats import Interval, pairs
from residual_book.style import (
    INK,
    OTHER,
    PAPER,
    PLAIN,
    RESIDUAL,
    Drawing,
    dots_by_row,
    figure,
    narrow,
    sheet,
    styled,
    table,
)

COLORS = (RESIDUAL, PLAIN, OTHER[0], PAPER)
STYLES = ("-", "--", "-.", ":")
DATA = ("digits", "CIFAR-10 (JPEG copy)")
# From nothing to a color, so that the page's own ground shows through and the text on it can be read on either.
_CLEAR = LinearSegmentedColormap.from_list("clear", [(0.81, 0.36, 0.12, 0.0), (0.81, 0.36, 0.12, 0.75)])


@styled
def schedules(recipe: Recipe) -> Drawing:
    """Learning rate against the share of the steps done: of the recipe, and of the same with other schedules."""
    recipes = {
        "warm-up, cosine": recipe,
        "step": replace(recipe, schedule="step", warmup=0),
        "one-cycle": replace(recipe, schedule="one-cycle", warmup=0),
        "warm-up, constant": replace(recipe, schedule="constant"),
    }
    drawing, (axes,) = figure(height=3.2)
    for (name, shown), color, style in zip(recipes.items(), COLORS, STYLES, strict=True):
        rates = [shown.learning_rate(step, 400) for step in range(400)]
        axes.plot(np.linspace(0, 100, 400), rates, style, color=color, label=name)
    axes.set(xlabel="steps done (%)", ylabel="learning rate", ylim=(-0.004, None))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, columnspacing=1.2, handlelength=2.2)
    alt = "Learning rate against steps done. Warm-up with cosine climbs along a line to its peak and falls along half a cosine to zero; step stays at the peak and drops to a tenth twice; one-cycle climbs for a third and falls; constant climbs and stays."
    return Drawing(drawing, alt)


@styled
def rounding(rounded: Sequence[Rounding]) -> Drawing:
    """Relative distance of the logits from float64's, on a logarithmic axis: one row per way to compute them."""
    drawing, (axes,) = figure(height=2.3)
    rows = {
        "float32": [net.float32 for net in rounded],
        "float32, channels last": [net.channels_last for net in rounded],
        "bfloat16, channels last": [net.bf16 for net in rounded],
    }
    dots_by_row(axes, rows, COLORS)
    axes.set(xlabel="relative distance of the logits from float64's", xscale="log")
    alt = "Relative distance of logits from float64's on a logarithmic axis. Both float32 rows lie between one in ten million and one in a million; the bfloat16 row lies around one in a hundred."
    return Drawing(drawing, alt)


def speed_table(speeds: Sequence[Speed]) -> Markdown:
    """The time of a training step of each arm, and how many times as fast as its peer it is."""
    rows = []
    for speed in speeds:
        times = speed.times_as_fast
        interval = f"{times.estimate:.2f} ({times.low:.2f} to {times.high:.2f})"
        rows.append([speed.network, speed.arm, f"{speed.median_ms:.0f} ms", interval])
    return table(["Network", "Loop", "Time per step", "Times as fast"], rows)


@styled
def costs(runs: Sequence[Run], recorded: Sequence[Run]) -> Drawing:
    """Test error that leaving each piece out adds, on the digits and on CIFAR-10: one dot per seed, and the mean."""
    drawing, axes = figure(2, height=3.6, share_y=True)
    told = []
    for panel, title, nets in zip(axes, DATA, (runs, recorded), strict=True):
        panel.axvline(0, color=INK, linewidth=1)
        for row, piece in enumerate(PIECES):
            both = pairs(select(nets, piece), select(nets, NOTHING))
            points, mean = [less.test_error - whole.test_error for less, whole in both], cost(nets, piece)
            color = PLAIN if mean.low > 0 or mean.high < 0 else RESIDUAL
            panel.plot([mean.low, mean.high], [row, row], color=color, linewidth=3, alpha=0.45)
            panel.plot(mean.estimate, row, "|", color=color, markersize=16, markeredgewidth=3)
            panel.plot(points, [row] * len(points), "o", color=color, markersize=4.5)
        panel.set(title=title, xlabel="test error added (points)", ylim=(len(PIECES) - 0.5, -0.5))
        panel.set_yticks(range(len(PIECES)), [f"no {piece}" for piece in PIECES])
        told.append(f"{title}: {found(nets)}")
    alt = f"Six rows, one piece left out in each, in two panels, with dots and a bar for the difference in test error from the whole recipe. Bars that do not reach zero. {'; '.join(told)}."
    return Drawing(drawing, alt)


def cost_table(runs: Sequence[Run]) -> Markdown:
    """The rate of each arm, and the points of test error that leaving the piece out adds, with their intervals."""
    rates = {run.without: run.peak_lr for run in runs if not run.tuning}
    rows = [[piece, rates[piece], _points(cost(runs, piece))] for piece in PIECES]
    return table(["Without", "Rate", "Points added to the test error"], rows)


def tuning_table(runs: Sequence[Run]) -> Markdown:
    """Mean error of each arm on the images kept back, at each rate; the chosen rate's in bold."""
    tried, best = sorted({run.peak_lr for run in runs if run.tuning}), best_rates(runs)
    rows = []
    for arm in best:
        errors = {rate: f"{tuning_error(runs, arm, rate):.1f}" for rate in tried}
        rows.append([arm, *(f"**{error}**" if rate == best[arm] else error for rate, error in errors.items())])
    return table(["Without", *(f"rate {rate}" for rate in tried)], rows)


def _points(cost: Interval) -> str:
    mean, low, high = (round(x, 1) + 0.0 for x in (cost.estimate, cost.low, cost.high))  # + 0.0: no minus zero
    return f"{mean:+.1f} ({low:+.1f} to {high:+.1f})"


@styled
def mistaken(data: ImageData, answers: Tensor) -> Drawing:
    """The first twelve test images with a wrong answer in `answers` (N,), dark ink on light as they were written."""
    wrong = torch.nonzero(answers != data.test_labels).flatten()[:12]
    across = 3 if narrow() else 6
    rows = -(-len(wrong) // across)
    drawing, mistakes = sheet(height=0.35 + 1.45 * rows, stacked=0.35 + 1.45 * rows), []
    for panel in drawing.subplots(rows, across, squeeze=False).flat:
        panel.set_axis_off()
    for panel, i in zip(drawing.axes, wrong.tolist(), strict=False):
        label, answer = data.classes[data.test_labels[i]], data.classes[answers[i]]
        panel.imshow(data.test_images[i, 0].numpy(), cmap="gray_r", interpolation="nearest")
        panel.set_title(f"{label}, taken for {answer}", size=9.5, loc="center")
        mistakes.append(f"a {label} taken for {answer}")
    return Drawing(drawing, f"Pictures of handwritten digits of eight by eight pixels: {', '.join(mistakes)}.")


@styled
def confusion(run: Run) -> Drawing:
    """CIFAR-10's test images by label (row) and by answer (column); mistakes are colored by how many they are."""
    drawing, (axes,) = figure(height=5.4)
    counts = np.array(run.confusion)
    axes.imshow(np.where(np.eye(len(counts), dtype=bool), 0, counts), cmap=_CLEAR)
    for row, column in np.ndindex(counts.shape):
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", size=8.5)
    axes.set(xlabel="answer", ylabel="label")
    axes.set_xticks(range(len(CIFAR10_CLASSES)), CIFAR10_CLASSES, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(CIFAR10_CLASSES)), CIFAR10_CLASSES)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    alt = "A ten by ten table of counts. The diagonal is large everywhere; cat and dog are mistaken for each other most often."
    return Drawing(drawing, alt)
