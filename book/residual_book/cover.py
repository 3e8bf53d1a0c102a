"""The book's cover, logo and favicon: `python -m residual_book.cover FOLDER` writes them as SVG.

The cover is a measurement, read from `results/`: how plain and residual nets of one depth learn.
"""

import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc, Rectangle

from residual.storage import write_atomically
from residual_book.recording import RESULTS, read_record
from residual_book.style import INK, PLAIN, RESIDUAL, Drawing, figure, narrow, styled

RECORD = RESULTS / "degradation-digits.json"
DEPTH, EPOCHS, SEED = 56, 40, 20  # of the nets shown: the seed for which every rate was tried
ARMS = {  # that differ in the skip alone, with where their names stand
    "plain": ("plain", PLAIN, (15, 76)),
    "residual-without-zeros": ("with skips", RESIDUAL, (7, 15)),
}


@styled
def cover() -> Drawing:
    """Training error by epoch of nets of 56 layers, plain and with skips, one line per learning rate."""
    runs = [r for r in read_record(RECORD)["runs"] if (r["depth"], r["epochs"], r["seed"]) == (DEPTH, EPOCHS, SEED)]
    drawing, (axes,) = figure(width=9, height=3.4, stacked=3.0)
    for arm, (name, color, place) in ARMS.items():
        for run in (run for run in runs if run["arm"] == arm):
            axes.plot(range(1, EPOCHS + 1), run["curve"], color=color, linewidth=1.6 if narrow() else 2.2, alpha=0.9)
        label, size = (name, 11) if narrow() else (f"{DEPTH} layers, {name}", 13)
        axes.text(*place, label, color=color, size=size, weight="bold")
    axes.set(ylim=(-2, 100), xlim=(1, EPOCHS), xticks=(1, 10, 20, 30, 40), yticks=(0, 50, 100))
    axes.set(xlabel="epoch", ylabel="training error (%)")
    axes.tick_params(color=INK)
    alt = "Training error of nets of 56 layers over 40 epochs, a line for each of four learning rates. Four orange lines, the plain nets, come down slowly and unevenly. Four blue lines, the same nets with skip connections, drop to almost nothing within a few epochs."
    return Drawing(drawing, alt)


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of so many inches with one panel, which fills it and shows no axes."""
    drawing = Figure(figsize=(width, height))
    drawing.set_layout_engine("none")
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.axis("off")
    return drawing, axes


def logo() -> Drawing:
    """One block and its skip."""
    drawing, axes = _canvas(1, 1)
    axes.set(xlim=(0, 10), ylim=(0, 10))
    axes.add_patch(Rectangle((3.1, 1.6), 3.8, 3.8, color=PLAIN))
    axes.plot([0.6, 9.4], [3.5, 3.5], color=RESIDUAL, linewidth=5.5, zorder=0)
    axes.add_patch(Arc((5, 3.5), 8, 9.6, theta1=0, theta2=180, color=RESIDUAL, lw=5.5))
    return Drawing(drawing, "Residual Networks, Executed: a block and its skip connection.")


def write(folder: Path) -> None:
    """Write `cover.svg`, `logo.svg` and `favicon.svg` into `folder`."""
    pictures = {"cover": cover(), "logo": logo(), "favicon": logo()}
    for name, drawing in pictures.items():
        write_atomically(folder / f"{name}.svg", drawing.svg().encode())


if __name__ == "__main__":
    write(Path(sys.argv[1]))
