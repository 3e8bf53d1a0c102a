"""The figures of `book/part1/degradation.md`."""

from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from residual.claims import HasInterval
from residual.plots import INK, PAPER, PLAIN, RESIDUAL, figure, styled

Errors = Mapping[int, Sequence[float]]  # depth -> percent, one a seed
Interval = Callable[[Sequence[float]], HasInterval]  # from the values of several seeds
SHIFT = 0.6  # of a layer, so that two nets of one depth do not hide each other


@styled
def errors_by_depth(train: Mapping[str, Errors], test: Mapping[str, Errors], *, interval: Interval) -> Figure:
    """Training and test error against depth: a dot a seed, the means and their intervals. Keys: "plain", "residual"."""
    drawing, panels = figure(2, height=3.4, share_y=True)
    for axes, title, nets in zip(panels, ("Training error", "Test error"), (train, test), strict=True):
        _dots(axes, nets)
        _intervals(axes, nets, interval)
        axes.set(title=title, xlabel="depth (layers)", xticks=sorted(nets["plain"]), ylim=(-3, 103))
    panels[0].set_ylabel("error (%)")
    panels[0].legend()
    return drawing


def _dots(axes: Axes, nets: Mapping[str, Errors]) -> None:
    for name, color, marker, shift in (("plain", PLAIN, "o", -SHIFT), ("residual", RESIDUAL, "s", SHIFT)):
        depths = sorted(nets[name])
        means = [sum(nets[name][d]) / len(nets[name][d]) for d in depths]
        axes.plot([d + shift for d in depths], means, color=color, label=name)
        for depth in depths:
            seeds = nets[name][depth]
            axes.plot([depth + shift] * len(seeds), seeds, marker, color=color, alpha=0.75, markersize=5)


def _intervals(axes: Axes, nets: Mapping[str, Errors], interval: Interval) -> None:
    for name, color in (("plain", PLAIN), ("residual", RESIDUAL)):
        found = [interval(nets[name][depth]) for depth in sorted(nets[name])]
        # With few seeds Student's t reaches past what a percentage can be; the drawing stops there.
        low, high = [max(0, i.low) for i in found], [min(100, i.high) for i in found]
        axes.fill_between(sorted(nets[name]), low, high, color=color, alpha=0.18, linewidth=0)


@styled
def training_curves(curves: Mapping[str, Sequence[Sequence[float]]]) -> Figure:
    """Training error, epoch by epoch, a line a seed. Keys such as "plain-56": kind and depth set the line's look."""
    drawing, (axes,) = figure(height=3.4)
    for name, seeds in curves.items():
        kind, depth = name.split("-")
        for i, errors in enumerate(seeds):
            axes.plot(
                range(1, len(errors) + 1),
                errors,
                "-" if depth == "56" else "--",
                color=PLAIN if kind == "plain" else RESIDUAL,
                label=name if i == 0 else None,
                alpha=0.85,
                linewidth=1.6,
            )
    epochs = max(len(errors) for seeds in curves.values() for errors in seeds)
    axes.set(xlabel="epoch", ylabel="training error (%)", ylim=(-3, 100), xticks=range(1, epochs + 1))
    axes.legend(ncols=2)
    return drawing


@styled
def recorded_and_published(
    train: Mapping[str, Errors], test: Mapping[str, Errors], published: Mapping[int, float]
) -> Figure:
    """Recorded errors of plain and residual nets, a dot a seed, beside the test errors the paper gives by depth."""
    drawing, (left, middle, right) = figure(3, width=8.2, height=3.4)
    for axes, title, nets in ((left, "Here: training error", train), (middle, "Here: test error", test)):
        _dots(axes, nets)
        axes.set(title=title, xlabel="depth (layers)", xticks=sorted(nets["plain"]), ylim=(0, 100))
    left.set_ylabel("error (%)")
    left.legend(loc="lower center")
    right.plot(list(published), list(published.values()), "D-", color=PAPER)
    for depth in (20, 56, 110):
        error = published[depth]
        right.annotate(str(error), (depth, error), (0, 8), color=INK, textcoords="offset points", ha="center", size=9.5)
    right.set(
        title="He et al., Table 6:\nresidual, test error", xlabel="depth (layers)", ylim=(0, 12), xticks=[20, 56, 110]
    )
    return drawing
