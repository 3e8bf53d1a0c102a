"""The figures of `book/part2/blocks.md`."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from residual.plots import INK, OTHER, PAPER, PLAIN, RESIDUAL, figure, styled


@styled
def weights_by_block(weights: Mapping[str, int], sees: Mapping[str, str]) -> Figure:
    """A bar a block: its weights, and what `sees` says of how far one output looks. Both by the block's name."""
    drawing, (axes,) = figure(height=3.0)
    names = list(weights)
    for row, name in enumerate(names):
        color = RESIDUAL if "bottleneck" in name else PLAIN if "basic" in name else PAPER
        axes.barh(row, weights[name], height=0.62, color=color)
        axes.annotate(
            f"{weights[name]:,}, sees {sees[name]}",
            (weights[name], row),
            (5, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="weights of convolutions or linear layers", xlim=(0, 1.75 * max(weights.values())))
    axes.set_xticks([0, 500_000, 1_000_000])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1e6:g} million" if value else "0")
    axes.grid(visible=False, axis="y")
    return drawing


@styled
def sights(maps: Mapping[str, Sequence[Sequence[float]]], titles: Mapping[str, str]) -> Figure:
    """A panel a map: pixels as dark as the root of their share of the largest gradient; empty where it is zero."""
    drawing, panels = figure(len(maps), height=2.9 if len(maps) == 3 else 3.3)
    for axes, (name, rows) in zip(panels, maps.items(), strict=True):
        largest = max(max(row) for row in rows)
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                _pixel(axes, i, j, (value / largest) ** 0.5)
        axes.set(title=titles[name], xlim=(-0.1, len(rows[0]) + 0.1), ylim=(len(rows) + 0.1, -0.1), aspect="equal")
        axes.axis("off")
    return drawing


def _pixel(axes: Axes, row: int, column: int, share: float) -> None:
    corner = (column + 0.05, row + 0.05)
    axes.add_patch(Rectangle(corner, 0.9, 0.9, fill=False, edgecolor=INK, alpha=0.25, linewidth=0.6))
    if share > 0:
        axes.add_patch(Rectangle(corner, 0.9, 0.9, facecolor=RESIDUAL, alpha=0.25 + 0.75 * share, linewidth=0))


@styled
def added_parameters(added: Mapping[str, Mapping[str, float]]) -> Figure:
    """For each network a bar an option: percent of parameters that the option adds to those of option A."""
    drawing, (axes,) = figure(height=3.2)
    options = list(next(iter(added.values())))
    for i, option in enumerate(options):
        rows = [row + 0.36 * (i - (len(options) - 1) / 2) for row in range(len(added))]
        values = [by_option[option] for by_option in added.values()]
        axes.barh(rows, values, height=0.34, color=(RESIDUAL, OTHER[1])[i], label=f"option {option}")
        for row, value in zip(rows, values, strict=True):
            axes.annotate(f"{value:.1f} %", (value, row), (5, 0), textcoords="offset points", va="center", size=10)
    axes.set_yticks(range(len(added)), list(added))
    axes.set(xlabel="parameters added to those with option A (%)", ylim=(len(added) - 0.4, -0.6))
    axes.set_xlim(0, 1.13 * max(max(by_option.values()) for by_option in added.values()))
    axes.grid(visible=False, axis="y")
    axes.legend(loc="upper right")
    return drawing
