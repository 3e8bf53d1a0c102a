"""The figures of `book/part2/jax.md`."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from residual.claims import HasInterval
from residual.plots import INK, OTHER, PLAIN, RESIDUAL, figure, styled

ROUNDING, TWIN, SEVERAL = PLAIN, RESIDUAL, OTHER[0]
ARMS = {  # color and marker
    "torch, channels last": (OTHER[2], "o"),
    "torch, fused": (PLAIN, "D"),
    "JAX": (RESIDUAL, "s"),
}


@styled
def block_distances(twin: Sequence[Sequence[float]], rounding: Sequence[Sequence[float]]) -> Figure:
    """Relative distances after the stem, after each block and in the logits, a line a seed."""
    drawing, (axes,) = figure(height=3.4)
    for runs, color, marker, label in (
        (rounding, ROUNDING, "o", "PyTorch in float32 from PyTorch in float64"),
        (twin, TWIN, "s", "twin from PyTorch"),
    ):
        for i, values in enumerate(runs):
            axes.plot(
                range(len(values)),
                values,
                color=color,
                marker=marker,
                markersize=4,
                linewidth=1.2,
                alpha=0.7,
                label=label if i == 0 else None,
            )
    last = len(twin[0]) - 1
    ticks = [0, *range(4, last - 1, 4), last]
    axes.set_xticks(ticks, ["stem", *(f"block {i}" for i in ticks[1:-1]), "logits"])
    axes.set(ylabel="relative distance", yscale="log")
    axes.legend()
    return drawing


@styled
def logits_by_depth(
    twin: Mapping[int, Sequence[float]], rounding: Mapping[int, Sequence[float]], *, limit: float
) -> Figure:
    """Largest difference of a logit against depth, a dot a seed; `limit` is drawn as a line."""
    drawing, (axes,) = figure(height=3.4)
    depths = sorted(twin)
    for values, color, marker, shift, label in (
        (rounding, ROUNDING, "o", -0.08, "PyTorch in float32 from PyTorch in float64"),
        (twin, TWIN, "s", 0.08, "twin from PyTorch"),
    ):
        for place, depth in enumerate(depths):
            seeds = values[depth]
            axes.plot(
                [place + shift] * len(seeds),
                seeds,
                marker,
                color=color,
                alpha=0.75,
                label=label if place == 0 else None,
            )
    axes.axhline(limit, color=INK, linewidth=1, linestyle=":")
    axes.annotate("what we allow", (-0.15, limit), (0, -14), color=INK, textcoords="offset points", size=9.5)
    axes.set_xticks(range(len(depths)), [f"ResNet-{depth}" for depth in depths])
    axes.set(ylabel="largest difference of a logit", yscale="log", ylim=(5e-7, 3e-4))
    axes.legend(loc="upper right", bbox_to_anchor=(1, 0.85))
    return drawing


@styled
def training(losses: Mapping[str, Sequence[float]], apart: Mapping[str, Sequence[Sequence[float]]]) -> Figure:
    """Left: losses of one seed by step, a line an arm. Right: differences between two arms by step, a line a seed."""
    drawing, (left, right) = figure(2, height=3.4)
    styles = ((INK, "-", 3.5), (TWIN, "--", 2.2), (SEVERAL, ":", 2.2))
    for (name, values), (color, style, width) in zip(losses.items(), styles, strict=True):
        left.plot(range(1, len(values) + 1), values, style, color=color, linewidth=width, label=name)
    left.set(title="One seed's losses", xlabel="step", ylabel="loss", ylim=(0, None))
    left.legend()
    for (name, runs), color in zip(apart.items(), (ROUNDING, TWIN, SEVERAL), strict=True):
        for i, values in enumerate(runs):
            # Losses that are equal to the last bit have no place on a logarithmic axis: drawn at its foot.
            shown = [max(value, 1e-8) for value in values]
            right.plot(
                range(1, len(shown) + 1), shown, color=color, linewidth=1.3, alpha=0.7, label=name if i == 0 else None
            )
    right.set(title="Differences, all seeds", xlabel="step", ylabel="difference of the loss", yscale="log")
    right.set_ylim(5e-9, 30)
    right.legend(loc="upper left", fontsize=9.5)
    return drawing


@styled
def speeds(ratios: Mapping[str, Mapping[str, HasInterval]], milliseconds: Mapping[str, float]) -> Figure:
    """Time over that of torch's defaults, with its interval, a row a job; `milliseconds` is what torch took there."""
    drawing, (axes,) = figure(height=0.9 + 0.62 * len(ratios))
    axes.axvline(1, color=INK, linewidth=1, linestyle=":")
    for row, arms in enumerate(ratios.values()):
        _row(axes, row, arms)
    for arm, (color, marker) in ARMS.items():
        axes.plot([], [], marker, color=color, label=arm)
    names = [f"{job}\n(PyTorch: {milliseconds[job]:.0f} ms)" for job in ratios]
    axes.set_yticks(range(len(ratios)), names, fontsize=9.5)
    axes.set(xlabel="time, relative to PyTorch's defaults", xscale="log", ylim=(len(ratios) - 0.4, -0.6))
    low = min(value.low for arms in ratios.values() for value in arms.values())
    high = max(value.high for arms in ratios.values() for value in arms.values())
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10) if low / 1.6 < tick < high * 1.6]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.legend(ncols=3, loc="lower left", bbox_to_anchor=(-0.3, 1))
    return drawing


def _row(axes: Axes, row: int, arms: Mapping[str, HasInterval]) -> None:
    for shift, (arm, (color, marker)) in zip((-0.18, 0, 0.18), ARMS.items(), strict=True):
        if arm in arms:
            value = arms[arm]
            axes.plot([value.low, value.high], [row + shift] * 2, color=color, linewidth=3, solid_capstyle="butt")
            axes.plot([value.estimate], [row + shift], marker, color=color)
