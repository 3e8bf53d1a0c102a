"""The same nets trained until they fit the digits, and all that the page measures of them, recorded by
`residual-book after-training --out results/after-training-digits.json`.

Ten times the steps of the short recipe at a tenth of its rate, where even the plain net of 56 layers learns.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

from residual.training import error_rate
from residual_book.nets import DIGITS_RECIPE
from residual_book.part1.after_training import landscape, lesions, paths
from residual_book.part1.after_training.landscape import STEPS, Losses
from residual_book.part1.after_training.lesions import Lesions
from residual_book.part1.after_training.solutions import NETS, SEEDS, solve
from residual_book.recording import WORKERS, images_of, listed, record_all

RECIPE = replace(DIGITS_RECIPE, epochs=40, peak_lr=0.01)
HIGH_RATE = DIGITS_RECIPE.peak_lr  # at which the deep plain net does not learn
PLANE_SEED = 0  # whose nets have a plane


@dataclass(frozen=True)
class Plateau(Lesions):
    """One net trained by `RECIPE` at the rate `peak_lr`, with its lesions and what lies around it.

    Attributes:
        train_error: percent.
        line, plane: as in `landscape.Around`.
        loss_rise: `rise` there.
        shares: as `PathLengths.shares`; empty for a plain net, which has one path.
        branch: size of the branch over that of the skip, a mean over blocks; 0 for a plain net.
    """

    peak_lr: float
    train_error: float
    line: Losses
    loss_rise: float
    plane: tuple[Losses, ...]
    shares: tuple[float, ...]
    branch: float

    @property
    def loss(self) -> float:
        """At the solution itself."""
        here = self.line[len(STEPS) // 2]
        return math.nan if here is None else here

    @property
    def far(self) -> float:
        """By how much the loss rises at the ends of the line, a mean over both."""
        ends = [math.inf if loss is None else loss for loss in (self.line[0], self.line[-1])]
        return sum(ends) / 2 - self.loss


def measure(name: str, seed: int, peak_lr: float = RECIPE.peak_lr, *, checkpoint: Path | None = None) -> Plateau:
    """Train one net of `NETS` and measure it."""
    data = images_of(None)
    solution = solve(name, seed, recipe=replace(RECIPE, peak_lr=peak_lr), checkpoint=checkpoint)
    around = landscape.around(solution, plane=seed == PLANE_SEED)
    lengths = paths.measure(solution) if NETS[name][1] else None
    return Plateau(
        **asdict(lesions.study(solution)),
        peak_lr=peak_lr,
        train_error=error_rate(solution.net, data.train_images, data.train_labels),
        line=around.line,
        loss_rise=around.rise,
        plane=around.plane,
        shares=tuple(lengths.shares) if lengths else (),
        branch=lengths.branch if lengths else 0.0,
    )


def key(run: Plateau) -> tuple[float, int, int]:
    """What tells runs apart and sorts them: rate, net and seed."""
    return run.peak_lr, tuple(NETS).index(run.name), run.seed


def record(
    out: Path,
    *,
    rates: Sequence[float] = (RECIPE.peak_lr,),
    seeds: Sequence[int] = SEEDS,
    workers: int = WORKERS,
) -> None:
    """Train and measure every net and write `out` after each; called again, go on where it was cut off.

    Nets that stand in `out` are not trained again; another call may add rates and seeds. At `HIGH_RATE` the plain net
    of 56 layers is left out.

    Raises:
        ValueError: where `out` was recorded with another recipe.
    """
    nets = [net for net in product(seeds, rates, NETS) if net[1:] != (HIGH_RATE, "plain-56")]
    jobs = {(rate, tuple(NETS).index(name), seed): partial(measure, name, seed, rate) for seed, rate, name in nets}
    record_all(
        out,
        jobs,
        Plateau,
        key=key,
        command=lambda keys: " && ".join(
            f"residual-book after-training --out results/{out.name} --rates {rate}"
            f" --seeds {listed(seed for at, _, seed in keys if at == rate)}"
            for rate in sorted({rate for rate, _, _ in keys})
        ),
        label="digits",
        recipe=RECIPE,
        workers=workers,
    )
