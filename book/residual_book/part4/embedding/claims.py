"""What `book/part4/embedding.md` says, and the rule of each sentence.

All of it comes from a recording of five organizations. Fresh ones are recorded in the same way, in a file of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from residual.simulate import TYPES
from residual_book import claims
from residual_book.claims import confirmed, extended, glue_all, no_verdict, number
from residual_book.part4.embedding.experiment import EXPECTED, RESULT, SEEDS, record
from residual_book.part4.embedding.protocol import (
    EVENTS,
    NETWORKS,
    SIMPLE,
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
from residual_book.stats import Interval, mean_difference, mean_over, seeds_of

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
    collective, told = uses["collective"], partial(_of, scores, "labels")
    apart = _gain(scores, "overlap", "another seed", "untrained again")
    small = _gain(scores, "size 16", "SCARF", "both")
    firm, trained = (
        {arm: _gain(scores, use, arm, rival) for arm in ("masked", "SCARF")}
        for use, rival in (("firm", "both"), ("field", "untrained"))
    )
    simple = max(SIMPLE, key=lambda arm: collective.means[arm].estimate)
    over_columns, same_labels = (
        max((difference(of(arm), of(rival)) for arm in arms if of(arm)), key=lambda gain: gain.high)
        for of, rival, arms in ((partial(_of, scores, "collective"), simple, EVENTS), (told, "context", NETWORKS))
    )
    glue_all(
        uses=number(len(USES)), organizations=number(len(seeds_of(scores))), again=again, elsewhere=elsewhere, by_chance=by_chance,
        new=_points(uses["new"].differences["masked"]),
        volume_collective=collective.means["volume"], network_collective=max(collective.means[arm].estimate for arm in EVENTS if arm in collective.means),
        columns_collective=collective.means[simple], small=_points(small), context_similar=uses["similar"].means["context"], few=_points(_gain(scores, "size 4", "SCARF", "both")), more=_points(_gain(scores, "size 64", "SCARF", "both")),
        firm_masked=_points(firm["masked"]), firm_scarf=_points(firm["SCARF"]), trained_masked=_points(trained["masked"]), trained_scarf=_points(trained["SCARF"]),
        context_labels=uses["labels"].means["context"], same_labels=_points(same_labels),
        told=_on_collective(told("context")), untold=collective.means["context"].estimate,
        masked_field=_points(uses["field"].differences["masked"]),
        **{name.replace(" ", "_"): number(len(own)) if own else "none" for name, own in by_verdict.items()},
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
        verdict=extended("arp2022", "pitfall P6, inappropriate baseline", "asks for simple baselines beside a complex method, because these may be as good"),
    )  # fmt: skip
    check(
        "embedding-columns", holds=over_columns.high < 0.05, value=over_columns, unit="of the episodes more, with the best network",
        statement="Of collective anomalies no network of events that learned finds five points more than the plain columns, or the best of their halves.",
        verdict=confirmed("mai2023", "abstract", "representations from self-supervision do not improve the detection of anomalies over the columns as they are"),
    )  # fmt: skip
    check(
        "embedding-contextual", holds=best["contextual"].high < 0.05, value=best["contextual"], unit="of the episodes more, with the best network",
        statement="Of contextual anomalies no network that learned finds five points more than the best simple rival.",
        verdict=extended("arp2022", "pitfall P6, inappropriate baseline", "asks for simple baselines beside a complex method, because these may be as good"),
    )  # fmt: skip
    check(
        "embedding-labels", holds=same_labels.high < 0.05, value=same_labels, unit="of the episodes more, with the best network",
        statement="Told the same 30 episodes, a linear model on no network finds five points more of all episodes than one on the context alone.",
        verdict=extended("bahri2022", "abstract", "pre-training raises the accuracy of classifiers, also where few rows have labels"),
    )  # fmt: skip
    check(
        "embedding-field", holds=best["field"].high < 0.05, value=best["field"], unit="accuracy more, with the best network",
        statement="A missing field is predicted by no network that learned five points more often than by the best simple rival.",
        verdict=extended("bahri2022", "abstract", "pre-training raises the accuracy of classifiers on tables"),
    )  # fmt: skip
    check(
        "embedding-training", holds=trained["masked"].low > 0 and trained["SCARF"].high < -0.05, value=trained["masked"], unit="accuracy more, by hidden parts",
        statement="For a missing field, training by hidden parts is worth more than no training, and SCARF's costs at least five points.",
        verdict=extended("bahri2022", "abstract", "pre-training raises the accuracy of classifiers on tables"),
    )  # fmt: skip
    check(
        "embedding-similar", holds=best["similar"].high < 0.05, value=best["similar"], unit="precision more, with the best network",
        statement="Events like a given one are found by no network that learned five points more precisely than by the columns.",
        verdict=no_verdict("bahri2022", "section 3", "trains a network to give an event and its copy with exchanged parts the same place"),
    )  # fmt: skip
    check(
        "embedding-small", holds=small.low > 0, value=small, unit="precision more",
        statement="With 16 directions, those of SCARF's network find events like a given one more precisely than those of the columns.",
        verdict=no_verdict("bahri2022", "section 3", "trains a network to give an event and its copy with exchanged parts the same place"),
    )  # fmt: skip
    check(
        "embedding-firm", holds=firm["masked"].low > 0 and firm["SCARF"].high < 0, value=firm["masked"], unit="of ten nearest events more, with hidden parts",
        statement="When one in ten parts of each event is empty, a network that learned from hidden parts keeps more of the ten nearest events than the columns do, and SCARF's keeps fewer.",
        verdict=no_verdict("bahri2022", "section 3", "trains a network to give an event and its copy with exchanged parts the same place"),
    )  # fmt: skip
    check(
        "embedding-rank", holds=ranks["masked"].high < ranks["untrained"].low and ranks["SCARF"].high < ranks["untrained"].low / 2, value=ranks["SCARF"], unit="directions, after SCARF's training",
        statement="After training with hidden parts the effective rank of the embedding is lower than before, and after SCARF's it is less than half.",
        verdict=no_verdict("roy2007", "section 2", "defines the effective rank"),
    )  # fmt: skip
    check(
        "embedding-again", holds=again.high < 0.75, value=again, unit="of ten nearest events",
        statement="Trained for 150 steps by SCARF on a small organization, and again from another seed, a network keeps fewer than three quarters of the ten nearest events.",
        verdict=extended("kornblith2019", "abstract", "finds layers that correspond in networks trained from different initializations"),
    )  # fmt: skip
    check(
        "embedding-chance", holds=apart.high < 0, value=apart, unit="of ten nearest events more, after training",
        statement="Two such networks, trained from different seeds, agree on fewer of the ten nearest events than two that nobody trained.",
        verdict=extended("kornblith2019", "abstract", "finds layers that correspond in networks trained from different initializations"),
    )  # fmt: skip


def on_windows(scores: Sequence[Score], *, recorded: str = EXPECTED.name) -> None:
    """Of the network that expects windows, and of the mean that it corrects: recorded for the page before."""
    network, mean = (_of(scores, "collective", arm) for arm in ("expectation", "seasonal mean"))
    gain = difference(network, mean)
    glue_all(expectation=mean_of(network), seasonal=mean_of(mean), windows=_points(gain))
    claims.check(
        "embedding-windows", holds=gain.high < 0.05, value=gain, unit="of the episodes more, with the network",
        statement="The network that expects windows does not find five points more of the collective anomalies than the seasonal mean that it corrects.",
        seeds=seeds_of(network), recorded=recorded,
        verdict=extended("arp2022", "pitfall P6, inappropriate baseline", "asks for simple baselines beside a complex method, because these may be as good"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Record five other organizations, if that is not done yet, and check the claims again."""
    record(FRESH, seeds[: len(SEEDS)])
    scores = recorded_runs(FRESH, Score)
    on_scores(scores, judge(scores), recorded="")


def _of(scores: Sequence[Score], use: str, arm: str) -> list[Score]:
    return [score for score in scores if (score.use, score.arm) == (use, arm)]


def _gain(scores: Sequence[Score], use: str, arm: str, rival: str) -> Interval:
    """The paired difference of two arms, over organizations."""
    return mean_difference(_of(scores, use, arm), _of(scores, use, rival), lambda score: score.value)


def _points(share: Interval) -> Interval:
    """A share as points of a hundred."""
    return replace(share, estimate=100 * share.estimate, low=100 * share.low, high=100 * share.high)


def _on_collective(scores: Sequence[Score]) -> float:
    """Recall of collective episodes alone, where those of all kinds were looked for."""
    found = [
        hit for own in scores for kind, hit in zip(own.type, own.found, strict=True) if TYPES[kind].kind == "collective"
    ]
    return sum(found) / len(found)


def _value(score: Score) -> float:
    return score.value


def _listed(names: Sequence[str]) -> str:
    """Names in brackets for a sentence, nothing for none."""
    return f" ({', '.join(names)})" if names else ""
