"""What `book/part5/patterns.md` says, and the rule of each sentence.

All of it comes from a recording of five development organizations. Fresh ones are recorded in the same way, in a file
of their own, because a pass over one takes a minute of a core.
"""

from collections.abc import Sequence
from functools import partial
from statistics import median

import numpy as np

from residual_book import claims
from residual_book.claims import extended, glue_all, no_verdict, number
from residual_book.evaluation.recall import bootstrap
from residual_book.evaluation.watched import BUDGET
from residual_book.part5.patterns.experiment import (
    ALL,
    CONTACTS,
    FEW,
    NAMES,
    RESULT,
    RITA,
    SEEDS,
    SOME,
    Ranks,
    alone,
    difference,
    found,
    recall,
    record,
    recorded,
    unseen,
    without,
)  # fmt: skip
from residual_book.part5.patterns.kinds import ORDER, VOLUME
from residual_book.recording import RESULTS
from residual_book.stats import Interval, mean_over, seeds_of

FRESH, ORGANIZATIONS = RESULTS / "patterns-fresh.json", len(SEEDS)


def on_runs(runs: Sequence[Ranks], *, recorded: str = RESULT.name) -> None:
    """Of what detectors found, alone and together, in the organizations of a recording."""
    every = recall(runs, ALL, BUDGET)
    single = {name: recall(runs, alone(name), FEW) for name in NAMES}
    widest = max(single, key=lambda name: single[name].high)
    best = max(NAMES, key=lambda name: recall(runs, alone(name), BUDGET).estimate)
    gain = difference(runs, ALL, alone(best), BUDGET)
    beacons = recall(runs, alone(CONTACTS), SOME, ["beacon"])
    rita = recall(runs, RITA, BUDGET, ["beacon"])
    ahead = bootstrap(
        [{"beacon": found(run, alone(CONTACTS), SOME, "beacon") - found(run, RITA, BUDGET, "beacon")} for run in runs]
    )
    crowded = bootstrap(
        [
            {"persistence": found(run, alone(ORDER), SOME, "persistence") - found(run, ALL, BUDGET, "persistence")}
            for run in runs
        ]
    )
    unthought = bootstrap(
        [{kind: found(run, unseen(kind), BUDGET, kind) for kind in sorted(set(run.type))} for run in runs]
    )
    twins = mean_over(runs, lambda run: run.alerts[alone(VOLUME)][1] / sum(run.alerts[alone(VOLUME)]))
    places = {
        f"{way}_{name}": number(
            median(getattr(place, way) for run in runs for place in run.places if place.twin == twin)
        )
        for way in ("rita", "new", "contacts")
        for name, twin in (("beacon", False), ("updater", True))
    }
    glue_all(
        organizations=number(len(runs)), episodes=number(sum(len(run.episode) for run in runs)), every=every, gain=gain,
        best=recall(runs, alone(best), BUDGET), beacons=beacons, rita=rita,
        one_each=one_each(runs), crowded=crowded, unseen=unthought,
        twins=twins, pairs=number(round(median(place.pairs for run in runs for place in run.places))),
        order=recall(runs, alone(ORDER), SOME, ["persistence"]), order_lost=difference(runs, ALL, without(ORDER), BUDGET), order_together=recall(runs, ALL, BUDGET, ["persistence"]),
        n_beacons=number(sum(run.type.count("beacon") for run in runs)), **places,
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(runs), recorded=recorded)
    collective = partial(no_verdict, "chandola2009", "section 2.2.3, collective anomalies")
    check(
        "patterns-specialists", holds=all(share.high < 0.2 for share in single.values()), value=single[widest],
        unit="of the episodes, by the detector whose interval ends highest",
        statement="With one alert per day, no detector alone finds a fifth of the episodes.",
        verdict=collective("defines an anomaly that lies in a group of records and in none of them alone"),
    )  # fmt: skip
    check(
        "patterns-together", holds=gain.low > 0.25, value=gain, unit="of the episodes more",
        statement="With ten alerts per day, all detectors together find at least a quarter more of the episodes than the best of them alone.",
        verdict=extended("chandola2009", "section 1.2, challenges", "says that the notion of an anomaly differs from one application to the next, so that a technique of one is seldom of use in another"),
    )  # fmt: skip
    check(
        "patterns-rita", holds=rita.high < 0.5, value=rita, unit="of the beacons",
        statement="With ten alerts per day, RITA's beacon score, without its modifiers, finds fewer than half of the beacons.",
        verdict=extended("rita2025", "README, features", "offers the score to search for signs of beaconing in and out of a network"),
    )  # fmt: skip
    check(
        "patterns-contacts", holds=ahead.low > 0.25, value=ahead, unit="of the beacons more",
        statement="The detector of steady new contacts, with three alerts per day, finds at least a quarter more of the beacons than RITA's beacon score, without its modifiers, with ten.",
        verdict=extended("rita2025", "README, features", "offers the score to search for signs of beaconing in and out of a network"),
    )  # fmt: skip
    check(
        "patterns-twins", holds=twins.low > 0.1, value=twins, unit="of its alerts",
        statement="With three alerts per day, more than a tenth of what the connections of a pair raise alone is about a benign twin.",
        verdict=extended("sommer2010", "section III, high cost of errors", "says that false alarms cost an analyst's time, so that even a small rate makes a detector unusable"),
    )  # fmt: skip
    check(
        "patterns-unseen", holds=unthought.high < 0.5, value=unthought, unit="of the episodes",
        statement="Without the detectors that measure what its type does, fewer than half of the episodes are found with ten alerts per day.",
        verdict=extended("sommer2010", "section III, outlier detection", "says that machine learning is better at finding what is like something seen before than at finding what is new"),
    )  # fmt: skip


def one_each(runs: Sequence[Ranks]) -> Interval:
    """Share of episodes found when every detector raises one alert per day, and nothing compares them."""
    kinds = [sorted(set(run.type)) for run in runs]
    return bootstrap(
        [
            {kind: np.max([found(run, alone(name), FEW, kind) for name in NAMES], axis=0) for kind in own}
            for run, own in zip(runs, kinds, strict=True)
        ]
    )


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Record five other organizations, if that is not done yet, and check the claims again."""
    record(FRESH, seeds[:ORGANIZATIONS])
    on_runs(recorded(FRESH), recorded="")
