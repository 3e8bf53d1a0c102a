"""The figures of `book/primers/neuron.md`."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from residual.plots import INK, OTHER, PAPER, PLAIN, RESIDUAL, figure, styled
from residual.plots.grids import bare, numbers, picture

Array = NDArray[np.float64]


@styled
def images_and_responses(images: Array, responses: Array) -> Figure:
    """Images (N, H, W) in a row, and below each one the neuron's responses between 0 and 1, in their places."""
    drawing = Figure(figsize=(7.2, 2.9))
    rows = drawing.subplots(2, len(images), squeeze=False)
    margin = (images.shape[1] - responses.shape[1]) / 2
    for image, response, (above, below) in zip(images, responses, rows.T, strict=True):
        picture(above, image)
        shown = below.imshow(response, cmap="Blues", vmin=0, vmax=1, extent=_extent(response, margin))
        below.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(image.shape[0] - 0.5, -0.5))
        bare(below)
    rows[0, 0].set_ylabel("image")
    rows[1, 0].set_ylabel("response")
    drawing.colorbar(shown, ax=rows[1, :], ticks=[0, 0.5, 1], fraction=0.03, pad=0.01)
    return drawing


@styled
def weights_and_angles(weights: Mapping[str, Array], cosines: Sequence[Sequence[float]], baseline: float) -> Figure:
    """Weights (3, 3) by name, each over its largest; beside them the angle to those made by hand, a line a seed.

    Args:
        weights: by the name that their panel shows.
        cosines: of the angle, before each step and after the last.
        baseline: cosine of the difference of the class means.
    """
    drawing = Figure(figsize=(7.2, 2.7))
    *panels, axes = drawing.subplots(1, len(weights) + 1, width_ratios=[1] * len(weights) + [1.7])
    for panel, (name, values) in zip(panels, weights.items(), strict=True):
        numbers(panel, values / np.abs(values).max())
        panel.set_title(name)
    for i, line in enumerate(np.degrees(np.arccos(cosines))):
        axes.plot(line, color=RESIDUAL, linewidth=1, alpha=0.7, label="learned" if i == 0 else None)
    angle = float(np.degrees(np.arccos(baseline)))
    axes.axhline(angle, color=PLAIN, linestyle="--", linewidth=1.6, label="class means")
    axes.set(title="angle to hand-made", xlabel="step", yscale="log", ylim=(2, 150))
    axes.set_yticks(ticks := [2, 5, 10, 20, 50, 100], [f"{tick}°" for tick in ticks])
    axes.minorticks_off()
    axes.legend(fontsize=9.5)
    return drawing


@styled
def outputs_by_contrast(contrasts: Array, outputs: Mapping[str, Array], margin: float) -> Figure:
    """What each of the nets puts out for patches of given contrast; shaded where the target is an edge."""
    drawing, panels = figure(len(outputs), height=3.0, share_y=True)
    limit = 1.05 * float(np.abs(contrasts).max())
    for axes, (name, values) in zip(panels, outputs.items(), strict=True):
        for low, high in ((-limit, -margin), (margin, limit)):
            axes.axvspan(low, high, color=OTHER[0], alpha=0.15, linewidth=0)
        axes.axhline(0.5, color=INK, linewidth=1, linestyle=":")
        right = (values > 0.5) == (np.abs(contrasts) > margin)
        axes.plot(contrasts[right], values[right], "o", color=RESIDUAL, markersize=3, alpha=0.6, label="right")
        axes.plot(contrasts[~right], values[~right], "x", color=PLAIN, markersize=4.5, label="wrong")
        axes.set(title=name, xlabel="right column minus left", xlim=(-limit, limit), ylim=(-0.04, 1.04))
    panels[0].set_ylabel("output")
    drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    return drawing


@styled
def distances(by_reference: Mapping[str, Sequence[float]]) -> Figure:
    """A row a reference, a dot a network: relative distance of our derivatives from it, on a logarithmic axis.

    A distance of zero is drawn at the spacing of floating-point numbers, the left end.
    """
    drawing, (axes,) = figure(height=2.1)
    least = float(np.finfo(np.float64).eps) / 8
    for row, (values, color) in enumerate(zip(by_reference.values(), (RESIDUAL, PAPER, PLAIN), strict=False)):
        axes.plot(np.maximum(values, least), [row] * len(values), "o", color=color, alpha=0.5)
    axes.axvline(1e-6, color=INK, linestyle=":", linewidth=1)
    axes.set(xscale="log", xlim=(least / 2, 1e-5), ylim=(len(by_reference) - 0.5, -0.5), xlabel="relative distance")
    axes.set_yticks(range(len(by_reference)), list(by_reference))
    return drawing


@styled
def paired_errors(pairs: Mapping[str, Sequence[float]]) -> Figure:
    """A row a method, a line a seed: errors in percent of two or more methods on the same splits."""
    drawing, (axes,) = figure(height=1.9)
    values = np.array(list(pairs.values()))
    rows = range(len(pairs))
    axes.plot(values, rows, color=INK, alpha=0.3, linewidth=1)
    for row, (line, color) in enumerate(zip(values, (RESIDUAL, PLAIN, PAPER), strict=False)):
        axes.plot(line, [row] * len(line), "o", color=color, alpha=0.7)
        axes.plot(line.mean(), row, "|", color=color, markersize=22, markeredgewidth=2.5)
    axes.set(xlabel="test error (%)", xlim=(0, None), ylim=(len(pairs) - 0.5, -0.5))
    axes.set_yticks(rows, list(pairs))
    return drawing


def _extent(values: Array, margin: float) -> tuple[float, float, float, float]:
    height, width = values.shape
    return (margin - 0.5, margin + width - 0.5, margin + height - 0.5, margin - 0.5)
