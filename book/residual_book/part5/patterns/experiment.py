"""Each detector alone, and all of them without each, on five organizations; and the record of what they find.

Told in `book/part5/patterns.md`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from residual import simulate
from residual.detect.detectors import DETECTORS
from residual_book.evaluation.alerts import ranked
from residual_book.evaluation.fits import FITS
from residual_book.evaluation.outcome import hits
from residual_book.evaluation.recall import Ints, bootstrap
from residual_book.evaluation.system import as_scored, sights
from residual_book.evaluation.watched import BUDGET, DAYS, TEST, USERS, Truth, day_of, watch, with_machines
from residual_book.part5.patterns import rhythms
from residual_book.part5.patterns.rhythms import Place
from residual_book.recording import RESULTS, listed, provenance, read_record, write_record
from residual_book.stats import Interval

SEEDS = (0, 1, 2, 3, 4)  # development organizations: the detectors were chosen while looking at these
RESULT = RESULTS / "patterns.json"
CONTACTS = next(detector.name for detector in DETECTORS if "contacts" in detector.name)
NAMES = tuple(detector.name for detector in DETECTORS)
ALL, RITA = "all", "RITA"
FEW, SOME = 1, 3  # alerts per day of one detector alone


@dataclass(frozen=True)
class Ranks:
    """What arms find in one organization. An arm is all detectors, `alone` one, all `without` one, all but those for
    an `unseen` type, or RITA.

    Attributes:
        seed: of the organization.
        episode: attacks and faults with an event in the test days, without benign twins.
        type: of each.
        rank: by arm, of each: the least rank, within its day, of an alert that found it; None if none did.
        alerts: by arm, what its `SOME` highest alerts per day are about: an episode, only a twin, or nothing.
        places: of pairs that call as beacons do, among all pairs.
    """

    seed: int
    episode: tuple[str, ...]
    type: tuple[str, ...]
    rank: dict[str, tuple[int | None, ...]]
    alerts: dict[str, tuple[int, int, int]]
    places: tuple[Place, ...]


def alone(detector: str) -> str:
    """The arm that has one detector."""
    return f"only {detector}"


def without(detector: str) -> str:
    """The arm that lacks one detector."""
    return f"without {detector}"


def unseen(kind: str) -> str:
    """The arm that lacks all detectors that measure what a type of episode does, as if nobody had thought of it."""
    return f"unseen {kind}"


def measure(seed: int, *, users: int = USERS, days: int = DAYS, episodes: float = simulate.EPISODES) -> Ranks:
    """All arms on the organization of a seed, from one pass of the detectors."""
    simulation = simulate.simulation(users=users, days=days, seed=seed, episodes=episodes)
    watched = watch(simulation, {"network_activity": [rhythms.SENT]})
    seen = sights(simulation)
    judged = rhythms.scores(with_machines(watched.events)["network_activity"])
    arms = {ALL: as_scored(seen), RITA: rhythms.as_scored(judged)}
    for name in NAMES:
        own = pl.col("detector") == name
        arms |= {alone(name): as_scored(seen.filter(own)), without(name): as_scored(seen.filter(~own))}
    arms |= {unseen(kind): as_scored(seen.filter(~pl.col("detector").is_in(fits))) for kind, fits in FITS.items()}
    last = watched.truth.touches.group_by("episode").agg(end=day_of(pl.col("time")).max())
    there = watched.truth.episodes.filter(~pl.col("twin")).join(last, on="episode").filter(pl.col("end") >= TEST.start)
    there = there.sort("episode")
    found = {arm: _found(scored, watched.truth, there) for arm, scored in arms.items()}
    contacts = seen.filter(pl.col("detector") == CONTACTS)
    return Ranks(
        seed=seed,
        episode=tuple(there["episode"]),
        type=tuple(there["type"]),
        rank={arm: ranks for arm, (ranks, _) in found.items()},
        alerts={arm: about for arm, (_, about) in found.items()},
        places=tuple(rhythms.places(judged, contacts, watched.truth, seed)),
    )


def _found(
    scored: pl.DataFrame, truth: Truth, there: pl.DataFrame
) -> tuple[tuple[int | None, ...], tuple[int, int, int]]:
    """The least rank of each episode, up to the usual budget, and what the highest alerts are about."""
    alerts = ranked(scored, BUDGET)
    met = hits(alerts, truth)
    least = met.group_by("episode").agg(pl.col("rank").min())
    ranks = there.join(least, on="episode", how="left", maintain_order="left")["rank"]
    few = met.filter(pl.col("rank") <= SOME)
    true = set(few.filter(~pl.col("twin"))["alert"])
    twins = set(few.filter("twin")["alert"]) - true
    total = alerts.filter(pl.col("rank") <= SOME).height
    return tuple(ranks), (len(true), len(twins), total - len(true) - len(twins))


def record(out: Path, seeds: Sequence[int] = SEEDS) -> None:
    """Measure the organizations that `out` does not hold yet, and write it after each.

    Raises:
        ValueError: for a file that holds something else.
    """
    runs = recorded(out) if out.exists() else []
    for seed in seeds:
        if seed not in {run.seed for run in runs}:
            runs = sorted([*runs, measure(seed)], key=lambda run: run.seed)
            command = f"residual-book patterns --out results/{out.name} --seeds {listed(seeds)}"
            write_record(out, {"command": command, "provenance": provenance(), "runs": [_packed(run) for run in runs]})


def recorded(path: Path = RESULT) -> list[Ranks]:
    """The runs of a file that `record` wrote.

    Raises:
        ValueError: for a file that is missing or holds something else.
    """
    try:
        return [_unpacked(run) for run in read_record(path)["runs"]]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected runs of {__name__}: {error!r}") from error


def _packed(run: Ranks) -> dict[str, Any]:
    """A run with a line of text for what would fill a line of JSON per number."""
    names = {name: " ".join(getattr(run, name)) for name in ("episode", "type")}
    ranks = {arm: " ".join("-" if rank is None else str(rank) for rank in ranks) for arm, ranks in run.rank.items()}
    return asdict(run) | names | {"rank": ranks}


def _unpacked(run: Mapping[str, Any]) -> Ranks:
    ranks = {
        arm: tuple(None if rank == "-" else int(rank) for rank in text.split()) for arm, text in run["rank"].items()
    }
    return Ranks(
        seed=run["seed"],
        episode=tuple(run["episode"].split()),
        type=tuple(run["type"].split()),
        rank=ranks,
        alerts={arm: (about[0], about[1], about[2]) for arm, about in run["alerts"].items()},
        places=tuple(Place(**place) for place in run["places"]),
    )


def share(runs: Sequence[Ranks], arm: str, budget: int, kind: str) -> float:
    """The estimate of `recall` for one type, without its interval."""
    return float(np.concatenate([found(run, arm, budget, kind) for run in runs]).mean())


def recall(runs: Sequence[Ranks], arm: str, budget: int, types: Collection[str] | None = None) -> Interval:
    """Share of episodes (of some types) that an arm finds with a budget of alerts per day."""
    return bootstrap([_values(run, arm, budget, types) for run in runs])


def difference(
    runs: Sequence[Ranks], first: str, second: str, budget: int, types: Collection[str] | None = None
) -> Interval:
    """Share of episodes that the first arm finds, less that of the second, on the same episodes."""
    both = [(_values(run, first, budget, types), _values(run, second, budget, types)) for run in runs]
    return bootstrap([{kind: a[kind] - b[kind] for kind in a} for a, b in both])


def found(run: Ranks, arm: str, budget: int, kind: str) -> Ints:
    """Which episodes of a type an arm finds with a budget: 1 for each that it does, 0 for the others."""
    return np.array(
        [rank is not None and rank <= budget for rank, of in zip(run.rank[arm], run.type, strict=True) if of == kind],
        dtype=np.int64,
    )


def _values(run: Ranks, arm: str, budget: int, types: Collection[str] | None) -> dict[str, Ints]:
    kinds = sorted(set(run.type) if types is None else set(run.type) & set(types))
    return {kind: found(run, arm, budget, kind) for kind in kinds}
