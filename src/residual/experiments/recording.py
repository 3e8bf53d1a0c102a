"""What experiments share that train and record many networks: one thread a network, images, a file to go on with.

Told in `CONTRIBUTING.md`.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, asdict, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from tqdm import tqdm

from residual.experiments.records import provenance, read_record, write_record
from residual.training import Recipe
from residual.vision.data import ImageData, cifar10, digits

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R", bound="DataclassInstance")
# Processes that an experiment spreads its networks over where its caller does not say. A build that runs several pages
# side by side gives each of them one.
WORKERS = int(os.environ.get("RESIDUAL_WORKERS", "2"))


@contextmanager
def alone(seed: int) -> Iterator[None]:
    """One thread and random numbers from `seed`; afterwards the caller's threads and random numbers, as they were."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)


@cache
def images_of(folder: Path | None) -> ImageData:
    """CIFAR-10 from `folder`, or scikit-learn's digits for None; read once a process."""
    return cifar10(folder) if folder else digits()


def shared_checkpoint(*net: Any) -> Path | None:
    """Where the pages of one build keep a trained net for each other, or None outside of a build.

    Args:
        net: all that decides the net's weights, the code aside; each must have a `repr` that tells it from others.
    """
    folder = os.environ.get("RESIDUAL_CHECKPOINTS")
    return Path(folder, hashlib.sha256(repr(net).encode()).hexdigest() + ".safetensors") if folder else None


def check_same(out: Path, recipe: Recipe, *, label: str, **settings: Any) -> None:
    """Refuse to go on with a recording in `out` that was made with another recipe, label or setting.

    A field that recipes did not have yet when `out` was recorded had its default. Seeds may differ: each run has one.

    Raises:
        ValueError: naming the first field that differs.
    """
    content = read_record(out)
    defaults = {field.name: field.default for field in fields(Recipe) if field.default is not MISSING}
    saved = {**content, "label": content.get("data"), **defaults, **content.get("recipe", {})}
    for name, wanted in {"label": label, **settings, **asdict(recipe)}.items():
        if name != "seed" and saved.get(name) != wanted:
            raise ValueError(
                f"{out} was recorded with {name}={saved.get(name)!r}, this run has {wanted!r}: write to another file"
            )


def write_each(
    out: Path,
    before: Sequence[R],
    new: Iterable[R],
    *,
    total: int,
    label: str,
    command: str,
    recipe: Recipe,
    place: Callable[[R], Any],
    checkpoint: Callable[[R], Path] | None = None,
    **settings: Any,
) -> None:
    """Write a record to `out` after each run, and remove the checkpoint that the run no longer needs.

    Args:
        out: the JSON file.
        before: runs that stand in it already.
        new: runs as they end, dataclasses.
        total: how many they will be.
        label: what the page calls the data.
        command: what repeats all of the file.
        recipe: of all runs, the seed aside.
        place: sorts the runs.
        checkpoint: the file of a run; None where runs are too short to have one.
        settings: what else was the same for all runs.
    """
    runs, made = list(before), provenance()
    for run in tqdm(new, total=total, desc=label):
        runs = sorted([*runs, run], key=place)
        write_record(
            out,
            {
                "data": label,
                "command": command,
                "provenance": made,
                "recipe": asdict(recipe),
                **settings,
                "runs": [asdict(r) for r in runs],
            },
        )
        if checkpoint is not None:
            checkpoint(run).unlink()


def runs_of(path: Path, make: Callable[[dict[str, Any]], R], experiment: str) -> list[R]:
    """The runs of a file that `write_each` wrote for the `experiment`, each of them made from its fields.

    Raises:
        ValueError: for a file that is missing or holds something else.
    """
    try:
        return [make(run) for run in read_record(path)["runs"]]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected runs of the {experiment} experiment: {error!r}") from error
