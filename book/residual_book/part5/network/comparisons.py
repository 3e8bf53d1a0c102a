"""Every comparison of a detector with and without a network that this book has recorded, as one difference each.

Told in `book/part5/network.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.recall import bootstrap, difference
from residual_book.part5.network.experiment import CONTEXT, DETECTORS, NETWORK
from residual_book.recording import RESULTS, read_record
from residual_book.stats import Interval

KINDS = ("point", "contextual", "collective")  # of anomalies, among the uses of part IV
SIMPLE = ("fields", "context", "both", "volume")  # what needs no network there
LEARNED = ("masked", "SCARF", "masked residual", "SCARF residual")


@dataclass(frozen=True)
class Comparison:
    """Recall with a network less recall without, with ten alerts per day.

    Attributes:
        network: what was added or exchanged, in words.
        without: what it is compared with.
        gain: over organizations.
        again: the same on fresh organizations, where they were recorded.
    """

    network: str
    without: str
    gain: Interval
    again: Interval | None = None


def comparisons(runs: Sequence[Outcome]) -> list[Comparison]:
    """All comparisons: those of the bar, of part IV, and those of the detectors, of which `runs` are the record."""
    bars, uses, windows = (
        [RESULTS / f"{name}{ending}.json" for ending in ("", "-fresh")] for name in ("bar", "uses", "expectation")
    )
    untrained = "an untrained network of events"
    found = [
        Comparison("a network that knows the hour", "volume", *(_of_outcomes(bar, "W", "V") for bar in bars)),
        Comparison(untrained, "volume", *(_of_outcomes(bar, "U", "V") for bar in bars)),
        Comparison(untrained, "its context features", *(_of_outcomes(bar, "U", "C") for bar in bars)),
        Comparison(
            "a network that expects windows", "its seasonal mean",
            *(_of_outcomes(path, "network", "seasonal mean") for path in windows),
        ),
    ]  # fmt: skip
    for kind in KINDS:
        first, again = (read_record(path)["runs"] for path in uses)
        network, simple = _best(first, kind, LEARNED), _best(first, kind, SIMPLE)
        gains = (_of_scores(some, kind, network, simple) for some in (first, again))
        found.append(Comparison(f"{kind} anomalies: {network}", simple, *gains))
    with_network = difference(of(runs, NETWORK), of(runs, DETECTORS))
    over_context = difference(of(runs, NETWORK), of(runs, CONTEXT))
    return [
        *found,
        Comparison(untrained, "the detectors", with_network),
        Comparison("the same, beside the detectors", "its context features there", over_context),
    ]


def trained(kind: str) -> Interval:
    """What the best network that learned finds of a kind of anomalies, less what one finds that nobody trained."""
    runs = read_record(RESULTS / "uses.json")["runs"]
    return _of_scores(runs, kind, _best(runs, kind, LEARNED), "untrained")


def of(runs: Sequence[Outcome], arm: str) -> list[Outcome]:
    """The outcomes of an arm, one per organization."""
    return [run for run in runs if run.rival == arm]


def _of_outcomes(path: Path, network: str, without: str) -> Interval:
    """From a record of outcomes, which stand alone, or in the `outcome` of each run."""
    runs = [Outcome(**own) for run in read_record(path)["runs"] for own in run.get("outcome", [run])]
    usual = [run for run in runs if run.rate == "default"]
    return difference(of(usual, network), of(usual, without))


def _best(scores: Sequence[dict[str, Any]], use: str, arms: Sequence[str]) -> str:
    """The arm that finds most, as of the recording that came first."""
    return max(arms, key=lambda arm: bootstrap([_by_type(score) for score in _pick(scores, use, arm)]).estimate)


def _of_scores(scores: Sequence[dict[str, Any]], use: str, network: str, without: str) -> Interval:
    cells = []
    for a, b in zip(_pick(scores, use, network), _pick(scores, use, without), strict=True):
        left, right = _by_type(a), _by_type(b)
        cells.append({kind: left[kind] - right[kind] for kind in left})
    return bootstrap(cells)


def _pick(scores: Sequence[dict[str, Any]], use: str, arm: str) -> list[dict[str, Any]]:
    return sorted((s for s in scores if (s["use"], s["arm"]) == (use, arm)), key=lambda score: int(score["seed"]))


def _by_type(score: dict[str, Any]) -> dict[str, np.ndarray]:
    types, found = np.array(score["type"]), np.array(score["found"], dtype=np.int64)
    return {str(kind): found[types == kind] for kind in np.unique(types)}
