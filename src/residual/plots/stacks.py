"""The figures of `book/part1/before-training.md`."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from residual.claims import HasInterval
from residual.plots import INK, OTHER, PAPER, PLAIN, RESIDUAL, band, figure, styled
from residual.plots.gradients import Look

LOOKS = {
    "plain": Look(OTHER[2], "D"),
    "plain, batch norm": Look(PLAIN, "o"),
    "residual": Look(OTHER[1], "^"),
    "residual, batch norm": Look(RESIDUAL, "s"),
    "residual, batch norm, branch x 0.1": Look(OTHER[0], "v"),
    "residual, batch norm, branch / √L": Look(PAPER, "P"),
}


@styled
def gradient_lines(lines: Mapping[str, Sequence[float]], *, low: float, high: float) -> Figure:
    """The gradient along a line of inputs from `low` to `high`, a panel a net, each to its own scale."""
    drawing, panels = figure(len(lines), height=2.4)
    for axes, (name, values), color in zip(panels, lines.items(), (OTHER[2], PLAIN, RESIDUAL), strict=True):
        places = [low + (high - low) * i / (len(values) - 1) for i in range(len(values))]
        axes.plot(places, values, color=color, linewidth=1)
        axes.set(title=name, xlabel="input", yticks=[])
    panels[0].set_ylabel("gradient")
    return drawing


@styled
def against_depth(
    panels: Mapping[str, Mapping[str, Mapping[int, HasInterval]]], *, ylabel: str, floor: float | None = None
) -> Figure:
    """A mean with its interval against depth, a panel a title, a line an arm (keys as in `LOOKS`).

    With `floor`, the vertical axis is logarithmic and this value, the lowest there can be, is marked.
    """
    drawing, axes_of = figure(len(panels), height=3.9, share_y=True)
    for axes, (title, arms) in zip(axes_of, panels.items(), strict=True):
        axes.axhline(0 if floor is None else floor, color=INK, linewidth=1, linestyle=":")
        for name, at in arms.items():
            center, low, high = ([getattr(v, field) for v in at.values()] for field in ("estimate", "low", "high"))
            band(axes, list(at), center, low, high, color=LOOKS[name].color, marker=LOOKS[name].marker, label=name)
        axes.set(title=title, xlabel="layers", xscale="log", yscale="linear" if floor is None else "log")
        depths = list(next(iter(arms.values())))
        axes.set_xticks(depths, [str(depth) for depth in depths])
        axes.minorticks_off()
    axes_of[0].set_ylabel(ylabel)
    handles = {
        label: handle for axes in axes_of for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    drawing.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2, fontsize=9.5)
    return drawing
