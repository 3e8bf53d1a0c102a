"""What `book/part5/budget.md` says, and the rule of each sentence.

What was to be reached stands in `aims`, and was written down before the record was made. Two of seven aims were missed,
each by less than a point: the lead over the best rival, and the cost of attacks in the learning weeks. The sentences about
these here were written after the record, and say less. The aim for each type was reached by its mean alone, which is no
rule for a claim.
"""

from collections.abc import Collection, Sequence
from functools import partial

import numpy as np

from residual.simulate import EPISODES, REALISTIC
from residual_book import claims
from residual_book.claims import extended, glue_all, no_verdict, number
from residual_book.evaluation.live import Live
from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.recall import difference, found, hours, recall
from residual_book.evaluation.watched import BUDGET, BUDGETS, TEST
from residual_book.part5.budget import experiment
from residual_book.part5.budget.aims import COLLECTIVE, aims, best_rival, hardest
from residual_book.part5.budget.experiment import NAMES, RESULT, of
from residual_book.part5.budget.traps import Seen, came, discovered, in_the_day, newcomers, tails, told_at_midnight
from residual_book.stats import mean_over, seeds_of

_AT = BUDGETS.index(BUDGET)
_PAIRS = ("beacon", "exfiltration")


def on_outcomes(runs: Sequence[Outcome], *, recorded: str = RESULT.name) -> None:
    """Of what the detectors and their rivals found in the organizations of the recording."""
    ours, rare, told = of(runs, "D"), of(runs, "D", experiment.REALISTIC), of(runs, "Sup")
    best, wanted = best_rival(runs), aims(runs)
    missed = [aim for aim in wanted.values() if not aim.reached]
    seldom = mean_over(rare, precision)
    by_hand = mean_over(ours, lambda run: precision(run) * REALISTIC / EPISODES)
    twins = mean_over(ours, lambda run: run.at_twins[_AT] / run.alerts[_AT])
    glue_all(
        organizations=number(len(ours)), episodes=number(sum(len(run.episode) for run in ours)), ours=recall(ours), each=recall(of(runs, "D each")), twenty=recall(ours, 20),
        rival=recall(of(runs, best)), rival_name=NAMES[best], gain=wanted["more"].value, told=recall(told), behind=difference(told, ours), known=difference(told, ours, types=_PAIRS), two_types=_missing(ours, _PAIRS) / max(_missing(ours, COLLECTIVE), 1),
        collective=recall(ours, types=COLLECTIVE), collective_twenty=recall(ours, 20, COLLECTIVE), hardest=hardest(runs).replace("_", " "), least=recall(ours, types=[hardest(runs)]), least_twenty=recall(ours, 20, [hardest(runs)]),
        precision=mean_over(ours, precision), twins=twins, seldom=seldom, by_hand=by_hand, one_in=number(round(1 / max(seldom.estimate, 1e-9))),
        rare=number(sum(len(run.episode) for run in rare)), found_rare=recall(rare), soon=wanted["soon"].value, clean=difference(of(runs, "D clean"), ours),
        in_time=len(hours(ours)) / sum(len(run.rank) for run in ours), raised=sum(run.raised[_AT] for run in ours) / len(ours) / len(TEST),
        aims=number(len(wanted)), missed=number(len(missed)),
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(ours), recorded=recorded)
    ten, twenty, gain, collective, soon, clean = (
        wanted[name].value for name in ("ten", "twenty", "more", "collective", "soon", "clean")
    )
    check(
        "budget-ten", holds=ten.low >= 0.65, value=ten, unit="of the episodes",
        statement="With ten alerts per day in all, the detectors of this book find at least 65% of the episodes.",
        verdict=no_verdict("arp2022", "pitfall P7, inappropriate performance measures", "asks for measures that fit how a detector is used"),
    )  # fmt: skip
    check(
        "budget-more", holds=gain.low > 0, value=gain, unit="of the episodes more",
        statement="With ten alerts per day, they find more of the episodes than the best of six rivals without labels.",
        verdict=extended("arp2022", "pitfall P6, inappropriate baseline", "asks for simple baselines beside a complex method, because these may be as good"),
    )  # fmt: skip
    check(
        "budget-twenty", holds=twenty.low >= 0.8, value=twenty, unit="of the episodes",
        statement="With 20 alerts per day they find at least 80% of the episodes.",
        verdict=no_verdict("arp2022", "pitfall P7, inappropriate performance measures", "asks for measures that fit how a detector is used"),
    )  # fmt: skip
    check(
        "budget-collective", holds=collective.low >= 0.85, value=collective, unit="of the episodes of collective types",
        statement="With ten alerts per day they find at least 85% of the episodes of collective types.",
        verdict=no_verdict("chandola2009", "section 2.2.3, collective anomalies", "defines an anomaly that lies in a group of records and in none of them alone"),
    )  # fmt: skip
    check(
        "budget-soon", holds=soon.high < 2, value=soon, unit="hours",
        statement="Half of the episodes that they find with thresholds from the past are found within two hours of the first event.",
        verdict=no_verdict("arp2022", "pitfall P7, inappropriate performance measures", "asks for measures that fit how a detector is used"),
    )  # fmt: skip
    check(
        "budget-clean", holds=clean.low > -0.05 and clean.high < 0.05, value=clean, unit="of the episodes more, taught without attacks",
        statement="Two weeks of learning without any attacks in them would change the share of episodes found by less than five points either way.",
        verdict=no_verdict("bates2023", "abstract", "tests whether new samples come from the distribution of a reference data set, or are outliers"),
    )  # fmt: skip
    check(
        "budget-realistic", holds=seldom.high < 0.1, value=seldom, unit="of the alerts",
        statement="With two episodes of any kind per week, fewer than one in ten of ten alerts per day is about one of them.",
        verdict=extended("axelsson2000", "abstract", "shows that the false alarm rate is what limits an intrusion detection system, because of the base rate"),
    )  # fmt: skip


def before(runs: Sequence[Outcome]) -> None:
    """Keep for the prose what the first twelve detectors found, on other organizations. No claim: these are gone."""
    wanted = aims(runs)
    missed = number(sum(not aim.reached for aim in wanted.values()))
    glue_all(before=wanted["ten"].value, before_missed=missed, before_collective=wanted["collective"].value)


def told(seen: Seen, live: Live) -> None:
    """Keep for the prose what the traps did in one organization. No claim: it is one organization."""
    honest, in_sample = came(seen).values()
    rates, counts = np.array(list(tails(seen).values())), newcomers(seen)
    raised = [in_the_day(alerts) for alerts in live.alerts.values()]
    as_it_is, clean = (discovered(seen, 0.2, clean=is_clean) for is_clean in (False, True))
    glue_all(
        promised_seldom=0.1, came_honest=honest[0], came_in_sample=in_sample[0], factor_clean=float(np.median(rates[:, 1] / rates[:, 2])),
        factor_censored=float(np.max(rates[:, 0] / rates[:, 1])), tails=number(len(rates)), new_names=number(counts["new"]), moved_alerts=number(counts["alerts"]),
        raised_least=number(min(raised)), raised_most=number(max(raised)), hours_threshold=live.evaluation().hours, hours_midnight=told_at_midnight(live).hours,
        reported=number(sum(as_it_is.values())), reported_clean=number(sum(clean.values())), reported_wrong=number(clean["twin"] + clean["nothing"]),
    )  # fmt: skip


def _missing(runs: Sequence[Outcome], types: Collection[str]) -> int:
    """How many episodes of some types are not found with ten alerts per day."""
    return sum(not hit for run in runs for kind, hit in zip(run.type, found(run, BUDGET), strict=True) if kind in types)


def precision(run: Outcome) -> float:
    """Share of alerts that found an episode."""
    return run.true[_AT] / run.alerts[_AT]
