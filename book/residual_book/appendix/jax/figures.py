"""The figures of `book/appendix/jax.md`."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from residual_book.appendix.jax.experiment import DEPTHS, Blocks, Logits, Training
from residual_book.speeds import Speed
from residual_book.style import INK, OTHER, PLAIN, RESIDUAL, Drawing, Look, figure, seed_lines, styled

ROUNDING, JAX, SHARDED = Look(PLAIN, "o"), Look(RESIDUAL, "s"), OTHER[0]
ARMS = {  # how each is drawn, and how far below its row
    "torch, channels last": (Look(OTHER[2], "o"), -0.18),
    "torch, fused": (Look(PLAIN, "D"), 0),
    "JAX": (JAX, 0.18),
}
MEASURED = (  # what is compared, by the field that holds it
    ("rounding", ROUNDING, "PyTorch in float32 from PyTorch in float64"),
    ("jax", JAX, "JAX copy from PyTorch"),
)
ALLOWED = 1e-4  # difference of a logit


@styled
def block_distances(runs: Sequence[Blocks]) -> Drawing:
    """Relative distances after the stem, after each block and in the logits, one line per seed."""
    drawing, (axes,) = figure(height=3.4)
    for field, look, label in MEASURED:
        lines = [getattr(run, field) for run in runs]
        style = {"color": look.color, "marker": look.marker, "markersize": 4, "linewidth": 1.2, "alpha": 0.7}
        seed_lines(axes, range(len(lines[0])), lines, label=label, **style)
    axes.set_xticks([0, 4, 8, 12, 17], ["stem", "4", "8", "12", "logits"])
    axes.set(xlabel="block", ylabel="relative distance", yscale="log")
    axes.legend()
    alt = "Relative distance on a logarithmic scale from the stem over sixteen blocks to the logits. The lines of the JAX copy and PyTorch, and of PyTorch in single and double precision, rise together."
    return Drawing(drawing, alt)


@styled
def logits_by_depth(runs: Sequence[Logits]) -> Drawing:
    """Largest difference of a logit against depth, one dot per seed, and a line at what is allowed."""
    drawing, (axes,) = figure(height=3.4)
    for (field, look, label), shift in zip(MEASURED, (-0.08, 0.08), strict=True):
        for i, depth in enumerate(DEPTHS):
            seeds = [getattr(run, field) for run in runs if run.depth == depth]
            label_once = label if i == 0 else None
            axes.plot([i + shift] * len(seeds), seeds, look.marker, color=look.color, alpha=0.75, label=label_once)
    axes.axhline(ALLOWED, color=INK, linewidth=1, linestyle=":")
    axes.annotate("what we allow", (-0.15, ALLOWED), (0, -14), color=INK, textcoords="offset points", size=9.5)
    axes.set_xticks(range(len(DEPTHS)), list(map(str, DEPTHS)))
    axes.set(xlabel="layers of the ResNet", ylabel="largest difference of a logit", yscale="log", ylim=(5e-7, 3e-4))
    axes.legend(loc="upper right", bbox_to_anchor=(1, 0.85))
    alt = "Largest difference of a logit for ResNet-18 to ResNet-152, on a logarithmic scale. For every depth the dots of the JAX copy and of PyTorch's own rounding lie together, more than a factor of ten below the line of what is allowed."
    return Drawing(drawing, alt)


@styled
def training(runs: Sequence[Training]) -> Drawing:
    """Left: losses of one seed by step, one line per way. Right: the largest difference of all seeds between two ways."""
    drawing, (left, right) = figure(2, height=3.4)
    steps = range(1, len(runs[0].torch) + 1)
    for losses, color, style, width, label in (  # the dashes of one in the gaps of the other
        (runs[0].torch, INK, "-", 3.5, "PyTorch"),
        (runs[0].jax, JAX.color, (0, (3, 5)), 2.2, "JAX, one device"),
        (runs[0].sharded, SHARDED, (4, (3, 5)), 2.2, "JAX, four devices"),
    ):
        left.plot(steps, losses, linestyle=style, color=color, linewidth=width, label=label)
    left.set(title="One seed's losses", xlabel="step", ylabel="loss", ylim=(0, None))
    left.legend()
    for apart, color, style, width, label in (  # wide under narrow, for the first two lie on each other
        ([np.subtract(run.torch, run.exact) for run in runs], ROUNDING.color, "o-", 4, "PyTorch, float32 and float64"),
        ([np.subtract(run.torch, run.jax) for run in runs], JAX.color, "s--", 2, "PyTorch and JAX"),
        ([np.subtract(run.jax, run.sharded) for run in runs], SHARDED, "D-", 2, "one device and four"),
    ):
        # Losses that are equal to the last bit have no place on a logarithmic axis: drawn at its foot.
        differences, size = np.maximum(np.abs(apart).max(0), 1e-8), 2 + 1.2 * width
        right.plot(steps, differences, style, color=color, linewidth=width, markersize=size, label=label)
    right.set(title="Largest difference of all seeds", xlabel="step", ylabel="difference of the loss", yscale="log")
    right.set_ylim(5e-9, 30)
    for axes in (left, right):
        axes.set_xticks([1, *range(3, len(steps) + 1, 3)])
    right.legend(loc="upper left", fontsize=9.5)
    alt = "Left: three loss curves over twelve steps lie on each other and fall. Right: the largest difference of all seeds on a logarithmic scale, small for the first steps, then larger for every pair, also between single and double precision in PyTorch."
    return Drawing(drawing, alt)


@styled
def times(measured: Sequence[Speed]) -> Drawing:
    """Time over that of torch's defaults, with its interval: one row per comparison, one mark per arm."""
    comparisons = [list(arms) for _, arms in groupby(measured, lambda speed: (speed.net, speed.job, speed.images))]
    drawing, (axes,) = figure(height=0.9 + 0.62 * len(comparisons), stacked=1 + 0.8 * len(comparisons))
    axes.axvline(1, color=INK, linewidth=1, linestyle=":")
    ends, labels = [1.0], []
    for row, (peer, *arms) in enumerate(comparisons):
        images = f"{peer.images} image{'s' if peer.images > 1 else ''}"
        labels.append(f"{peer.network}, {peer.job},\n{images}\n(PyTorch: {peer.median_ms:.0f} ms)")
        for arm in arms:
            time, (look, shift) = arm.time_over(peer), ARMS[arm.arm]
            ends += [time.low, time.high]
            axes.plot(ends[-2:], [row + shift] * 2, color=look.color, linewidth=3, solid_capstyle="butt")
            axes.plot([time.estimate], [row + shift], look.marker, color=look.color)
    for name, (look, _) in ARMS.items():
        axes.plot([], [], look.marker, color=look.color, label=name)
    axes.set_yticks(range(len(labels)), labels, fontsize=9.5)
    axes.set(xlabel="time, relative to PyTorch's defaults", xscale="log", ylim=(len(labels) - 0.4, -0.6))
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10) if min(ends) / 1.6 < tick < max(ends) * 1.6]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    drawing.legend(ncols=3, loc="outside upper left")
    alt = "Time relative to PyTorch's defaults for predictions and training steps of ResNet-18 and ResNet-50. Each row has a mark with an interval for PyTorch in channels-last order, for PyTorch with folded batch norm where it predicts, and for JAX."
    return Drawing(drawing, alt)
