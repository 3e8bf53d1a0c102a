"""The figures of `book/part1/degradation.md`."""

from collections.abc import Sequence

from IPython.display import Markdown
from matplotlib.axes import Axes

from residual_book.claims import number
from residual_book.part1.degradation import plateau
from residual_book.part1.degradation.experiment import ARMS, FEWEST, PUBLISHED, Run, depths, select
from residual_book.stats import mean_over
from residual_book.style import INK, OTHER, PAPER, PLAIN, RESIDUAL, Drawing, figure, seed_lines, styled, table

SHIFT = 0.6  # of a layer, so that two nets of one depth do not hide each other
COLORS = dict(zip(ARMS, (PLAIN, RESIDUAL, OTHER[0]), strict=True))
NAMES = dict(zip(ARMS, ("plain", "residual", "residual without zeros"), strict=True))
MARKERS = dict(zip(ARMS, "osD", strict=True))
SHIFTS = dict(zip(ARMS, (-SHIFT, SHIFT, 0.0), strict=True))
STYLES = {20: "--", 56: "-"}


@styled
def errors_by_depth(runs: Sequence[Run]) -> Drawing:
    """Training and test error against depth: one dot per seed, the means and their intervals."""
    drawing, panels = figure(2, height=3.4, share_y=True)
    for axes, title, field in zip(panels, ("Training error", "Test error"), ("train_error", "test_error"), strict=True):
        _dots(axes, runs, field)
        _intervals(axes, runs, field)
        axes.set(title=title, xlabel="depth (layers)", xticks=depths(runs), ylim=(-3, 103))
    panels[0].set_ylabel("error after 88 steps (%)")
    panels[0].legend()
    alt = "Two panels, training and test error against depths 8, 20 and 56. In both, the plain net climbs from near zero to more than half of all images wrong, while the residual net stays close to zero."
    return Drawing(drawing, alt)


def _arms(runs: Sequence[Run]) -> list[str]:
    return [arm for arm in ARMS if any(run.arm == arm for run in runs)]


def _dots(axes: Axes, runs: Sequence[Run], field: str) -> None:
    for arm in _arms(runs):
        errors = {depth: [getattr(run, field) for run in select(runs, arm, depth)] for depth in depths(runs)}
        errors = {depth: seeds for depth, seeds in errors.items() if seeds}
        means = [sum(seeds) / len(seeds) for seeds in errors.values()]
        axes.plot([depth + SHIFTS[arm] for depth in errors], means, color=COLORS[arm], label=NAMES[arm])
        for depth, seeds in errors.items():
            x, color = [depth + SHIFTS[arm]] * len(seeds), COLORS[arm]
            axes.plot(x, seeds, MARKERS[arm], color=color, alpha=0.75, markersize=5)


def _intervals(axes: Axes, runs: Sequence[Run], field: str) -> None:
    for arm in _arms(runs):
        intervals = [mean_over(select(runs, arm, depth), lambda run: getattr(run, field)) for depth in depths(runs)]
        # With few seeds Student's t reaches past what a percentage can be; the drawing stops there.
        low, high = [max(0, i.low) for i in intervals], [min(100, i.high) for i in intervals]
        axes.fill_between(
            [depth + SHIFTS[arm] for depth in depths(runs)], low, high, color=COLORS[arm], alpha=0.18, linewidth=0
        )


@styled
def training_curves(runs: Sequence[Run]) -> Drawing:
    """Training error, epoch by epoch, of the nets of 20 and 56 layers: one line per seed."""
    drawing, (axes,) = figure(height=3.4)
    epochs = range(1, len(runs[0].curve) + 1)
    for depth in (20, 56):
        for arm in _arms(runs):
            nets = select(runs, arm, depth)
            look = {"linestyle": STYLES[depth], "color": COLORS[arm], "alpha": 0.85, "linewidth": 1.6}
            seed_lines(axes, epochs, [run.curve for run in nets], label=nets[0].name, **look)
    axes.set(xlabel="epoch (22 steps)", ylabel="training error (%)", ylim=(-3, 100), xticks=epochs)
    axes.legend(ncols=2)
    alt = "Training error over four epochs. Plain-20, residual-20 and residual-56 fall to near zero within a few epochs. Plain-56 hardly falls and ends with most images still wrong."
    return Drawing(drawing, alt)


@styled
def rates_and_time(runs: Sequence[Run]) -> Drawing:
    """Final training error against the peak rate, and training error against steps of nets of 56 layers at their best."""
    drawing, (left, right) = figure(2, width=8.2, height=3.6)
    tried = [run for run in runs if run.seed == plateau.CHOICE_SEED]
    for arm in _arms(tried):
        for depth in depths(select(tried, arm, 56)):
            nets = sorted(select(tried, arm, depth), key=lambda run: run.peak_lr)
            errors = [run.train_error for run in nets]
            left.plot([run.peak_lr for run in nets], errors, MARKERS[arm] + "-", color=COLORS[arm], label=NAMES[arm])
    left.set(title="56 layers, 880 steps, one seed", xlabel="peak rate", xscale="log", ylim=(-3, 103))
    left.set_ylabel("training error (%)")
    left.legend()
    for name, arm in zip(plateau.LONGER_NETS, ("plain", "residual-without-zeros"), strict=True):
        for epochs, width in ((plateau.EPOCHS, 1.6), (plateau.LONGER * plateau.EPOCHS, 0.8)):
            for run in plateau.at_best(runs, name, epochs=epochs):
                x = [epoch * plateau.steps_per_epoch() for epoch in range(1, epochs + 1)]
                right.plot(x, run.curve, color=COLORS[arm], linewidth=width, alpha=0.8)
    right.set(title="56 layers, each at its best rate", xlabel="step", ylim=(-3, 103))
    alt = "Left: training error after 880 steps against the peak rate. The plain net of 56 layers ends with some 5 to 23% wrong, the residual net without zeros with none at any rate. Right: training error against step. The residual net is near zero within about a hundred steps, jumps back in some runs near step 300, and returns to zero. The plain net takes many hundreds of steps; with three times the steps it starts later still, and ends near zero."
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
        axes.set(title=title, xlabel="depth (layers)", xticks=depths(runs), ylim=(0, 40))
    left.set_ylabel("error (%)")
    left.legend(loc="upper left")
    right.plot(list(PUBLISHED), list(PUBLISHED.values()), "D-", color=PAPER)
    for depth in (20, 56, 110):
        error = PUBLISHED[depth]
        right.annotate(str(error), (depth, error), (0, 8), color=INK, textcoords="offset points", ha="center", size=9.5)
    right.set(
        title="He et al., Table 6:\nresidual, test error",
        xlabel="depth (layers)",
        ylim=(0, 12),
        xlim=(8, 122),
        xticks=[20, 56, 110],
    )
    alt = "Three panels. On CIFAR-10, recorded here after 25 epochs: training and test error of plain nets rise from 20 to 56 layers; those of residual nets fall, and are some four points lower in training without zeros than with them. Right: the paper's residual nets fall from 8.75% error at 20 layers to 6.43% at 110."
    return Drawing(drawing, alt)


def plateau_table(runs: Sequence[Run]) -> Markdown:
    """The recorded nets at the best rate of each: how long they trained, how well, and after how many steps."""
    rows = []
    for name, rate in plateau.chosen(runs).items():
        for epochs in (plateau.EPOCHS, plateau.LONGER * plateau.EPOCHS):
            nets = plateau.at_best(runs, name, epochs=epochs)
            if len(nets) >= FEWEST:
                arm, depth = nets[0].arm, nets[0].depth
                all_steps = number(epochs * plateau.steps_per_epoch())
                spans = (*_spans(nets), _span([plateau.steps_or_all(run) for run in nets], ".0f"))
                rows.append((arm, depth, epochs, f"{NAMES[arm]}, {depth} layers", rate, all_steps, len(nets), *spans))
    header = (
        "net",
        "peak rate",
        "steps",
        "seeds",
        "training error (%)",
        "test error (%)",
        "steps until four fifths are right",
    )
    return table(header, [row[3:] for row in sorted(rows)])


def _span(values: Sequence[float], form: str = ".1f") -> str:
    """The mean, and the least and the largest."""
    return f"{sum(values) / len(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def _spans(runs: Sequence[Run]) -> list[str]:
    return [_span([getattr(run, field) for run in runs]) for field in ("train_error", "test_error")]


def recorded_table(runs: Sequence[Run]) -> Markdown:
    """Errors of the recorded nets: the mean, and the least and the largest of all seeds."""
    rows = []
    for arm in _arms(runs):
        for depth in depths([run for run in runs if run.arm == arm]):
            nets = select(runs, arm, depth)
            rows.append((f"{NAMES[arm]}, {depth} layers", len(nets), *_spans(nets)))
    return table(("net", "seeds", "training error (%)", "test error (%)"), rows)
