"""What `book/part4/embedding.md` says, and the rule of each sentence.

All of it comes from a recording of five organizations. Fresh ones are recorded in the same way, in a file of their own.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from residual_book import claims
from residual_book.claims import extended, glue_all, no_verdict, number
from residual_book.part4.embedding.experiment import RESULT, SEEDS, record
from residual_book.part4.embedding.protocol import (
    EVENTS,
    NETWORKS,
    TRAINED,
    USES,
    VERDICTS,
    Score,
    Verdict,
    difference,
    judge,
    mean_of,
)
from residual_book.recording import RESULTS, recorded_runs
from residual_book.stats import mean_difference, mean_over, seeds_of

FRESH = RESULTS / "uses-fresh.json"


def on_scores(scores: Sequence[Score], judged: Mapping[str, Verdict], *, recorded: str = RESULT.name) -> None:
    """Of the uses, over the organizations of a recording, and of the verdicts on them."""
    uses = {use: judged[use] for use in USES}
    by_verdict = {name: [USES[use] for use, own in uses.items() if own.verdict == name] for name in VERDICTS}
    ranks = {arm: mean_over(_of(scores, "rank", arm), _value) for arm in ("untrained", "masked", "SCARF")}
    again, elsewhere, by_chance = (
        mean_over(_of(scores, "overlap", arm), _value)
        for arm in ("another seed", "another organization", "untrained again")
    )
    collective, by_chance_of = uses["collective"], partial(_of, scores, "overlap")
    apart = mean_difference(by_chance_of("another seed"), by_chance_of("untrained again"), _value)
    small = mean_difference(_of(scores, "size 16", "SCARF"), _of(scores, "size 16", "both"), _value)
    firm = {
        arm: mean_difference(_of(scores, "firm", arm), _of(scores, "firm", "both"), _value)
        for arm in ("masked", "SCARF")
    }
    glue_all(
        uses=number(len(USES)), organizations=number(len(seeds_of(scores))), again=again, elsewhere=elsewhere, by_chance=by_chance,
        rank_untrained=ranks["untrained"], rank_masked=ranks["masked"], rank_scarf=ranks["SCARF"],
        new_masked=uses["new"].means["masked"].estimate, new_rival=uses["new"].means[uses["new"].best].estimate, new=uses["new"].differences["masked"],
        volume_collective=collective.means["volume"], network_collective=max(collective.means[arm].estimate for arm in EVENTS if arm in collective.means),
        small=small, firm_masked=firm["masked"], firm_scarf_less=-firm["SCARF"].estimate, apart=apart,
        same_labels=uses["labels"].means["context"].estimate, network_labels=max(uses["labels"].means[arm].estimate for arm in TRAINED if arm in uses["labels"].means), volume_labels=uses["labels"].means["volume"],
        masked_field=uses["field"].differences["masked"],
        **{name.replace(" ", "_"): number(len(own)) for name, own in by_verdict.items()},
        **{f"{name.replace(' ', '_')}_in": _listed(own) for name, own in by_verdict.items()},
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(scores), recorded=recorded)
    best = {
        use: max((own.differences[arm] for arm in TRAINED if arm in own.differences), key=lambda gain: gain.high)
        for use, own in uses.items()
    }
    check(
        "embedding-collective", holds=best["collective"].high < -0.05, value=best["collective"], unit="of the episodes more, with the best network",
        statement="Of collective anomalies every network that learned finds at least five points fewer than the volume of windows or another simple rival.",
        verdict=extended("mai2023", "abstract", "representations from self-supervision do not improve the detection of anomalies over the columns as they are"),
    )  # fmt: skip
    check(
        "embedding-labels", holds=best["labels"].high < -0.05, value=best["labels"], unit="of the episodes more, with the best network",
        statement="Told 30 episodes, a linear model on any of the networks finds at least five points fewer of all episodes than the best simple rival.",
        verdict=extended("bahri2022", "abstract", "pre-training raises the accuracy of classifiers, also where few rows have labels"),
    )  # fmt: skip
    check(
        "embedding-field", holds=best["field"].high < 0.05, value=best["field"], unit="accuracy more, with the best network",
        statement="A missing field is predicted by no network that learned five points more often than by the best simple rival.",
        verdict=extended("bahri2022", "abstract", "pre-training raises the accuracy of classifiers on tables"),
    )  # fmt: skip
    check(
        "embedding-similar", holds=best["similar"].high < 0.05, value=best["similar"], unit="precision more, with the best network",
        statement="Events like a given one are found by no network that learned five points more precisely than by the columns.",
        verdict=extended("bahri2022", "abstract", "pre-training raises the accuracy of classifiers on tables"),
    )  # fmt: skip
    check(
        "embedding-small", holds=small.low > 0, value=small, unit="precision more",
        statement="With 16 directions, those of SCARF's network find events like a given one more precisely than those of the columns.",
        verdict=extended("bahri2022", "abstract", "pre-training raises the accuracy of classifiers on tables"),
    )  # fmt: skip
    check(
        "embedding-firm", holds=firm["masked"].low > 0 and firm["SCARF"].high < 0, value=firm["masked"], unit="of ten nearest events more, with hidden parts",
        statement="When one in ten parts of each event is empty, a network that learned from hidden parts keeps more of the ten nearest events than the columns do, and SCARF's keeps fewer.",
        verdict=no_verdict("bahri2022", "section 3", "trains a network to give an event and its copy with exchanged parts the same place"),
    )  # fmt: skip
    check(
        "embedding-contextual", holds=best["contextual"].high < 0.05, value=best["contextual"], unit="of the episodes more, with the best network",
        statement="Of contextual anomalies no network that learned finds five points more than the best simple rival.",
        verdict=extended("mai2023", "abstract", "representations from self-supervision do not improve the detection of anomalies over the columns as they are"),
    )  # fmt: skip
    check(
        "embedding-rank", holds=ranks["masked"].high < ranks["untrained"].low and ranks["SCARF"].high < ranks["untrained"].low / 2, value=ranks["SCARF"], unit="directions, after SCARF's training",
        statement="After training with hidden parts the effective rank of the embedding is lower than before, and after SCARF's it is less than half.",
        verdict=no_verdict("roy2007", "section 2", "defines the effective rank"),
    )  # fmt: skip
    check(
        "embedding-again", holds=again.high < 0.75, value=again, unit="of ten nearest events",
        statement="Trained again from another seed, a network keeps fewer than three quarters of the ten nearest events.",
        verdict=no_verdict("kornblith2019", "abstract", "compares what networks trained from different initializations make of the same inputs"),
    )  # fmt: skip
    check(
        "embedding-chance", holds=apart.high < 0, value=apart, unit="of ten nearest events more, after training",
        statement="Two networks that SCARF trained from different seeds agree on fewer of the ten nearest events than two that nobody trained.",
        verdict=no_verdict("kornblith2019", "abstract", "compares what networks trained from different initializations make of the same inputs"),
    )  # fmt: skip


def on_expected(scores: Sequence[Score], *, recorded: str = RESULT.name) -> None:
    """Of the network that expects windows, beside the networks of events: recorded on the same organizations."""
    windows = _of(scores, "collective", "expectation")
    ahead = {
        arm: difference(windows, own)
        for arm in NETWORKS
        if arm != "expectation" and (own := _of(scores, "collective", arm))
    }
    least = min(ahead.values(), key=lambda gain: gain.low)
    found = mean_of(windows)
    glue_all(expectation=found, ahead=least)
    claims.check(
        "embedding-windows", holds=least.low > 0, value=least, unit="of the episodes more, over the network that comes nearest",
        statement="The network that expects the windows of an entity finds more of the collective anomalies than any network of single events.",
        seeds=seeds_of(windows), recorded=recorded,
        verdict=extended("mai2023", "abstract", "representations from self-supervision do not improve the detection of anomalies over the columns as they are"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Record five other organizations, if that is not done yet, and check the claims again."""
    record(FRESH, seeds[: len(SEEDS)])
    scores = recorded_runs(FRESH, Score)
    on_scores(scores, judge(scores), recorded="")


def _of(scores: Sequence[Score], use: str, arm: str) -> list[Score]:
    return [score for score in scores if (score.use, score.arm) == (use, arm)]


def _value(score: Score) -> float:
    return score.value


def _listed(names: Sequence[str]) -> str:
    """Names in brackets for a sentence, nothing for none."""
    return f" ({', '.join(names)})" if names else ""
