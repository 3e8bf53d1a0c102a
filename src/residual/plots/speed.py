"""The figure of a recorded benchmark, in `book/part2/resnet.md`."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from residual.claims import HasInterval
from residual.plots import INK, OTHER, RESIDUAL, figure, styled


@styled
def times_as_fast(panels: Mapping[str, Mapping[str, Mapping[str, HasInterval]]], *, peer: str) -> Figure:
    """A panel a batch, a row an arm, a color a network: how many times as fast as `peer`, with its interval.

    `panels` is by title, then by network, then by arm; every network has the same arms.
    """
    arms = list(dict.fromkeys(arm for nets in panels.values() for of_net in nets.values() for arm in of_net))
    drawing, all_axes = figure(len(panels), height=0.9 + 0.5 * len(arms), share_y=True)
    for axes, (title, nets) in zip(all_axes, panels.items(), strict=True):
        for i, (net, of_arm) in enumerate(nets.items()):
            rows = [arms.index(arm) + 0.24 * (i - (len(nets) - 1) / 2) for arm in of_arm]
            color = (RESIDUAL, *OTHER)[i]
            measured = of_arm.values()
            axes.hlines(
                rows, [m.low for m in measured], [m.high for m in measured], color=color, linewidth=4, alpha=0.45
            )
            axes.plot([m.estimate for m in measured], rows, "o", color=color, label=net)
        axes.axvline(1, color=INK, linewidth=1)
        axes.set(title=title, xlabel=f"times as fast as {peer}", ylim=(len(arms) - 0.5, -0.5))
    all_axes[0].set_yticks(range(len(arms)), arms)
    all_axes[-1].legend(loc="upper right")
    return drawing
