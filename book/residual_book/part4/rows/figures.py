"""The figures of `book/part4/rows.md`."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from IPython.display import Markdown
from matplotlib.axes import Axes

from residual_book.part4.rows import columns, experiment, live
from residual_book.part4.rows.columns import NETS, Count, Times
from residual_book.part4.rows.experiment import DEPTHS, HURT_ARMS, Arm, Run
from residual_book.part4.rows.live import BLOCKS, Organization, Start
from residual_book.part4.rows.theory import factor
from residual_book.stats import mean_over
from residual_book.style import INK, OTHER, PLAIN, RESIDUAL, Drawing, Look, band, figure, styled, table

LOOKS = {  # by residual and normalized
    (False, True): Look(PLAIN, "o"),
    (True, True): Look(RESIDUAL, "s"),
    (False, False): Look(OTHER[1], "^"),
    (True, False): Look(OTHER[0], "D"),
}
LABELS = {
    (False, True): "plain",
    (True, True): "residual",
    (False, False): "plain, no normalization",
    (True, False): "residual, no normalization",
}
NET_LOOKS = dict(zip(NETS, (Look(RESIDUAL, "s"), Look(OTHER[0], "D"), Look(PLAIN, "o")), strict=True))


def singles(organizations: Sequence[Organization], rows: int = 5) -> Markdown:
    """The single columns that say most about the operation, in the first organization."""
    best = list(organizations[0].singles.items())[:rows]
    return table(["column", "calls named right"], [[f"`{path}`", f"{share:.0%}"] for path, share in best])


def parameters(parts: dict[str, int]) -> Markdown:
    """The parts of a network, with their parameters."""
    return table(["part", "parameters"], [[f"`{name}`", f"{count:,}"] for name, count in parts.items()])


def exponents(found: Sequence[Count], recorded: Times) -> Markdown:
    """The power of the number of features with which each cost grows, and of the recorded time its interval."""
    rows = []
    for name in NETS:
        counted = [f"{columns.of_counts(found, name, what):.2f}" for what in ("multiply_adds", "kept")]
        time = recorded.exponent(name)
        rows.append([name, *counted, f"{time.estimate:.2f} ({time.low:.2f} to {time.high:.2f})"])
    return table(["grows with the power", "multiply-adds", "bytes kept", "time, recorded"], rows)


@styled
def starts(found: Sequence[Start]) -> Drawing:
    """The gradient before training, first block over last, against the number of blocks; dotted, the theory."""
    drawing, (axes,) = figure(height=4.4)
    for (residual, normalized), look in LOOKS.items():
        kinds = [live.select(found, residual=residual, normalized=normalized, blocks=blocks) for blocks in BLOCKS]
        for own in zip(*kinds, strict=True):
            axes.plot(BLOCKS, [start.ratio for start in own], look.marker, color=look.color, markersize=5, alpha=0.7)
        means = [math.exp(sum(math.log(start.ratio) for start in kind) / len(kind)) for kind in kinds]
        axes.plot(BLOCKS, means, color=look.color, marker=look.marker, label=LABELS[residual, normalized])
        if not (residual and normalized):
            expected = [factor(residual=residual, normalized=normalized) ** (blocks - 1) for blocks in BLOCKS]
            axes.plot(BLOCKS, expected, ":", color=INK, linewidth=1.5, label="theory" if residual else None)
    _depth_axis(axes, BLOCKS)
    axes.set(ylabel="gradient, first block over last", yscale="log")
    drawing.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9.5)
    alt = "Ratio of gradients against the number of blocks, both logarithmic. Plain stacks with normalization rise to some four hundred at 32 blocks; without it they fall below ten to the minus nineteen, each along a dotted line of theory. Residual stacks stay between one and some ten."
    return Drawing(drawing, alt)


@styled
def degradation(runs: Sequence[Run]) -> Drawing:
    """Training error after the budget against the number of blocks, for either optimizer."""
    drawing, panels = figure(2, width=8.2, height=4.2, share_y=True)
    for axes, optimizer in zip(panels, experiment.RATES, strict=True):
        for (residual, normalized), look in LOOKS.items():
            arms = [Arm(blocks, residual, normalized, optimizer) for blocks in DEPTHS]
            if not set(arms) <= set(experiment.ARMS):
                continue
            means = [mean_over(experiment.of(runs, arm), lambda run: run.train_error) for arm in arms]
            band(axes, DEPTHS, means, look, label=LABELS[residual, normalized])
        _depth_axis(axes, DEPTHS)
        axes.set(title=optimizer, ylim=(-3, 103))
    panels[0].set_ylabel("training error (%)")
    drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9.5)
    alt = "Two panels, AdamW and SGD: training error against 2, 8 and 32 blocks. Plain stacks, with and without normalization, rise to some ninety percent at 32 blocks. Residual stacks with normalization stay low at every depth; without it they rise a little at 32 blocks."
    return Drawing(drawing, alt)


@styled
def along(runs: Sequence[Run], blocks: int = max(DEPTHS)) -> Drawing:
    """The gradient's ratio of deep stacks step by step, and beside it the loss: one line per seed."""
    drawing, (left, right) = figure(2, width=8.2, height=4.2)
    left.axhline(1, color=INK, linewidth=1, linestyle=":")
    for (residual, normalized), look in LOOKS.items():
        for i, run in enumerate(experiment.of(runs, Arm(blocks, residual, normalized))):
            label = None if i else LABELS[residual, normalized]
            line: dict[str, Any] = {
                "color": look.color,
                "marker": look.marker,
                "markersize": 4,
                "linewidth": 1,
                "alpha": 0.8,
            }
            left.plot(run.steps, _drawn(run.ratios), label=label, **line)
            right.plot(run.steps, _drawn(run.batch_losses), **line)
    left.set(title="Gradient, first block over last", xlabel="step", yscale="log")
    right.set(title="Loss", xlabel="step")
    drawing.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9.5)
    alt = "Two panels over 300 steps, for stacks of 32 blocks. Left, the ratio of gradients: of plain stacks with normalization it begins in the hundreds and comes down; without normalization it stays many orders of magnitude below one. Right, the loss: only residual stacks go down."
    return Drawing(drawing, alt)


@styled
def lesions(runs: Sequence[Run]) -> Drawing:
    """Training error without one block, against its place: one line per seed; dotted, all blocks in place."""
    drawing, panels = figure(2, width=8.2, height=3.8, share_y=True)
    for axes, blocks in zip(panels, (8, 32), strict=True):
        for arm in (arm for arm in HURT_ARMS if arm.blocks == blocks):
            look = LOOKS[arm.residual, True]
            for i, run in enumerate(experiment.of(runs, arm)):
                places = range(1, blocks + 1)
                label = None if i else LABELS[arm.residual, True]
                axes.plot(places, run.lesions, look.marker + "-", color=look.color, linewidth=1, alpha=0.8, label=label)
                axes.axhline(run.intact or 0.0, color=look.color, linewidth=0.8, linestyle=":")
        axes.set(title=f"{blocks} blocks", xlabel="block that is taken out", ylim=(-3, 103))
    panels[0].set_ylabel("training error without it (%)")
    panels[0].legend()
    alt = "Two panels of training error without one block, by its place. In plain stacks of 8 blocks the error is high whichever block is taken out. In residual stacks of 8 and 32 blocks it is high without the first block, and low without any of the later ones."
    return Drawing(drawing, alt)


@styled
def costs(found: Sequence[Count], recorded: Times) -> Drawing:
    """Three panels against the number of features: multiply-adds and bytes kept, both counted, and time, recorded."""
    drawing, panels = figure(3, height=3.4, stacked=2.8)
    units: list[tuple[str, Callable[[Count], float]]] = [
        ("10⁶ multiply-adds", lambda each: each.multiply_adds / 1e6),
        ("kB kept", lambda each: each.kept / 1e3),
    ]
    for name, look in NET_LOOKS.items():
        own = [each for each in found if each.net == name]
        features = [each.features for each in own]
        style: dict[str, Any] = {"color": look.color, "marker": look.marker, "markersize": 4.5}
        for axes, (title, value) in zip(panels, units, strict=False):
            axes.plot(features, list(map(value, own)), label=name, **style)
            axes.set_title(title)
        milliseconds = [1000 * recorded.median(name, n) for n in features]
        panels[2].plot(features, milliseconds, **style)
    panels[2].set_title("ms per step")
    for axes in panels:
        axes.axvline(columns.UPPER, color=INK, linewidth=1, linestyle=":")
        axes.set(xscale="log", yscale="log", xlabel="features")
        axes.set_xticks([10, 100, 500], ["10", "100", "500"])
        axes.minorticks_off()
    drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    alt = "Three panels against 10 to 500 features, all logarithmic: multiply-adds, bytes kept, time. In each, FT-Transformer lies far above and climbs as a line that grows steeper; ResNet and MLP are nearly level."
    return Drawing(drawing, alt)


def _depth_axis(axes: Axes, depths: Sequence[int]) -> None:
    axes.set(xlabel="blocks", xscale="log")
    axes.set_xticks(depths, list(map(str, depths)))
    axes.minorticks_off()


def _drawn(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]
