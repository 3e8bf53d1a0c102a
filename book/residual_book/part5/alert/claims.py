"""What `book/part5/alert.md` says, and the rule of each sentence.

The story is of one organization and claims nothing. How such alerts do on others comes from the recording of part V.
"""

from collections.abc import Sequence

import polars as pl

from residual.detect import words
from residual.detect.stream import HOUR
from residual_book import claims
from residual_book.claims import extended, glue_all, number
from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.recall import found as which_found
from residual_book.evaluation.recall import recall
from residual_book.evaluation.watched import BUDGET, BUDGETS
from residual_book.part5.alert.story import KIND, Story
from residual_book.recording import RESULTS, recorded_runs
from residual_book.stats import mean_over, seeds_of, share_interval

RECORD = RESULTS / "detect.json"
MINUTE = 60_000
_AT = BUDGETS.index(BUDGET)


def recorded() -> list[Outcome]:
    """What the detectors of the book found in the organizations of the recording."""
    return [run for run in recorded_runs(RECORD, Outcome) if run.rival == "D"]


def tell(story: Story) -> None:
    """Keep the numbers of the story for the prose."""
    signal, attack = story.alert.signals[0], story.attack
    first, last = int(attack["time"][0]), int(attack["time"][-1])
    glue_all(
        day=words.weekday(first), records=number(story.records), sign_ins=number(story.sign_ins.height),
        failures=number(int(story.sign_ins["failed"].sum())), user=story.user,
        tries=number(attack.height), began=f"{words.utc(first):%H:%M}", ended=f"{words.utc(last):%H:%M}",
        outcome="failed as well" if attack["failed"][-1] else "succeeded",
        raised=f"{words.utc(story.alert.raised):%H:%M}", after=(story.alert.raised - first) / MINUTE, before=(last - story.alert.raised) / MINUTE,
        hour=f"{words.utc(story.alert.raised - HOUR):%H:%M}", first=number(_in_hour(story, story.alert.raised // HOUR - 1)), value=number(signal.value), expected=signal.expected, spread=signal.spread, far=(signal.value - signal.expected) / signal.spread,
        days=number(story.day - int(story.hourly["hour"][0]) // 24),
        alerts=number(len(story.alerts)), true=number(sum(story.true)), twins=number(sum(story.twins)),
        nothing=number(len(story.alerts) - sum(story.true) - sum(story.twins)),
    )  # fmt: skip


def _in_hour(story: Story, hour: int) -> int:
    """How many sign-ins of the user failed in an hour since 1970."""
    return int(story.hourly.filter(pl.col("hour") == hour)["failed"].sum())


def on_others(runs: Sequence[Outcome]) -> None:
    """Of the detectors on the organizations of the recording."""
    precision = mean_over(runs, lambda run: run.true[_AT] / run.alerts[_AT])
    hits = [hit for run in runs for hit, kind in zip(which_found(run, BUDGET), run.type, strict=True) if kind == KIND]
    found = share_interval(sum(hits), len(hits))  # a bootstrap would be sure of it where all are found
    glue_all(
        organizations=number(len(runs)), hits=number(sum(hits)), of=number(len(hits)), every=recall(runs), precision=precision,
    )  # fmt: skip
    claims.check(
        "alert-brute-force", holds=found.low > 0.75, value=found, unit="of the attacks on one password",
        seeds=seeds_of(runs), recorded=RECORD.name,
        statement="At ten alerts per day, more than three in four attacks on one password are found in simulated organizations.",
        verdict=extended("chandola2009", "section 2.2.3", "calls events collective anomalies that are anomalous together and not alone"),
    )  # fmt: skip
    claims.check(
        "alert-precision", holds=precision.high < 0.6, value=precision, unit="of the alerts",
        seeds=seeds_of(runs), recorded=RECORD.name,
        statement="Of ten alerts per day, fewer than six in ten are about an attack or fault.",
        verdict=extended("sommer2010", "section III, high cost of errors", "says that false alarms cost an analyst's time, so that even a small rate makes a detector unusable"),
    )  # fmt: skip
