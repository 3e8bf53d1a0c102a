"""The figures of `book/primers/neuron.md`."""

from collections.abc import Sequence

import numpy as np

from residual_book.grids import bare, numbers, picture
from residual_book.primers.neuron.backpropagation import Array
from residual_book.primers.neuron.checks import DigitsRun, Distances
from residual_book.primers.neuron.edges import HAND, MARGIN, BothSidesRun, EdgeRun, Neuron, patches
from residual_book.stats import mean_over
from residual_book.style import (
    INK,
    OTHER,
    PAPER,
    PLAIN,
    RESIDUAL,
    Drawing,
    dots_by_row,
    figure,
    narrow,
    seed_lines,
    sheet,
    styled,
)


@styled
def images_and_responses(images: Array, neuron: Neuron) -> Drawing:
    """Images (N, H, W) in a row, and below each the neuron's responses, at the middles of their patches."""
    drawing = sheet(height=2.9, stacked=1.9)
    rows = drawing.subplots(2, len(images), squeeze=False)
    height, width = images.shape[1:]
    extent = (0.5, width - 1.5, height - 1.5, 0.5)
    for image, (above, below) in zip(images, rows.T, strict=True):
        picture(above, image)
        response = neuron(patches(image[None])).reshape(height - 2, width - 2)
        shown = below.imshow(response, cmap="Blues", vmin=0, vmax=1, extent=extent)
        below.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        bare(below)
    rows[0, 0].set_ylabel("image")
    rows[1, 0].set_ylabel("response")
    drawing.colorbar(shown, ax=rows[1, :], ticks=[0, 0.5, 1], fraction=0.03, pad=0.01)
    alt = "Six digits, and below each a map of responses. The maps are dark along the left borders of the strokes and empty elsewhere."
    return Drawing(drawing, alt)


@styled
def weights_and_angles(runs: Sequence[EdgeRun]) -> Drawing:
    """Weights of the first run beside those made by hand, each over its largest; and the angle to these, by step."""
    drawing = sheet(height=2.7, stacked=4.4)
    if narrow():
        grid = drawing.add_gridspec(2, 3, height_ratios=[1, 2])
        *panels, axes = (drawing.add_subplot(part) for part in (grid[0, 0], grid[0, 1], grid[0, 2], grid[1, :]))
    else:
        *panels, axes = drawing.subplots(1, 4, width_ratios=[1, 1, 1, 1.7])
    weights = {"by hand": HAND, "learned": runs[0].path[-1].weights, "class means": runs[0].means.weights}
    for panel, (name, values) in zip(panels, weights.items(), strict=True):
        numbers(panel, values.reshape(3, 3) / np.abs(values).max())
        panel.set_title(name)
    angles = [np.degrees(np.arccos([neuron.cosine for neuron in run.path])) for run in runs]
    seed_lines(axes, range(len(angles[0])), angles, color=RESIDUAL, linewidth=1, alpha=0.7, label="learned")
    angle = np.degrees(np.arccos(mean_over(runs, lambda run: run.means.cosine).estimate))
    axes.axhline(angle, color=PLAIN, linestyle="--", linewidth=1.6, label="class means")
    axes.set(title="angle to hand-made", xlabel="step", yscale="log", ylim=(2, 150))
    axes.set_yticks(ticks := [2, 5, 10, 20, 50, 100], [f"{tick}°" for tick in ticks])
    axes.minorticks_off()
    axes.legend(fontsize=9.5)
    alt = "Three grids of weights, all negative in the left column, near zero in the middle, positive on the right. Beside them ten lines of the angle to the first grid fall from about ninety degrees to about five, below a dashed line for the class means."
    return Drawing(drawing, alt)


@styled
def outputs_by_contrast(run: BothSidesRun) -> Drawing:
    """What one neuron and two layers put out for patches of given contrast; shaded where the target is an edge."""
    drawing, panels = figure(2, height=3.0, share_y=True)
    contrasts = run.neuron.contrasts
    limit = 1.05 * float(np.abs(contrasts).max())
    outputs = {"one neuron": run.neuron.outputs, "two layers": run.layers.outputs}
    for axes, (name, shown) in zip(panels, outputs.items(), strict=True):
        for low, high in ((-limit, -MARGIN), (MARGIN, limit)):
            axes.axvspan(low, high, color=OTHER[0], alpha=0.15, linewidth=0)
        axes.axhline(0.5, color=INK, linewidth=1, linestyle=":")
        right = (shown > 0.5) == (np.abs(contrasts) > MARGIN)
        axes.plot(contrasts[right], shown[right], "o", color=RESIDUAL, markersize=3, alpha=0.6, label="right")
        axes.plot(contrasts[~right], shown[~right], "x", color=PLAIN, markersize=4.5, label="wrong")
        axes.set(title=name, xlabel="right column minus left", xlim=(-limit, limit), ylim=(-0.04, 1.04))
    panels[0].set_ylabel("output")
    drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    alt = "Two panels of dots. Left, one neuron's outputs form a cloud around one half at every contrast, with many wrong answers. Right, two layers answer near one outside of the margins and near zero between them, with a few errors at the margins."
    return Drawing(drawing, alt)


@styled
def distances(compared: Sequence[Distances]) -> Drawing:
    """Relative distance of our derivatives from others': one row per reference, one dot per network."""
    drawing, (axes,) = figure(height=2.1)
    least = float(np.finfo(np.float64).eps) / 8  # where a distance of zero is drawn
    rows = {
        "gradient, to autograd": [max(net.autograd, least) for net in compared],
        "Jacobian, to autograd": [max(net.product, least) for net in compared],
        "gradient, to differences": [max(net.differences, least) for net in compared],
    }
    dots_by_row(axes, rows, (RESIDUAL, PAPER, PLAIN), alpha=0.5)
    axes.axvline(1e-6, color=INK, linestyle=":", linewidth=1)
    axes.set(xscale="log", xlim=(least / 2, 1e-5), xlabel="relative distance")
    alt = "Three rows of dots on a logarithmic axis. Distances to autograd lie near the precision of floating-point numbers, those to finite differences between. All are left of a dotted line."
    return Drawing(drawing, alt)


@styled
def paired_errors(runs: Sequence[DigitsRun]) -> Drawing:
    """Test errors in percent of the network and of logistic regression: one row per method, one line per split."""
    drawing, (axes,) = figure(height=1.9)
    values = np.array([[run.net_test for run in runs], [run.logistic_test for run in runs]])
    axes.plot(values, range(2), color=INK, alpha=0.3, linewidth=1)
    for row, color in enumerate((RESIDUAL, PLAIN)):
        axes.plot(values[row], [row] * len(runs), "o", color=color, alpha=0.7)
        axes.plot(values[row].mean(), row, "|", color=color, markersize=22, markeredgewidth=2.5)
    axes.set(xlabel="test error (%)", xlim=(0, None), ylim=(1.5, -0.5))
    axes.set_yticks(range(2), ["our network", "logistic regression"])
    alt = "Two rows of ten dots joined by lines. The network's errors are between about one and four percent, those of logistic regression to the right of them in most splits."
    return Drawing(drawing, alt)
