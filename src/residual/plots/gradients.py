"""The figures of `book/part1/gradient-flow.md`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from residual.claims import HasInterval
from residual.plots import INK, OTHER, PLAIN, RESIDUAL, band, figure, styled


@dataclass(frozen=True)
class Look:
    """How a kind of net is drawn in every figure of the page."""

    color: str
    marker: str


LOOKS = {
    "plain, default init": Look(PLAIN, "o"),
    "plain, He init": Look(OTHER[2], "D"),
    "batch norm, no skip": Look(OTHER[1], "^"),
    "skip, no norm": Look(OTHER[0], "v"),
    "batch norm and skip": Look(RESIDUAL, "s"),
    "plain": Look(PLAIN, "o"),
    "residual": Look(RESIDUAL, "s"),
    "residual, last gamma zero": Look(OTHER[0], "D"),
}


@styled
def profiles(seeds: Mapping[str, Sequence[Sequence[float]]], *, ylabel: str) -> Figure:
    """A value a layer on a logarithmic axis: thin lines are seeds, the thick one their median. Keys as in `LOOKS`."""
    drawing, (axes,) = figure(height=3.6)
    for name, runs in seeds.items():
        layers = range(1, len(runs[0]) + 1)
        for values in runs:
            axes.plot(layers, values, color=LOOKS[name].color, alpha=0.25, linewidth=1)
        middle = [sorted(values)[len(values) // 2] for values in zip(*runs, strict=True)]
        axes.plot(layers, middle, marker=LOOKS[name].marker, markersize=5, color=LOOKS[name].color, label=name)
    axes.set(xlabel="layer (1 is next to the input)", ylabel=ylabel, yscale="log")
    axes.legend()
    return drawing


@styled
def ratios(depths: Sequence[int], medians: Mapping[str, Sequence[HasInterval]], *, ylabel: str) -> Figure:
    """A median with its interval against depth, on a logarithmic axis; 1 is marked. Keys as in `LOOKS`."""
    drawing, (axes,) = figure(height=4.0)
    axes.axhline(1, color=INK, linewidth=1, linestyle=":")
    for name, values in medians.items():
        look = LOOKS[name]
        center, low, high = ([getattr(v, field) for v in values] for field in ("estimate", "low", "high"))
        band(axes, depths, center, low, high, color=look.color, marker=look.marker, label=name)
    axes.set(xlabel="depth (layers)", ylabel=ylabel, yscale="log", xticks=list(depths))
    axes.legend(fontsize=9.5)
    return drawing


@styled
def rates(fitted: Mapping[str, HasInterval], theory: Mapping[str, float]) -> Figure:
    """The fitted factor a layer with its interval, and the theory's, a row a net. Keys as in `LOOKS`."""
    drawing, (axes,) = figure(height=2.8)
    axes.axvline(1, color=INK, linewidth=1, linestyle=":")
    for row, (name, factor) in enumerate(fitted.items()):
        color = LOOKS[name].color
        axes.plot(
            [theory[name]],
            [row],
            "|",
            color=INK,
            markersize=22,
            markeredgewidth=2,
            label="theory" if row == 0 else None,
        )
        axes.plot([factor.low, factor.high], [row, row], color=color, linewidth=4, solid_capstyle="butt")
        axes.plot([factor.estimate], [row], LOOKS[name].marker, color=color)
        axes.annotate(
            f"{factor.estimate:.3f}", (factor.estimate, row), xytext=(12, 8), textcoords="offset points", color=INK
        )
    axes.set(xlabel="factor a layer, towards the input", ylim=(len(fitted) - 0.4, -0.7), xlim=(0.3, 1.42))
    axes.set_yticks(range(len(fitted)), list(fitted))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1))  # above the rows, where it is no data
    return drawing
