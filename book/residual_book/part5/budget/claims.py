"""What `book/part5/budget.md` says, and the rule of each sentence.

The rules of what was to be reached are those of `aims`, written down before the record was made. An aim that was missed
has no claim here.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from residual.simulate import EPISODES, REALISTIC
from residual_book import claims
from residual_book.claims import extended, glue_all, no_verdict, number
from residual_book.evaluation.live import Live
from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.recall import difference, hours, recall
from residual_book.evaluation.watched import BUDGET, BUDGETS, TEST
from residual_book.part5.budget import experiment
from residual_book.part5.budget.aims import COLLECTIVE, aims, best_rival, hardest
from residual_book.part5.budget.experiment import NAMES, RESULT, of
from residual_book.part5.budget.traps import Seen, came, discovered, in_the_day, newcomers, tails, told_at_midnight
from residual_book.stats import mean_over, seeds_of

_AT = BUDGETS.index(BUDGET)


def on_outcomes(runs: Sequence[Outcome], *, recorded: str = RESULT.name) -> None:
    """Of what the detectors and their rivals found in the organizations of the recording."""
    ours, rare, told = of(runs, "D"), of(runs, "D", experiment.REALISTIC), of(runs, "Sup")
    best, wanted = best_rival(runs), aims(runs)
    missed = [aim for aim in wanted.values() if not aim.reached]
    seldom = mean_over(rare, precision)
    by_hand = mean_over(ours, lambda run: precision(run) * REALISTIC / EPISODES)
    twins = mean_over(ours, lambda run: run.at_twins[_AT] / run.alerts[_AT])
    glue_all(
        organizations=number(len(ours)), episodes=number(sum(len(run.episode) for run in ours)), ours=recall(ours), twenty=recall(ours, 20),
        few=recall(ours, 5), many=recall(ours, 50), rival=recall(of(runs, best)), rival_name=NAMES[best], gain=wanted["more"].value, told=recall(told),
        collective=recall(ours, types=COLLECTIVE), hardest=hardest(runs).replace("_", " "), least=recall(ours, types=[hardest(runs)]), least_twenty=recall(ours, 20, [hardest(runs)]),
        precision=mean_over(ours, precision), twins=twins, precision_told=mean_over(told, precision), seldom=seldom, by_hand=by_hand, one_in=number(round(1 / max(seldom.estimate, 1e-9))),
        rare=number(sum(len(run.episode) for run in rare)), found_rare=recall(rare), soon=wanted["soon"].value, clean=difference(of(runs, "D clean"), ours),
        in_time=len(hours(ours)) / sum(len(run.rank) for run in ours), raised=sum(run.raised[_AT] for run in ours) / len(ours) / len(TEST),
        aims=number(len(wanted)), missed=number(len(missed)),
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(ours), recorded=recorded)
    ten, twenty, more, soon, each, clean = (wanted[name] for name in ("ten", "twenty", "more", "soon", "each", "clean"))
    check(
        "budget-ten", holds=ten.value.low >= 0.65, value=ten.value, unit="of the episodes",
        statement="With ten alerts per day in all, the detectors of this book find at least 65% of the episodes.",
        verdict=no_verdict("arp2022", "pitfall P7, inappropriate performance measures", "asks for measures that fit how a detector is used"),
    )  # fmt: skip
    check(
        "budget-more", holds=more.value.estimate >= 0.15 and more.value.low > 0.08, value=more.value, unit="of the episodes more",
        statement="That is 15 points more than the best rival without labels finds, and more than eight points in the whole interval.",
        verdict=extended("arp2022", "pitfall P6, inappropriate baseline", "asks for simple baselines beside a complex method, because these may be as good"),
    )  # fmt: skip
    check(
        "budget-twenty", holds=twenty.value.low >= 0.8, value=twenty.value, unit="of the episodes",
        statement="With 20 alerts per day they find at least 80% of the episodes.",
        verdict=no_verdict("arp2022", "pitfall P7, inappropriate performance measures", "asks for measures that fit how a detector is used"),
    )  # fmt: skip
    check(
        "budget-soon", holds=soon.value.high < 2, value=soon.value, unit="hours",
        statement="Half of the episodes that they find with thresholds from the past are found within two hours of the first event.",
        verdict=no_verdict("arp2022", "pitfall P7, inappropriate performance measures", "asks for measures that fit how a detector is used"),
    )  # fmt: skip
    check(
        "budget-each", holds=each.value.estimate >= 0.25, value=each.value, unit=f"of the type with the lowest share, {hardest(runs).replace('_', ' ')}",
        statement="In these organizations, ten alerts per day find at least a quarter of the episodes of every type.",
        verdict=no_verdict("arp2022", "pitfall P7, inappropriate performance measures", "asks for measures that fit how a detector is used"),
    )  # fmt: skip
    check(
        "budget-clean", holds=max(clean.value.high, -clean.value.low) <= 0.03, value=clean.value, unit="of the episodes more, taught without attacks",
        statement="Two weeks of learning with attacks in them instead of clean ones change what is found by three points at most.",
        verdict=no_verdict("bates2023", "abstract", "tests whether new samples come from the distribution of a reference data set, or are outliers"),
    )  # fmt: skip
    check(
        "budget-realistic", holds=seldom.high < 0.1, value=seldom, unit="of the alerts",
        statement="With two episodes of any kind per week, fewer than one in ten of ten alerts per day is about one of them.",
        verdict=extended("axelsson2000", "abstract", "shows that the false alarm rate is what limits an intrusion detection system, because of the base rate"),
    )  # fmt: skip


def told(seen: Seen, live: Live) -> None:
    """Keep for the prose what the traps did in one organization. No claim: it is one organization."""
    honest, in_sample = came(seen).values()
    rates, counts = np.array(list(tails(seen).values())), newcomers(seen)
    raised, evaluation = [in_the_day(alerts) for alerts in live.alerts.values()], live.evaluation()
    as_it_is, clean = (discovered(seen, 0.2, clean=is_clean) for is_clean in (False, True))
    glue_all(
        promised_seldom=0.1, came_honest=honest[0], came_in_sample=in_sample[0], factor_clean=float(np.median(rates[:, 1] / rates[:, 2])),
        factor_censored=float(np.max(rates[:, 0] / rates[:, 1])), tails=number(len(rates)), new_names=number(counts["new"]), moved_alerts=number(counts["alerts"]),
        raised_least=number(min(raised)), raised_most=number(max(raised)), hours_threshold=evaluation.hours, hours_midnight=told_at_midnight(live).hours,
        live_found=number(int(evaluation.episodes["found"].sum())), live_episodes=number(evaluation.episodes.height),
        reported=number(sum(as_it_is.values())), reported_clean=number(sum(clean.values())), reported_wrong=number(clean["twin"] + clean["nothing"]),
    )  # fmt: skip


def precision(run: Outcome) -> float:
    """Share of alerts that found an episode."""
    return run.true[_AT] / run.alerts[_AT]
