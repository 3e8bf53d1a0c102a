"""What `book/part5/distance.md` says, and the rule of each sentence.

What it says of organizations comes from a recording of five. Five fresh ones are recorded in the same way, in a file of
their own; the small cases are measured again.
"""

from collections.abc import Sequence
from functools import partial

from residual.simulate import TYPES
from residual_book import claims
from residual_book.claims import confirmed, extended, glue_all, no_verdict, number
from residual_book.evaluation.recall import difference, recall
from residual_book.evaluation.watched import BUDGET
from residual_book.part5.distance import cases, thresholds
from residual_book.part5.distance.cases import CASES, DETECTORS, NORMAL, ODD, ahead, shares
from residual_book.part5.distance.organization import (
    CLEAN,
    COUNTING,
    FEW,
    FITTED,
    RESULT,
    SEEDS,
    Run,
    of,
    record,
)
from residual_book.recording import RESULTS, recorded_runs
from residual_book.stats import mean_interval, mean_over, seeds_of

FRESH = RESULTS / "single-events-fresh.json"
SPOILED = 0.02  # of the scores that a list is compared with, where the page tells of it
COLLECTIVE = tuple(name for name, kind in TYPES.items() if kind.kind == "collective")


def on_cases(runs: Sequence[cases.Run]) -> None:
    """Of what each detector finds in the small cases."""
    of_case = partial(shares, runs)
    local = ahead(
        of_case("local", "local outliers", contaminated=False), of_case("local", "neighbors", contaminated=False)
    )
    hidden = ahead(*(of_case("clump", "neighbors", contaminated=dirty) for dirty in (False, True)))
    safer = ahead(*(of_case("clump", name, contaminated=True) for name in ("isolation forest", "neighbors")))
    grain = ahead(*(of_case("against the grain", name, contaminated=False) for name in ("neighbors", "tails")))
    every = {
        name: [mean_interval(of_case(case, name, contaminated=dirty)) for case in CASES for dirty in (False, True)]
        for name in DETECTORS
    }
    worst = {name: min(found, key=lambda share: share.high) for name, found in every.items()}
    best = max(worst.values(), key=lambda share: share.high)
    glue_all(
        seeds=number(len(seeds_of(runs))), normal=number(NORMAL), odd=number(ODD), local=local, hidden=hidden, grain=grain,
        forest=mean_interval(of_case("clump", "isolation forest", contaminated=True)),
        lonely=mean_interval(of_case("scattered", "isolation forest", contaminated=False)), company=mean_interval(of_case("scattered", "isolation forest", contaminated=True)),
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(runs))
    check(
        "distance-local", holds=local.low > 30, value=local, unit="points more",
        statement="Around a tight group beside a wide one, local outliers find at least 30 points more of the odd points than neighbors do.",
        verdict=confirmed("breunig2000", "abstract", "says that the local outlier factor finds outliers that existing approaches cannot identify"),
    )  # fmt: skip
    check(
        "distance-clump", holds=hidden.low > 80, value=hidden, unit="points fewer",
        statement="If a clump like the one to be found is in the past, neighbors find at least 80 points fewer of it than with a clean past.",
        verdict=extended("livernoche2024", "appendix, tables of AUC", "reports a lower mean AUC of neighbors with a contaminated past than with a clean one"),
    )  # fmt: skip
    check(
        "distance-forest", holds=safer.low > 10, value=safer, unit="points more",
        statement="With the clump in the past, an isolation forest finds at least 10 points more of it than neighbors do.",
        verdict=extended("liu2008", "section 3", "says that trees on small samples suffer less from anomalies that hide one another"),
    )  # fmt: skip
    check(
        "distance-grain", holds=grain.low > 70, value=grain, unit="points fewer",
        statement="Of points that are odd only in how two numbers go together, tails find at least 70 points fewer than neighbors do.",
        verdict=extended("li2022", "abstract", "estimates the tails of each dimension by itself and adds them up"),
    )  # fmt: skip
    check(
        "distance-no-best", holds=all(share.high < 0.5 for share in worst.values()), value=best, unit="of the odd points, of the detector whose worst case is best",
        statement="Each of the four detectors has a case in which it finds less than half of the odd points.",
        verdict=extended("bouman2024", "abstract", "finds some detectors ahead on tables with local anomalies and others on tables with global ones"),
    )  # fmt: skip


def on_neighbors(runs: Sequence[cases.Run]) -> None:
    """Of the choice of k."""
    hidden, seen = (mean_interval(shares(runs, "clump", k, contaminated=True)) for k in ("50", "100"))
    ring = ahead(*(shares(runs, "local", k, contaminated=False) for k in ("1", "20")))
    glue_all(ring=ring)
    check = partial(claims.check, seeds=seeds_of(runs))
    check(
        "distance-large-k", holds=hidden.high < 0.1 and seen.low > 0.9, value=seen, unit="of the odd points found with k = 100",
        statement="With 50 points of a clump in the past, neighbors find less than 10% of the new ones with k = 50, and more than 90% with k = 100.",
        verdict=extended("ramaswamy2000", "abstract", "ranks points by the distance to their k-th neighbor"),
    )  # fmt: skip
    check(
        "distance-small-k", holds=ring.low > 40, value=ring, unit="points more",
        statement="Of the ring around a tight group, neighbors find at least 40 points more with k = 1 than with k = 20.",
        verdict=extended("ramaswamy2000", "abstract", "ranks points by the distance to their k-th neighbor"),
    )  # fmt: skip


def on_lists(runs: Sequence[thresholds.Listed]) -> None:
    """Of lists with few false alarms."""
    false, found = thresholds.false(runs), thresholds.found(runs)
    few, spoiled = thresholds.found(runs, 100), thresholds.found(runs, spoiled=SPOILED)
    glue_all(
        alpha=thresholds.ALPHA, false=false, found=found, scores=number(thresholds.SIZES[-1]), needed=number(thresholds.NEEDED), spoiled=spoiled, bad=SPOILED,
        new=number(thresholds.NEW + thresholds.ODD), new_odd=number(thresholds.ODD),
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(runs))
    check(
        "distance-false-alarms", holds=false.high < 0.15 and found.low > 0.9, value=false, unit="of what is reported",
        statement="With 10,000 scores to compare with and a tenth of false alarms allowed, their share stays below 0.15, and more than 90% of the odd points are found.",
        verdict=confirmed("bates2023", "abstract", "proves that conformal p-values enable control of the false discovery rate"),
    )  # fmt: skip
    check(
        "distance-few-scores", holds=few.high < 0.1, value=few, unit="of the odd points",
        statement="With 100 scores to compare with, the same rule finds less than 10% of the odd points.",
        verdict=extended("bates2023", "abstract", "proves that conformal p-values enable control of the false discovery rate"),
    )  # fmt: skip
    check(
        "distance-spoiled", holds=spoiled.high < 0.1, value=spoiled, unit="of the odd points",
        statement="If 2% of the scores to compare with are of such odd points, which are 5% of the new ones, the rule finds less than 10% of these.",
        verdict=extended("bates2023", "abstract", "takes a reference set without outliers"),
    )  # fmt: skip


def on_organizations(runs: Sequence[Run], *, recorded: str = RESULT.name) -> None:
    """Of single events, in the organizations of a recording."""
    counting, neighbors, clean = (of(runs, rival) for rival in (COUNTING, "neighbors", CLEAN))
    behind = {name: difference(counting, of(runs, name)) for name in DETECTORS}
    nearest = min(behind, key=lambda name: behind[name].low)
    lonely = difference(neighbors, counting, types=["impossible", "valid_account"])
    crowd = mean_over(neighbors, crowded)
    purged = difference(clean, neighbors)
    glue_all(
        organizations=number(len(counting)), episodes=number(sum(len(run.episode) for run in counting)), fitted=number(FITTED), few_users=number(FEW),
        recall_counting=recall(counting), recall_neighbors=recall(neighbors), behind=behind[nearest], alone=lonely,
        crowd=crowd, purged=purged,
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(counting), recorded=recorded)
    check(
        "distance-counting", holds=all(gap.low > 0.05 for gap in behind.values()), value=behind[nearest], unit=f"of the episodes more than {nearest}, which come nearest",
        statement="With ten alerts per day, counting by the hour finds at least five points more of the episodes than any of the four detectors of single events.",
        verdict=extended("arp2022", "pitfall P6, inappropriate baseline", "asks for simple baselines beside a complex method, because these may be as good"),
    )  # fmt: skip
    check(
        "distance-crowd", holds=crowd.low > 0.5, value=crowd, unit="of the collective episodes",
        statement="In more than half of the collective episodes, neighbors find more than ten normal events per day of the same class as odd as the episode's oddest event.",
        verdict=no_verdict("chandola2009", "section 2.2.3, collective anomalies", "defines anomalies whose single parts may be normal"),
    )  # fmt: skip
    check(
        "distance-alone", holds=lonely.low > 0.1, value=lonely, unit="of these episodes more",
        statement="Of the two types that one strange event can give away, impossible combinations and valid accounts, neighbors find at least ten points more than counting by the hour.",
        verdict=no_verdict("chandola2009", "section 2.2.1, point anomalies", "defines single records that are anomalous by themselves"),
    )  # fmt: skip


def crowded(run: Run) -> float:
    """Share of the collective episodes whose oddest event has more normal company per day than there are alerts."""
    odder = [n for n, kind in zip(run.odder, run.type, strict=True) if kind in COLLECTIVE]
    return sum(n > BUDGET for n in odder) / len(odder)


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure the small cases on other seeds, record five other organizations if that is not done yet, and check again."""
    on_cases(cases.measure(seeds))
    on_neighbors(cases.by_neighbor(seeds))
    on_lists(thresholds.measure(seeds))
    record(FRESH, seeds[: len(SEEDS)])
    on_organizations(recorded_runs(FRESH, Run), recorded="")
