"""The deep nets of `residual.experiments.depth` on the digits: recorded, resumably, by `residual depth`.

Told in `book/part1/depth.md`, for which they take too long.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from residual.experiments.depth import ARMS, RATES, RECIPE, SEEDS, Run, run_all, train
from residual.experiments.recording import WORKERS, check_same, runs_of, write_each

DEPTHS = (56, 110, 218)
RECORDED = tuple(arm for arm in ARMS if arm != "plain")  # which is lost at 56 layers; the page trains that one
DATA = "digits"


def record(
    out: Path,
    *,
    arms: Sequence[str] = RECORDED,
    depths: Sequence[int] = DEPTHS,
    seeds: Sequence[int] = SEEDS,
    workers: int = WORKERS,
) -> None:
    """Train every arm at both rates and write `out` after every net; called again, go on where it was cut off.

    Nets that stand in `out` are not trained again; another call may add depths and seeds. Both rates, for the page
    chooses each arm's rate anew.

    Raises:
        ValueError: for a depth `CifarNet` does not have, or where `out` was recorded with another recipe.
    """
    runs = []
    if out.exists():
        check_same(out, RECIPE, label=DATA)
        runs = recorded_runs(out)
    done = {(run.arm, run.depth, run.seed, run.peak_lr) for run in runs}
    todo = [
        (arm, depth, seed, rate)
        for depth in sorted(depths, reverse=True)
        for arm in arms
        for rate in RATES
        for seed in seeds
        if (arm, depth, seed, rate) not in done
    ]
    # The command repeats all of the file, not only what this call adds.
    all_depths = sorted({*depths, *(run.depth for run in runs)})
    all_seeds = sorted({*seeds, *(run.seed for run in runs)})
    write_each(
        out,
        runs,
        run_all([partial(train, arm, depth, seed, peak_lr=rate) for arm, depth, seed, rate in todo], workers=workers),
        total=len(todo),
        label=DATA,
        command=f"residual depth --out results/{out.name} --depths {','.join(map(str, all_depths))}"
        f" --seeds {','.join(map(str, all_seeds))}",
        recipe=RECIPE,
        place=lambda run: (tuple(ARMS).index(run.arm), run.depth, -run.peak_lr, run.seed),
    )


def recorded_runs(path: Path) -> list[Run]:
    """The runs of a file that `record` wrote.

    Raises:
        ValueError: for a file that is missing or holds something else.
    """
    return runs_of(path, lambda run: Run(**run), "depth")
