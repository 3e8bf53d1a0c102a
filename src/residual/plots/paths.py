"""Figures of the paths that gradients take, for `book/part1/after-training.md`."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from residual.plots import INK, PAPER, PLAIN, RESIDUAL, figure, styled

LINES = {
    "number of paths": (INK, "--"),
    "sampled paths, as in Veit et al.": (PLAIN, "-"),
    "all paths, with their directions": (RESIDUAL, "-"),
}


@styled
def shares_by_length(
    panels: Mapping[str, Mapping[str, Sequence[Sequence[float]]]], *, published: Mapping[str, tuple[int, int]]
) -> Figure:
    """Share of the gradient by the length of its paths: a panel a network, thin lines seeds, thick ones their mean.

    Args:
        panels: by title, line (keys of `LINES`), seed, and length from 0: shares that add up to 1.
        published: by title, first and last length that Veit et al. (2016) name for such a net, shaded.
    """
    drawing, axes_of = figure(len(panels), height=4.0)
    for axes, (title, lines) in zip(axes_of, panels.items(), strict=True):
        if title in published:
            first, last = published[title]
            axes.axvspan(
                first - 0.5, last + 0.5, color=PAPER, alpha=0.18, linewidth=0, label=f"Veit et al.: {first} to {last}"
            )
        for name, runs in lines.items():
            color, style = LINES[name]
            percent = 100 * np.asarray(runs)
            if len(percent) > 1:
                axes.plot(percent.T, color=color, linewidth=0.9, alpha=0.35)
            axes.plot(percent.mean(0), style, color=color, label=name)
        axes.set(
            title=title,
            xlabel="blocks whose branch the path takes",
            ylim=(0, None),
            xlim=(-0.5, min(40, percent.shape[1] - 1)),
        )
    axes_of[0].set_ylabel("share (%)")
    drawing.legend(*axes_of[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9.5)
    return drawing
