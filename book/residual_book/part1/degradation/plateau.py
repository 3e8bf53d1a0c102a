"""What is left of degradation when each net has a learning rate of its own and time to finish, on the digits.

Too long for a page: it is recorded, resumably, by `residual-book plateau --out results/degradation-digits.json`.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from residual_book.nets import DIGITS_RECIPE
from residual_book.part1.degradation.experiment import Run, key, net_named, train
from residual_book.recording import WORKERS, images_of, record_all, recorded_runs

NETS = (
    "plain-56",
    "residual-without-zeros-56",
    "residual-56",
    "plain-20",
    "residual-without-zeros-20",
    "residual-20",
    "plain-32",
    "residual-32",
)
RATES = (0.1, 0.03, 0.01, 0.003)  # peaks to choose from, for each net
EPOCHS = 40
CHOICE_SEED = 20  # chooses each net's rate, and is not used again
SEEDS = (0, 1, 2, 3, 4)
LONGER = 3  # times the epochs, to see whether a net had finished
LONGER_NETS = ("plain-56", "residual-without-zeros-56")
SHALLOW = "plain-20"
LEVEL = 5.0  # percent of the training images wrong
SOME = 20.0  # percent wrong, which even the deep plain net reaches
SPOT = ("plain-32", 0.01)  # a recorded run of the seed that chooses, which the page trains again


def chosen(runs: Sequence[Run]) -> dict[str, float]:
    """The rate at which each net of the seed that chooses ends with the least training error.

    Of rates with one error, and many nets end without any, the one that had learned first is taken.
    """
    tried = sorted((run for run in runs if run.seed == CHOICE_SEED), key=lambda run: (run.train_error, steps(run)))
    return {run.name: run.peak_lr for run in reversed(tried)}  # a net's best run comes last, and stays


def steps(run: Run, level: float = LEVEL) -> float:
    """Steps until the end of the first epoch whose training error was at most `level`; infinite where none was."""
    first = next((epoch for epoch, error in enumerate(run.curve, 1) if error <= level), math.inf)
    return first * steps_per_epoch()


def steps_or_all(run: Run) -> float:
    """Steps until `SOME` percent are wrong, or all steps of a run that does not get there."""
    return min(steps(run, SOME), run.epochs * steps_per_epoch())


def steps_per_epoch() -> int:
    """On the digits."""
    return len(images_of(None).train_images) // DIGITS_RECIPE.batch_size


def at_best(runs: Sequence[Run], name: str, *, epochs: int = EPOCHS) -> list[Run]:
    """The runs of a net at its chosen rate, by seed, without the one that chose."""
    rate = chosen(runs)[name]
    found = [r for r in runs if (r.name, r.epochs, r.peak_lr) == (name, epochs, rate) and r.seed != CHOICE_SEED]
    return sorted(found, key=lambda run: run.seed)


def with_shared_seeds(*arms: Sequence[Run]) -> list[list[Run]]:
    """The runs of each arm whose seeds all arms have: a recording that goes on may have more of one than of another."""
    shared = set[int].intersection(*({run.seed for run in arm} for arm in arms))
    return [[run for run in arm if run.seed in shared] for arm in arms]


def spot_check(runs: Sequence[Run]) -> tuple[Run, Run]:
    """The recorded run of `SPOT`, and the same one trained now."""
    name, rate = SPOT
    (recorded,) = [r for r in runs if (r.name, r.peak_lr, r.epochs, r.seed) == (name, rate, EPOCHS, CHOICE_SEED)]
    return recorded, train(*net_named(name), replace(DIGITS_RECIPE, peak_lr=rate, epochs=EPOCHS, seed=CHOICE_SEED))


def record(
    out: Path,
    *,
    nets: Sequence[str] = NETS,
    rates: Sequence[float] = RATES,
    seeds: Sequence[int] = SEEDS,
    epochs: int = EPOCHS,
    workers: int = WORKERS,
) -> None:
    """Choose each net's rate, then train it from other seeds; write `out` after each net, and go on where cut off.

    Raises:
        ValueError: for a bad name, or where `out` was recorded with another recipe.
    """

    def add(arms: Iterable[tuple[str, float, int, int]]) -> None:
        """Train the nets of name, rate, epochs and seed that `out` does not hold."""
        runs = [(*net_named(name), rate, length, seed) for name, rate, length, seed in arms]
        jobs = {
            (arm, depth, rate, length, seed): partial(
                train, arm, depth, replace(DIGITS_RECIPE, peak_lr=rate, epochs=length, seed=seed)
            )
            for arm, depth, rate, length, seed in runs
        }
        record_all(
            out,
            jobs,
            Run,
            key=key,
            command=lambda _: f"residual-book plateau --out results/{out.name}",
            label="digits",
            recipe=DIGITS_RECIPE,  # rate, epochs and seed are each run's own
            workers=workers,
        )

    add((name, rate, epochs, CHOICE_SEED) for name in nets for rate in rates)
    rates_of = chosen(recorded_runs(out, Run))
    add((name, rates_of[name], epochs, seed) for seed in seeds for name in nets)
    add((name, rates_of[name], LONGER * epochs, seed) for seed in seeds for name in nets if name in LONGER_NETS)
