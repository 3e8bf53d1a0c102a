"""Figures of blocks taken out of trained networks, for `book/part1/after-training.md`."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from residual.plots import INK, OTHER, PLAIN, RESIDUAL, figure, styled

NETS = {"plain-20": (PLAIN, "o"), "residual-20": (OTHER[0], "D"), "residual-56": (RESIDUAL, "s")}


@styled
def one_block(errors: Mapping[str, Sequence[Mapping[str, float]]], intact: Mapping[str, Sequence[float]]) -> Figure:
    """Test error without each block: a panel a net, a dot a seed, a line their mean; dotted, the mean of whole nets.

    Args:
        errors: percent, by net (keys of `NETS`), seed, and block, in order.
        intact: percent, by net and seed.
    """
    drawing, axes_of = figure(len(errors), height=3.3, share_y=True)
    for axes, (net, runs) in zip(axes_of, errors.items(), strict=True):
        color, marker = NETS[net]
        places = range(1, len(runs[0]) + 1)
        for run in runs:
            axes.plot(places, list(run.values()), marker, color=color, markersize=3.5, alpha=0.6)
        axes.plot(places, [_mean([run[name] for run in runs]) for name in runs[0]], color=color)
        axes.axhline(_mean(intact[net]), color=INK, linewidth=1.2, linestyle=":")
        axes.set(title=net, xlabel="block taken out", ylim=(-3, 103), xticks=_ticks(len(places)))
    axes_of[0].set_ylabel("test error (%)")
    return drawing


@styled
def many_blocks(
    removed: Mapping[str, Sequence[Mapping[int, float]]],
    shuffled: Mapping[str, Sequence[tuple[float, float]]],
    *,
    chance: float,
) -> Figure:
    """Test error without k random blocks, and with blocks in another order, by the rank correlation of the orders.

    Args:
        removed: percent, by net (keys of `NETS`), seed and k.
        shuffled: (rank correlation, percent), one dot a shuffle, by net.
        chance: error of a guess, percent, dotted.
    """
    drawing, (left, right) = figure(2, height=3.9, share_y=True)
    for net, runs in removed.items():
        color, marker = NETS[net]
        for run in runs:
            left.plot(list(run), list(run.values()), color=color, linewidth=1, alpha=0.35)
        mean = [_mean([run[k] for run in runs]) for k in runs[0]]
        left.plot(list(runs[0]), mean, color=color, marker=marker, markersize=5, label=net)
    for net, dots in shuffled.items():
        color, marker = NETS[net]
        right.plot(*zip(*dots, strict=True), marker, color=color, markersize=5, alpha=0.6)
    for axes in (left, right):
        axes.axhline(chance, color=INK, linewidth=1.2, linestyle=":")
    _titled(left, "random blocks taken out", "blocks taken out")
    left.set_ylabel("test error (%)")
    _titled(right, "blocks in another order", "rank correlation with the trained order")
    right.invert_xaxis()
    drawing.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9.5)
    return drawing


def _titled(axes: Axes, title: str, xlabel: str) -> None:
    axes.set(title=title, xlabel=xlabel, ylim=(-3, 103))


def _ticks(places: int) -> list[int]:
    return [1, *range(10, places + 1, 10)] if places > 12 else list(range(1, places + 1, 2))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
