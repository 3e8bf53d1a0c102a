"""Every rival on every question, tuned by the same small budget. Told in `book/part4/any-good.md`."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from residual.training import Recipe
from residual_book.part4.any_good.rivals import BATCH, EVERY, RIVALS, STEPS, constant, error, loss
from residual_book.part4.any_good.tables import TASKS, Task
from residual_book.recording import RESULTS, WORKERS, listed, record_all, spread
from residual_book.stats import Interval, mean_interval

SEEDS = (50, 51, 52, 53, 54)  # of the recording, never looked at before
LIVE = (0, 1, 2)  # of what the page runs
TRIALS = 3  # settings of each rival, the first of them the usual ones
RESULT = RESULTS / "tables.json"
SLOWEST, FEW = "FT-Transformer", 3  # a rival that takes longer than all others, and the number of seeds it gets
LIVE_TASK, LIVE_RIVALS = "speed", ("constant", "one column", "linear", "trees", "ResNet")


@dataclass(frozen=True)
class Run:
    """A rival's test, with the settings that did best on the second part.

    Attributes:
        task, rival, seed: of the run.
        settings: the best ones.
        skill: how much of the loss of the constant answer on the test part is gone, 1 at most.
        error: on the test part, the share of wrong answers, or the root of the mean squared error in the target's unit.
        column: the one column that was chosen, of the rival that goes by one.
    """

    task: str
    rival: str
    seed: int
    settings: dict[str, float]
    skill: float
    error: float
    column: str = ""


@lru_cache(maxsize=1)
def _task(name: str, seed: int) -> Task:
    return TASKS[name](seed)


def measure(name: str, rival: str, seed: int, *, trials: int = TRIALS, checkpoint: Path | None = None) -> Run:
    """Try settings, choose by the second part, and test once.

    `checkpoint` is not used: a run is short, and one that is cut off begins again.
    """
    task, candidate = _task(name, seed), RIVALS[rival]
    rng = np.random.default_rng((seed, list(TASKS).index(name), list(RIVALS).index(rival)))
    best = np.inf
    for trial in range(trials if candidate.draw else 1):
        settings = candidate.draw(rng) if trial and candidate.draw else dict(candidate.first)
        answers = candidate.fit(task, settings, seed)
        if (own := loss(task, task.choose, answers(task.choose))) < best:
            best, chosen, kept = own, settings, answers
    tested, nothing = (loss(task, task.test, some(task.test)) for some in (kept, constant(task, {}, seed)))
    names, column = task.numeric_names + task.categorical_names, chosen.get("column")
    return Run(
        task=name,
        rival=rival,
        seed=seed,
        settings=chosen,
        skill=1 - tested / nothing,
        error=error(task, task.test, kept(task.test)),
        column="" if column is None else names[int(column)],
    )


def live(seeds: Iterable[int] = LIVE) -> list[Run]:
    """One question, to some of the rivals with their usual settings."""
    jobs = [(LIVE_TASK, rival, seed, 1) for seed in seeds for rival in LIVE_RIVALS]
    return spread(_with_trials, jobs, bar="rivals")


def _with_trials(name: str, rival: str, seed: int, trials: int) -> Run:
    return measure(name, rival, seed, trials=trials)


def record(out: Path, seeds: Sequence[int] = SEEDS, *, without: Collection[str] = (), workers: int = WORKERS) -> None:
    """Measure what `out` does not hold yet, and write it after each run; called again, go on where it was cut off.

    Rivals `without` which to do are not measured.

    Raises:
        ValueError: for a rival that there is not, and a file that was recorded with other settings.
    """
    if unknown := set(without) - RIVALS.keys():
        raise ValueError(f"without must name some of {', '.join(RIVALS)}, got {', '.join(sorted(unknown))}")

    def command(keys: Collection[tuple[int, int, int]]) -> str:
        fewer = "".join(f" --without {rival}" for rival in without)
        return f"residual-book tables --out results/{out.name} --seeds {listed(seed for seed, _, _ in keys)}{fewer}"

    names, rivals = list(TASKS), list(RIVALS)
    record_all(
        out,
        {
            (seed, names.index(task), rivals.index(rival)): partial(measure, task, rival, seed)
            for slow in (False, True)  # what takes long comes last
            for seed in (seeds[:FEW] if slow else seeds)
            for task in names
            for rival in rivals
            if rival not in without and (rival == SLOWEST) == slow
        },
        Run,
        key=lambda run: (run.seed, names.index(run.task), rivals.index(run.rival)),
        command=command,
        label="tables",
        recipe=Recipe(STEPS // EVERY, BATCH, schedule="cosine", warmup=0.05),
        workers=workers,
        trials=TRIALS,
    )


def of(runs: Iterable[Run], task: str, rival: str) -> list[Run]:
    """The runs of a rival on a question, one per seed."""
    return sorted((run for run in runs if (run.task, run.rival) == (task, rival)), key=lambda run: run.seed)


def skill(run: Run) -> float:
    """Of a run, as the value that `gap` compares if it is told nothing else."""
    return run.skill


def paired(runs: Iterable[Run], task: str, first: str, second: str) -> list[tuple[Run, Run]]:
    """The runs of two rivals on a question side by side, for the seeds that both have."""
    left, right = ({run.seed: run for run in of(runs, task, rival)} for rival in (first, second))
    return [(left[seed], right[seed]) for seed in sorted(left.keys() & right.keys())]


def gap(
    runs: Sequence[Run],
    first: str,
    second: str,
    tasks: Iterable[str] = tuple(TASKS),
    value: Callable[[Run], float] = skill,
) -> Interval:
    """How far one rival is ahead of another, seed by seed, in the mean over some questions."""
    sides = [paired(runs, task, first, second) for task in tasks]
    return mean_interval([float(np.mean([value(a) - value(b) for a, b in own])) for own in zip(*sides, strict=True)])
