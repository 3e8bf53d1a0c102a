"""What `book/part5/verdicts.md` says, and the rule of each sentence.

Rules were written on development organizations, before the recorded ones were looked at with answers.
"""

from collections.abc import Sequence
from functools import partial

from residual.detect.verdicts import COLUMNS, HALVED
from residual_book import claims
from residual_book.claims import extended, glue_all, no_verdict, number
from residual_book.evaluation.live import USERS
from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.watched import BUDGET
from residual_book.part5.verdicts.experiment import FIFTH, NOBODY, RESULT, RIGHT, TENTH, TWO_WEEKS, WEEKS, Played, Run
from residual_book.part5.verdicts.live import TRUE, TWIN, shown, survive_mimicry
from residual_book.part5.verdicts.outcomes import (
    changed,
    cost_of_a_mistake,
    counting,
    gain,
    lost,
    of,
    precision,
    recall,
    twins,
)
from residual_book.stats import mean_over, pairs, seeds_of

LATER, LAST = range(1, WEEKS), WEEKS - 1  # weeks with answers from earlier ones


def on_live(played: Played) -> None:
    """Of a small organization with and without answers."""
    some = shown(played)
    moved = [one for one in some if one.alert.shift]
    displaced = [one for one in some if one.displaced]
    survive, true = survive_mimicry(played)
    glue_all(
        users=number(USERS), days=number(len(played.desks[0].alerts)), moved=number(len(moved)),
        displaced=number(len(displaced)), displaced_true=number(sum(one.what == TRUE for one in displaced)),
        displaced_twins=number(sum(one.what == TWIN for one in displaced)), survive=survive / max(true, 1),
        halved=number(HALVED),
    )  # fmt: skip
    most = max(abs(one.alert.shift) for one in some)
    claims.check(
        "verdicts-bound", holds=most <= 1 and all(one.alert.alike for one in moved), value=most, unit="powers of ten",
        statement="No number of answers moves an alert by more than a factor of ten in rate, and every alert that is moved names answered alerts that it is like.",
        verdict=no_verdict("sommer2010", "section III, high cost of errors", "asks what an analyst is to do with an alert"),
    )  # fmt: skip


def on_runs(runs: Sequence[Run], rival: Sequence[Outcome], *, recorded: str = RESULT.name) -> None:
    """Of the analysts in the organizations of a recording, and of counting by the hour."""
    nobody, right, two, tenth, fifth = (of(runs, one) for one in (NOBODY, RIGHT, TWO_WEEKS, TENTH, FIFTH))
    better, worse, mistake = gain(right, nobody, LATER), gain(fifth, nobody, LATER), cost_of_a_mistake(runs, right)
    harmless, silenced = twins(two, LAST), lost(right, nobody)
    swaps = [changed(*pair) for pair in pairs(right, nobody)]
    count = [counting(rival, runs, week) for week in range(WEEKS)]
    glue_all(
        budget=number(BUDGET), organizations=number(len(nobody)), aimed=0.78, aimed_twins=0.1,
        recall_nobody=recall(nobody, [LAST]), recall_two=recall(two, [LAST]),
        better=better, tenth=gain(tenth, nobody, LATER), worse=worse, mistake=mistake, harmless=harmless,
        twins_nobody=twins(nobody, LAST), precision_nobody=precision(nobody, LAST), precision_two=precision(two, LAST),
        silenced=silenced, lost=number(sum(a for a, _ in swaps)), gained=number(sum(b for _, b in swaps)),
        found_nobody=number(sum(f is not None for run in nobody for f in run.found)),
        lowered=mean_over(right, lambda run: run.lowered / sum(run.alerts)), profile=number(len(COLUMNS)),
        counting=count[LAST], times_first=recall(nobody, [0]).estimate / count[0].estimate,
        times_two=recall(two, [LAST]).estimate / count[LAST].estimate,
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(nobody), recorded=recorded)
    check(
        "verdicts-recall", holds=better.low > -0.02, value=better, unit="of the episodes more",
        statement="An analyst who answers ten alerts per day rightly loses at most two points of the episodes of the second and third week, beside one who answers none.",
        verdict=extended("sommer2010", "section III, high cost of errors", "says that false alarms are what makes anomaly detection costly in practice"),
    )  # fmt: skip
    check(
        "verdicts-wrong", holds=worse.low > -0.05, value=worse, unit="of the episodes more",
        statement="With a fifth of the answers wrong, at most five points fewer of these episodes are found than without any answers.",
        verdict=extended("arp2022", "pitfall P2, label inaccuracy", "warns of labels that are wrong or uncertain"),
    )  # fmt: skip
    check(
        "verdicts-mistake", holds=mistake.low > -0.5, value=mistake, unit="episodes more in three weeks",
        statement="To call one true alert benign in the first week costs less than half an episode on average.",
        verdict=extended("arp2022", "pitfall P2, label inaccuracy", "warns of labels that are wrong or uncertain"),
    )  # fmt: skip
    check(
        "verdicts-lost", holds=silenced.high < 0.1, value=silenced, unit="of the episodes found without answers",
        statement="With right answers, fewer than one in ten of the episodes that are found without answers is lost.",
        verdict=no_verdict("sommer2010", "section III, high cost of errors", "weighs a missed attack against false alarms"),
    )  # fmt: skip
    check(
        "verdicts-twins", holds=harmless.low > 0.1, value=harmless, unit="of the alerts",
        statement="After two weeks of right answers, more than one in ten alerts is still about a benign twin of an attack.",
        verdict=extended("sommer2010", "section III, high cost of errors", "says that false alarms cost an analyst's time, so that even a small rate makes a detector unusable"),
    )  # fmt: skip
