"""The ablation of `residual.experiments.ablation` on CIFAR-10: recorded, resumably, by `residual ablation`.

Told in `book/part2/training.md`.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from residual.experiments.ablation import (
    RECIPE,
    WITHOUT,
    Run,
    changes,
    checkpoint_name,
    first_images,
    place,
    run_all,
)
from residual.experiments.recording import WORKERS, check_same, runs_of, write_each
from residual.training import Recipe
from residual.vision.data import cifar10

SEEDS = (0, 1, 2)
IMAGES = 10_000


def record(
    out: Path,
    folder: Path,
    *,
    label: str = "CIFAR-10",
    pieces: Sequence[str] = tuple(WITHOUT),
    seeds: Sequence[int] = SEEDS,
    images: int = IMAGES,
    recipe: Recipe = RECIPE,
    workers: int = WORKERS,
) -> None:
    """Train on CIFAR-10 and write `out` after every network; called again, go on where it was cut off.

    Networks that stand in `out` are not trained again; another call may add pieces and seeds.

    Raises:
        ValueError: for a bad folder, an unknown piece, a bad number of images, or where `out` was recorded with
            another label, recipe or number of images.
    """
    for piece in pieces:
        changes(piece)
    runs = []
    if out.exists():
        check_same(out, recipe, label=label, images=images)
        runs = recorded_runs(out)
    first_images(cifar10(folder), images)  # a bad folder or number is said now, not by a worker
    done = {(run.without, run.seed) for run in runs}
    todo = [(piece, seed) for seed in seeds for piece in pieces if (piece, seed) not in done]
    checkpoints = out.with_suffix(".partial")
    # The command repeats all of the file, not only what this call adds.
    all_pieces = [piece for piece in WITHOUT if piece in {*pieces, *(run.without for run in runs)}]
    all_seeds = sorted({*seeds, *(run.seed for run in runs)})
    write_each(
        out,
        runs,
        run_all(todo, recipe, workers, folder=folder, images=images, checkpoints=checkpoints),
        total=len(todo),
        label=label,
        command=f"residual ablation --cifar10 FOLDER --out results/{out.name} --label {shlex.quote(label)}"
        f" --without {shlex.quote(','.join(all_pieces))} --seeds {','.join(map(str, all_seeds))}"
        f" --epochs {recipe.epochs} --images {images}",
        recipe=recipe,
        place=place,
        checkpoint=lambda run: checkpoints / checkpoint_name(run.without, run.seed),
        images=images,
    )


def recorded_runs(path: Path) -> list[Run]:
    """The runs of a file that `record` wrote.

    Raises:
        ValueError: for a file that is missing or holds something else.
    """
    return runs_of(path, _read, "ablation")


def _read(run: dict[str, Any]) -> Run:
    confusion = tuple(tuple(row) for row in run["confusion"])
    return Run(**{**run, "curve": tuple(run["curve"]), "confusion": confusion})
