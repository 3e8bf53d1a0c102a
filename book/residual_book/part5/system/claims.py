"""What `book/part5/system.md` says, and the rule of each sentence.

What the commands print on the page is of one organization and claims nothing. The sentences on poisoning are about a
recording.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from residual.detect.stream import COLUMNS
from residual_book import claims
from residual_book.claims import extended, glue_all, number
from residual_book.part5.system.poisoning import BEFORE, DAYS, GROWTHS, MOST, PEOPLE, RESULT, Poisoned
from residual_book.recording import RESULTS, read_record
from residual_book.stats import Interval, mean_interval

BENCHMARK = RESULTS / "detect-benchmark.json"
SLOW, FAST = GROWTHS.index(0.1), GROWTHS.index(1.0)
_SOURCE = partial(
    extended, "rubinstein2009", "abstract",
    "attackers who poison a detector of anomalies in network traffic with moderate amounts of chaff evade it much more often",
)  # fmt: skip


def told_of_costs() -> None:
    """Keep for the prose what `residual score` took for the largest recorded number of events. No claim: one run each."""
    record = read_record(BENCHMARK)
    first, *_, last = record["runs"]
    glue_all(
        events=number(last["events"]), events_few=number(first["events"]), seconds=last["seconds"], seconds_few=first["seconds"],
        gigabytes=last["memory"] / 1e9, growth=record["growth"], peer=max(last["windows"] + last[name] for name in ("IF", "ECOD", "kNN")),
    )  # fmt: skip


def by_organization(runs: Sequence[Poisoned], values: Sequence[float]) -> list[float]:
    """The mean of a value over the users of each organization, since these are not independent."""
    seeds = sorted({run.seed for run in runs})
    return [float(np.mean([v for run, v in zip(runs, values, strict=True) if run.seed == seed])) for seed in seeds]


def on_poisoning(runs: Sequence[Poisoned]) -> None:
    """Of attackers who grow slowly, in the organizations of a recording."""

    def over(values: Sequence[float]) -> Interval:
        return mean_interval(by_organization(runs, values))

    slow = over([run.level[SLOW] / run.at_once for run in runs])
    fast = over([run.level[FAST] / run.at_once for run in runs])
    listed = over([run.listed[SLOW] - run.unharmed for run in runs])
    early = over([(run.first[SLOW] or MOST) / run.at_once for run in runs])
    escaped = sum(run.found[SLOW] is None for run in runs)
    caught = max((run.level[SLOW] for run in runs if run.found[SLOW] is not None), default=0.0)
    glue_all(
        organizations=number(len({run.seed for run in runs})), victims=number(len(runs)), people=number(PEOPLE), before_days=number(BEFORE), attack_days=number(DAYS - BEFORE),
        most=number(MOST), slow_growth=f"{GROWTHS[SLOW]:.0%}", escaped=number(escaped), caught=caught,
        at_once=over([run.at_once for run in runs]), slow=slow, fast=fast, reached=over([run.level[SLOW] for run in runs]), listed=over([run.listed[SLOW] for run in runs]),
        unharmed=over([run.unharmed for run in runs]), early=over([run.first[SLOW] or MOST for run in runs]),
        columns=number(len(COLUMNS)),
    )  # fmt: skip
    check = partial(claims.check, seeds=sorted({run.seed for run in runs}), recorded=RESULT.name)
    check(
        "system-poison-slow", holds=slow.low > 10, value=slow, unit="times what is found clearly at once",
        statement="Guesses at a password that grow by 10% per day reach more than ten times the number per hour that is found clearly when it comes all at once.",
        verdict=_SOURCE(),
    )  # fmt: skip
    check(
        "system-poison-fast", holds=fast.high < 4, value=fast, unit="times what is found clearly at once",
        statement="Guesses that double each day are found clearly before they reach four times the number per hour that is found clearly when it comes all at once.",
        verdict=_SOURCE(),
    )  # fmt: skip
    check(
        "system-poison-listed", holds=listed.low > 0.1, value=listed, unit="of the days more",
        statement="While guesses at a password grow by 10% per day, its user is odd enough for the day's list on at least a tenth of the days more than without an attack.",
        verdict=_SOURCE(),
    )  # fmt: skip
    check(
        "system-poison-early", holds=early.high < 1, value=early, unit="times what is found clearly at once",
        statement="A user at whose password guesses grow by 10% per day is odd enough for the day's list for the first time while there are fewer guesses per hour than are found clearly when they come all at once.",
        verdict=_SOURCE(),
    )  # fmt: skip
