"""What `book/part3/bar.md` says, and the rule of each sentence.

All of it comes from a recording of five organizations. Five fresh ones were recorded in the same way, in a file of
their own, because all rivals take an hour of one core for them.
"""

from collections.abc import Sequence
from functools import partial
from statistics import median

from residual.simulate import TYPES
from residual_book import claims
from residual_book.claims import extended, glue_all, no_verdict, number
from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.recall import campaigns, difference, hours, recall
from residual_book.evaluation.watched import BUDGET, BUDGETS, TEST
from residual_book.part3.bar.experiment import GUARD, REALISTIC, RESULT, SEEDS, of, record
from residual_book.recording import RESULTS, recorded_runs
from residual_book.stats import mean_over, seeds_of

_AT = BUDGETS.index(BUDGET)
FRESH, ORGANIZATIONS = RESULTS / "bar-fresh.json", len(SEEDS)


def on_outcomes(runs: Sequence[Outcome], *, recorded: str = RESULT.name) -> None:
    """Of what the rivals found in the organizations of a recording."""
    usual = {rival: of(runs, rival) for rival in ("guess", "B", "V", "W", "U", "C", "Sup")}
    counting, volume, rare = usual["B"], usual["V"], of(runs, "V", REALISTIC)
    gain = difference(volume, counting)
    both = ("cascade", "spraying")
    cascades, spraying = (difference(counting, volume, types=[kind]) for kind in both)
    impossible = difference(usual["C"], volume, types=["impossible"])
    network, events, context = (difference(usual[rival], volume) for rival in ("W", "U", "C"))
    embedding = difference(usual["U"], usual["C"])
    chance = recall(usual["guess"])
    twins = mean_over(volume, lambda run: run.at_twins[_AT] / run.alerts[_AT])
    seldom = mean_over(rare, precision)
    guard = {kind: recall(usual["Sup"], GUARD, [kind]) for kind in TYPES}
    least = min(guard, key=lambda kind: guard[kind].low)
    found, chains = campaigns(volume)
    glue_all(
        organizations=number(len(volume)), episodes=number(sum(len(run.episode) for run in volume)), chance=chance,
        recall_b=recall(counting), recall_v=recall(volume), recall_sup=recall(usual["Sup"]), gain=gain, network=network,
        events=events, context=context, impossible=impossible, cascades=cascades, spraying=spraying, crowded=recall(volume, types=both), uncrowded=recall(volume, 50, both), precision_v=mean_over(volume, precision), twins=twins,
        seldom=seldom, rare=number(sum(len(run.episode) for run in rare)), rare_v=recall(rare), one_in=number(round(1 / max(seldom.estimate, 1e-9))),
        hours_v=median(hours(volume)), in_time=len(hours(volume)) / sum(len(run.rank) for run in volume),
        raised=sum(run.raised[_AT] for run in volume) / len(volume) / len(TEST), campaigns_found=number(found), campaigns=number(chains),
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(volume), recorded=recorded)
    check(
        "bar-chance", holds=chance.high < 0.1, value=chance, unit="of the episodes",
        statement="With ten alerts per day about windows at random, fewer than 10% of the episodes are found by chance.",
        verdict=no_verdict("arp2022", "pitfall P7, inappropriate performance measures", "asks for measures that fit how a detector is used"),
    )  # fmt: skip
    check(
        "bar-volume", holds=gain.low > 0.1, value=gain, unit="of the episodes more",
        statement="With ten alerts per day, the volume of entities and pairs over several hours finds at least ten points more of the episodes than counting by the hour.",
        verdict=extended("arp2022", "pitfall P6, inappropriate baseline", "asks for simple baselines beside a complex method, because these may be as good"),
    )  # fmt: skip
    check(
        "bar-network", holds=network.high < 0.05, value=network, unit="of the episodes more with the network",
        statement="To ask a network that knows the hour whether it agrees raises the recall of volume by less than five points, if at all.",
        verdict=no_verdict("chandola2009", "section 2.2.2, contextual anomalies", "defines an anomaly that depends on its context, such as the time"),
    )  # fmt: skip
    check(
        "bar-single-events", holds=max(events.high, context.high) < 0.05, value=max(events, context, key=lambda gain: gain.high), unit="of the episodes more, with that of the two that gains more",
        statement="Two alerts in ten for single events, whether an untrained network or only their context places them, raise the recall of volume by less than five points, if at all.",
        verdict=extended("arp2022", "pitfall P6, inappropriate baseline", "asks for simple baselines beside a complex method, because these may be as good"),
    )  # fmt: skip
    check(
        "bar-untrained", holds=embedding.high < 0.05, value=embedding, unit="of the episodes more with the network",
        statement="Neighbors in what an untrained network makes of events find at most five points more than neighbors in the context features alone.",
        verdict=extended("arp2022", "pitfall P6, inappropriate baseline", "asks for simple baselines beside a complex method, because these may be as good"),
    )  # fmt: skip
    check(
        "bar-twins", holds=twins.low > 0.1, value=twins, unit="of the alerts",
        statement="More than one in ten alerts by volume is about a benign twin of an attack.",
        verdict=extended("sommer2010", "section III, high cost of errors", "says that false alarms cost an analyst's time, so that even a small rate makes a detector unusable"),
    )  # fmt: skip
    check(
        "bar-realistic", holds=seldom.high < 0.1, value=seldom, unit="of the alerts",
        statement="With two episodes of any kind per week, fewer than one in ten of ten alerts per day by volume is about one of them.",
        verdict=extended("arp2022", "pitfall P8, base rate fallacy", "warns that a detector can look good where attacks are frequent and drown the true alarms where they are rare"),
    )  # fmt: skip
    check(
        "bar-everybody", holds=all(share.estimate >= 0.5 and share.low > 0.25 for share in guard.values()),
        value=guard[least], unit=f"of the type with the lowest interval, {least.replace('_', ' ')}",
        statement="Every type can be found by somebody: a classifier with labels of other organizations finds at least half of each type with 20 alerts per day, and each interval lies above a quarter.",
        verdict=no_verdict("arp2022", "pitfall P2, label inaccuracy", "warns of labels that say what the data cannot show"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Record five other organizations, if that is not done yet, and check the claims again."""
    record(FRESH, seeds[:ORGANIZATIONS])
    on_outcomes(recorded_runs(FRESH, Outcome), recorded="")


def precision(run: Outcome) -> float:
    """Share of alerts that found an episode."""
    return run.true[_AT] / run.alerts[_AT]
