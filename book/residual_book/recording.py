"""What experiments share that train many networks: processes to spread over, and a record to go on with.

A recorded run is JSON under `results/` that says where, when and how it was made, and the command that repeats it.
Told in `CONTRIBUTING.md`.
"""

import json
import os
import platform
import subprocess
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, asdict, fields
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from joblib import Parallel, delayed
from tqdm import tqdm

from residual.storage import write_atomically
from residual.training import Recipe
from residual.vision.data import ImageData, cifar10, digits

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R")
K = TypeVar("K", bound="tuple[Any, ...]")
D = TypeVar("D", bound="DataclassInstance")
BOOK = Path(__file__).parent
RESULTS = BOOK.parents[1] / "results"  # of the repository
# Processes that an experiment spreads its networks over. A build that runs several pages side by side gives each of
# them one.
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
    """CIFAR-10 from `folder`, or scikit-learn's digits for None; read once per process."""
    return cifar10(folder) if folder else digits()


def spread(measure: Callable[..., R], jobs: Iterable[Sequence[Any]], *, bar: str) -> list[R]:
    """`measure(*job)` for every job, in the order of the jobs, over `WORKERS` processes and under a progress bar.

    Start the jobs that take longest first, so that the workers end together.
    """
    jobs = list(jobs)
    results = Parallel(n_jobs=WORKERS, return_as="generator")(delayed(measure)(*job) for job in jobs)
    return list(tqdm(results, total=len(jobs), desc=bar))


def provenance() -> dict[str, str]:
    """Commit, date, machine and the versions that decide numbers, of the code running now."""
    return {
        "commit": commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "numpy", "scikit-learn")},
    }


def commit() -> str:
    """Short hash of the commit that the code stands at, with "+changes" if library or book differ from it.

    "unknown" where git does not hold the code: outside a repository, or installed into somebody else's.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(BOOK), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        # Only code: a recording that goes on has changed its own file under results/.
        changes = git("status", "--porcelain", "--", ".", ":/src")
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if changes else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> str:
    """Processor model, as the system names it, the architecture, and the CUDA device that torch would use."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    processor = f"{models[0] if models else platform.processor() or 'unknown processor'}, {platform.machine()}"
    return processor + (f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else "")


def write_record(path: Path, content: dict[str, Any]) -> None:
    """Write `content` as JSON, whole or not at all."""
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def read_record(path: Path) -> dict[str, Any]:
    """Read a recorded run.

    Raises:
        ValueError: where the file is missing, is no JSON, or lacks the fields that every record has.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing: it is recorded by a command, see results/README.md")
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: expected a recorded run as JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a recorded run as a JSON object, got a {type(content).__name__}")
    missing = {"command", "provenance", "runs"} - content.keys()
    if missing:
        raise ValueError(f"{path} lacks {', '.join(sorted(missing))}: expected a recorded run")
    return content


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


def record_all(
    out: Path,
    jobs: Mapping[K, Callable[..., D]],
    kind: type[D],
    *,
    key: Callable[[D], K],
    command: Callable[[Collection[K]], str],
    label: str,
    recipe: Recipe,
    workers: int = WORKERS,
    **settings: Any,
) -> None:
    """Run the jobs that `out` does not hold yet, and write it after each; called again, go on where it was cut off.

    Args:
        out: the JSON file.
        jobs: what each run does, by its key, in the order to start them. Each takes a file for its checkpoint, which is
            removed when the run stands in `out`.
        kind: the dataclass that a job returns.
        key: of a run; sorts the runs.
        command: what repeats all of the file, given the keys of all its runs.
        label: what the page calls the data.
        recipe: of all runs, the seed aside.
        workers: processes.
        settings: what else was the same for all runs.

    Raises:
        ValueError: where `out` was recorded with another label, recipe or setting.
    """

    def checkpoint(name: K) -> Path:
        return out.with_suffix(".partial") / f"{'-'.join(map(str, name))}.safetensors"

    runs: list[D] = []
    if out.exists():
        check_same(out, recipe, label=label, **settings)
        runs = recorded_runs(out, kind)
    done = set(map(key, runs))
    todo = [delayed(job)(checkpoint=checkpoint(name)) for name, job in jobs.items() if name not in done]
    content = {
        "data": label,
        "command": command(done | jobs.keys()),
        "provenance": provenance(),
        "recipe": asdict(recipe),
        **settings,
    }
    new = Parallel(n_jobs=workers, return_as="generator_unordered")(todo)
    for run in tqdm(new, total=len(todo), desc=label):
        runs = sorted([*runs, run], key=key)
        write_record(out, {**content, "runs": [asdict(run) for run in runs]})
        checkpoint(key(run)).unlink(missing_ok=True)  # a run that diverged at once has none


def listed(values: Iterable[float]) -> str:
    """Different values from the least on, with commas between, as options of a command take them."""
    return ",".join(map(str, sorted(set(values))))


def recorded_runs(path: Path, kind: type[D]) -> list[D]:
    """The runs of a file that `record_all` wrote, as dataclasses of their `kind`; what JSON has as lists are tuples.

    Raises:
        ValueError: for a file that is missing or holds something else.
    """
    try:
        runs = [{field: _tuples(value) for field, value in run.items()} for run in read_record(path)["runs"]]
        return [kind(**run) for run in runs]
    except (AttributeError, TypeError) as error:
        raise ValueError(f"{path}: expected runs of {kind.__module__}: {error!r}") from error


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _tuples(part) for name, part in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
