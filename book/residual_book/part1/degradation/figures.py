"""The figures of `book/part1/degradation.md`."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from residual_book.part1.degradation.experiment import PUBLISHED, Run, depths, select
from residual_book.stats import mean_over
from residual_book.style import INK, PAPER, PLAIN, RESIDUAL, Drawing, figure, seed_lines, styled

SHIFT = 0.6  # of a layer, so that two nets of one depth do not hide each other
NETS = (("plain", PLAIN, "o", -SHIFT), ("residual", RESIDUAL, "s", SHIFT))


@styled
def errors_by_depth(runs: Sequence[Run]) -> Drawing:
    """Training and test error against depth: one dot per seed, the means and their intervals."""
    drawing, panels = figure(2, height=3.4, share_y=True)
    for axes, title, field in zip(panels, ("Training error", "Test error"), ("train_error", "test_error"), strict=True):
        _dots(axes, runs, field)
        _intervals(axes, runs, field)
        axes.set(title=title, xlabel="depth (layers)", xticks=depths(runs), ylim=(-3, 103))
    panels[0].set_ylabel("error (%)")
    panels[0].legend()
    alt = "Two panels, training and test error against depths 8, 20 and 56. In both, the plain net climbs from near zero to more than half of all images wrong, while the residual net stays close to zero."
    return Drawing(drawing, alt)


def _dots(axes: Axes, runs: Sequence[Run], field: str) -> None:
    for name, color, marker, shift in NETS:
        errors = {
            depth: [getattr(run, field) for run in select(runs, depth=depth, residual=name == "residual")]
            for depth in depths(runs)
        }
        means = [sum(seeds) / len(seeds) for seeds in errors.values()]
        axes.plot([depth + shift for depth in errors], means, color=color, label=name)
        for depth, seeds in errors.items():
            axes.plot([depth + shift] * len(seeds), seeds, marker, color=color, alpha=0.75, markersize=5)


def _intervals(axes: Axes, runs: Sequence[Run], field: str) -> None:
    for name, color, _, _ in NETS:
        intervals = [
            mean_over(select(runs, depth=depth, residual=name == "residual"), lambda run: getattr(run, field))
            for depth in depths(runs)
        ]
        # With few seeds Student's t reaches past what a percentage can be; the drawing stops there.
        low, high = [max(0, i.low) for i in intervals], [min(100, i.high) for i in intervals]
        axes.fill_between(depths(runs), low, high, color=color, alpha=0.18, linewidth=0)


@styled
def training_curves(runs: Sequence[Run]) -> Drawing:
    """Training error, epoch by epoch, of the nets of 20 and 56 layers: one line per seed."""
    drawing, (axes,) = figure(height=3.4)
    epochs = range(1, len(runs[0].curve) + 1)
    for depth, style in ((20, "--"), (56, "-")):
        for residual, color in ((False, PLAIN), (True, RESIDUAL)):
            nets = select(runs, depth=depth, residual=residual)
            look = {"linestyle": style, "color": color, "alpha": 0.85, "linewidth": 1.6}
            seed_lines(axes, epochs, [run.curve for run in nets], label=nets[0].name, **look)
    axes.set(xlabel="epoch", ylabel="training error (%)", ylim=(-3, 100), xticks=epochs)
    axes.legend(ncols=2)
    alt = "Training error over four epochs. Plain-20, residual-20 and residual-56 fall to near zero within a few epochs. Plain-56 falls slowly and ends with most images still wrong."
    return Drawing(drawing, alt)


@styled
def recorded_and_published(runs: Sequence[Run]) -> Drawing:
    """Recorded errors of plain and residual nets, one dot per seed, beside the paper's test errors by depth."""
    drawing, (left, middle, right) = figure(3, width=8.2, height=3.4)
    for axes, title, field in (
        (left, "Here: training error", "train_error"),
        (middle, "Here: test error", "test_error"),
    ):
        _dots(axes, runs, field)
        axes.set(title=title, xlabel="depth (layers)", xticks=depths(runs), ylim=(0, 100))
    left.set_ylabel("error (%)")
    left.legend(loc="lower center")
    right.plot(list(PUBLISHED), list(PUBLISHED.values()), "D-", color=PAPER)
    for depth in (20, 56, 110):
        error = PUBLISHED[depth]
        right.annotate(str(error), (depth, error), (0, 8), color=INK, textcoords="offset points", ha="center", size=9.5)
    right.set(
        title="He et al., Table 6:\nresidual, test error", xlabel="depth (layers)", ylim=(0, 12), xticks=[20, 56, 110]
    )
    alt = "Three panels. On CIFAR-10, recorded here: training and test error of plain nets rise from 20 to 56 layers; those of residual nets do not. Right: the paper's residual nets fall from 8.75 % error at 20 layers to 6.43 % at 110."
    return Drawing(drawing, alt)
