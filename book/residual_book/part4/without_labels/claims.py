"""What `book/part4/without-labels.md` says, and the rule of each sentence.

All of it comes from two recordings of five organizations each. Fresh ones are recorded in the same way, in files of
their own: five for the objectives, and ten for what entities are expected to do. Alarms are compared with the bar's, on the organizations that the bar has recorded; so they are not
repeated on others.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from residual_book import claims
from residual_book.claims import extended, glue_all, no_verdict, number
from residual_book.evaluation.recall import difference, recall
from residual_book.part4.without_labels import expectations, objectives
from residual_book.part4.without_labels.expectations import VOLUME, better, detectors
from residual_book.part4.without_labels.fields import RIVALS as COUNTS
from residual_book.part4.without_labels.fields import SETTLED, Field
from residual_book.part4.without_labels.objectives import CONTRASTIVE, UNTRAINED, guessed, unsettled, won
from residual_book.recording import RESULTS, recorded_runs
from residual_book.stats import Interval, mean_over, seeds_of

ORGANIZATIONS = 5
FRESH_OBJECTIVES, FRESH_EXPECTATION = RESULTS / "objectives-fresh.json", RESULTS / "expectation-fresh.json"
LITTLE = 0.1  # nats
SPREAD = 8.0  # directions that embeddings spread in, at least, if they have not collapsed


def on_objectives(runs: Sequence[objectives.Run], *, recorded: str = objectives.RESULT.name) -> None:
    """Of what networks learn from rows with hidden or exchanged parts."""
    right, surer = mean_over(runs, won), mean_over(runs, partial(won, measure="score"))
    over_pairs = mean_over(runs, lambda run: guessed("masked", run) - guessed(COUNTS[2], run))
    over_entity = mean_over(runs, lambda run: guessed("masked", run) - guessed(COUNTS[1], run))
    one_block, hidden = (mean_over(runs, partial(over_masked, arm)) for arm in ("one block", "six in ten hidden"))
    fewer = min(
        (mean_over(runs, partial(lost_rank, name)) for name in ("masked", CONTRASTIVE)), key=lambda lost: lost.low
    )
    settled = mean_over(runs, lambda run: 1 - len(unsettled(run)) / len(run.fields))
    ranks = {name: mean_over(runs, partial(rank, name)) for name in (UNTRAINED, "masked", CONTRASTIVE)}
    nothing = mean_over(
        runs, lambda run: float(np.mean([told(field) < LITTLE for field in unsettled(run) if not ahead_of(field)]))
    )
    least = min(("masked", CONTRASTIVE), key=lambda name: ranks[name].low)
    glue_all(
        organizations=number(len(runs)), events=number(round(float(np.mean([run.events for run in runs])), -3)), fields=number(round(float(np.mean([len(run.fields) for run in runs])))),
        open_fields=number(round(float(np.mean([len(unsettled(run)) for run in runs])))), right=right, surer=surer, over_pairs=over_pairs, over_entity=over_entity, one_block=one_block, hidden=hidden, settled=SETTLED,
        rank_untrained=ranks[UNTRAINED], rank_masked=ranks["masked"], rank_contrastive=ranks[CONTRASTIVE], nothing=nothing, found=mean_over(runs, lambda run: run.found),
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(runs), recorded=recorded)
    check(
        "objectives-right", holds=right.low > 0.5, value=right, unit="of the fields",
        statement="Of the fields that no other column settles, a network that learned to fill in hidden parts guesses more than half right more often than the best other column does.",
        verdict=extended("yoon2020", "section 4.1, self-supervised learning for tabular data", "trains an encoder to recover hidden values of a table, and judges it by what is learned on top of it"),
    )  # fmt: skip
    check(
        "objectives-score", holds=surer.low > 0.5, value=surer, unit="of the fields",
        statement="On more than half of these fields the network also holds what is there more probable than counts beside the best other column do.",
        verdict=extended("yoon2020", "section 4.1, self-supervised learning for tabular data", "trains an encoder to recover hidden values of a table, and judges it by what is learned on top of it"),
    )  # fmt: skip
    check(
        "objectives-entity", holds=over_entity.low > 0.1, value=over_entity, unit="of the events more",
        statement="In the mean over these fields it guesses right in at least ten more events of a hundred than the entity's most frequent value does.",
        verdict=extended("yoon2020", "section 4.1, self-supervised learning for tabular data", "trains an encoder to recover hidden values of a table, and judges it by what is learned on top of it"),
    )  # fmt: skip
    check(
        "objectives-settled", holds=settled.low > 0.5, value=settled, unit="of the fields",
        statement="Even with its own part hidden, most fields of a record are settled by one other column.",
        verdict=no_verdict("ocsf2026", "objects", "describes one thing by several attributes"),
    )  # fmt: skip
    check(
        "objectives-one-block", holds=one_block.low > -0.01 and one_block.high < 0.03, value=one_block, unit="of the events more",
        statement="One block in place of two costs less than one guess of a hundred, and gains less than three.",
        verdict=extended("gorishniy2021", "section 5, tuning spaces", "tunes the number of blocks for each table"),
    )  # fmt: skip
    check(
        "objectives-fewer", holds=fewer.low > 0, value=fewer, unit="directions fewer, where the difference is less",
        statement="Training by hidden or by exchanged parts leaves embeddings with a lower effective rank than those of an untrained network.",
        verdict=no_verdict("roy2007", "section 2, effective rank", "defines the effective rank by the entropy of the singular values"),
    )  # fmt: skip
    check(
        "objectives-rank", holds=all(ranks[name].low > SPREAD for name in ("masked", CONTRASTIVE)), value=ranks[least], unit=f"directions with {'hidden' if least == 'masked' else 'exchanged'} parts, which have the fewer",
        statement="Embeddings learned by hidden or by exchanged parts do not collapse: they spread in more than eight directions.",
        verdict=no_verdict("roy2007", "section 2, effective rank", "defines the effective rank by the entropy of the singular values"),
    )  # fmt: skip


def on_expectation(runs: Sequence[expectations.Run], *, recorded: str = expectations.RESULT.name) -> None:
    """Of what entities are expected to do."""
    share = mean_over(runs, better)
    over_linear, over_unskipped = (mean_over(runs, partial(ahead, of=arm)) for arm in ("linear", "without skip"))
    without_past = mean_over(runs, lambda run: ahead(run, "without past") - ahead(run) / 2)
    glue_all(
        expected=number(len(runs[0].feature)), better=share, unskipped=thousandths(over_unskipped), layers=thousandths(over_linear),
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(runs), recorded=recorded)
    check(
        "expectation-both", holds=share.low > 0.8, value=share, unit="of the features",
        statement="With the seasonal mean in its skip path, a network has, in the mean over organizations, a higher log score on more than 80% of the features than both the entity's own mean and its seasonal mean.",
        verdict=no_verdict("gneiting2007", "section 4.1, the logarithmic score", "shows that a forecaster gains nothing in log score by naming other probabilities than those it believes in"),
    )  # fmt: skip
    check(
        "expectation-linear", holds=over_linear.low > 0, value=over_linear, unit="nats per window more",
        statement="In the mean over features the network expects better than one linear layer in its place.",
        verdict=no_verdict("gneiting2007", "section 4.1, the logarithmic score", "shows that a forecaster gains nothing in log score by naming other probabilities than those it believes in"),
    )  # fmt: skip
    check(
        "expectation-skip", holds=over_unskipped.low > 0, value=over_unskipped, unit="nats per window more",
        statement="After as many passes, the network with the rival in its skip path expects better in the mean than one that says all by itself.",
        verdict=extended("he2016", "section 3.1, constant scaling", "finds that an identity on the skip path trains best; here what the skip path carries is a forecast"),
    )  # fmt: skip
    check(
        "expectation-past", holds=without_past.low > 0, value=without_past, unit="nats per window more than half",
        statement="More than half of what the network gains over the seasonal mean is there without the recent past, by the clock and what the rival knows.",
        verdict=no_verdict("gneiting2007", "section 4.1, the logarithmic score", "shows that a forecaster gains nothing in log score by naming other probabilities than those it believes in"),
    )  # fmt: skip


def on_detectors(runs: Sequence[expectations.Run], *, recorded: str = expectations.RESULT.name) -> None:
    """Of the alarms that expectations raise, beside those of the bar on the same organizations."""
    found = detectors(runs)
    short = difference(found["network"], found[VOLUME])
    forecast = difference(found["network"], found["seasonal mean"])
    glue_all(
        recall_network=recall(found["network"]),
        recall_seasonal=recall(found["seasonal mean"]),
        recall_volume=recall(found[VOLUME]),
        short=short,
        forecast=forecast,
    )
    claims.check(
        "expectation-alarms", holds=short.high < -0.1, value=short, unit="of the episodes more",
        statement="With ten alerts per day, alarms at what the network did not expect find at least ten points fewer of the episodes than the volume of the bar.",
        seeds=seeds_of(runs), recorded=recorded,
        verdict=extended("arp2022", "pitfall P6, inappropriate baseline", "asks for simple baselines beside a complex method, because these may be as good"),
    )  # fmt: skip


def over_masked(arm: str, run: objectives.Run) -> float:
    """Share of events that an arm guesses right more often than the usual masked network."""
    return guessed(arm, run) - guessed("masked", run)


def rank(name: str, run: objectives.Run) -> float:
    """Effective rank of a network's embeddings."""
    return run.rank[name]


def lost_rank(name: str, run: objectives.Run) -> float:
    """Directions of an untrained network that those of a trained one lack."""
    return run.rank[UNTRAINED] - run.rank[name]


def thousandths(gain: Interval) -> Interval:
    return replace(gain, estimate=1000 * gain.estimate, low=1000 * gain.low, high=1000 * gain.high)


def told(field: Field) -> float:
    """Nats that the best other column tells beyond the most frequent value."""
    return field.score[COUNTS[2]] - field.score[COUNTS[0]]


def ahead_of(field: Field) -> bool:
    """Whether the network guesses a field right more often than the best other column."""
    return field.right["masked"] > field.right[COUNTS[2]]


def ahead(run: expectations.Run, arm: str = "network", *, of: str = "seasonal mean") -> float:
    """How much higher the log score of an arm is than that of another, in the mean over features."""
    return float(np.mean(np.subtract(run.score[arm], run.score[of])))


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Record other organizations, if that is not done yet, and check the claims again."""
    objectives.record(FRESH_OBJECTIVES, seeds[:ORGANIZATIONS])
    expectations.record(FRESH_EXPECTATION, seeds)
    on_objectives(recorded_runs(FRESH_OBJECTIVES, objectives.Run), recorded="")
    on_expectation(recorded_runs(FRESH_EXPECTATION, expectations.Run), recorded="")
