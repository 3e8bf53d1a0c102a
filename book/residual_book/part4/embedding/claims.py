"""What `book/part4/embedding.md` says, and the rule of each sentence.

All of it comes from a recording of five organizations. Fresh ones are recorded in the same way, in a file of their own.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from residual_book import claims
from residual_book.claims import extended, glue_all, no_verdict, number
from residual_book.part4.embedding.experiment import RESULT, SEEDS, record
from residual_book.part4.embedding.protocol import TRAINED, USES, VERDICTS, Score, Verdict, judge
from residual_book.recording import RESULTS, recorded_runs
from residual_book.stats import mean_over, seeds_of

FRESH = RESULTS / "uses-fresh.json"


def on_scores(scores: Sequence[Score], judged: Mapping[str, Verdict], *, recorded: str = RESULT.name) -> None:
    """Of the uses, over the organizations of a recording, and of the verdicts on them."""
    uses = {use: judged[use] for use in USES}
    by_verdict = {name: [USES[use] for use, own in uses.items() if own.verdict == name] for name in VERDICTS}
    ranks = {
        arm: mean_over(_of(scores, "rank", arm), lambda score: score.value) for arm in ("untrained", "masked", "SCARF")
    }
    again, elsewhere, by_chance = (
        mean_over(_of(scores, "overlap", arm), lambda score: score.value)
        for arm in ("another seed", "another organization", "untrained again")
    )
    collective = uses["collective"]
    glue_all(
        uses=number(len(USES)), organizations=number(len(seeds_of(scores))), again=again, elsewhere=elsewhere, by_chance=by_chance,
        rank_untrained=ranks["untrained"], rank_masked=ranks["masked"], rank_scarf=ranks["SCARF"],
        new_masked=uses["new"].means["masked"].estimate, new_rival=uses["new"].means[uses["new"].best].estimate, new=uses["new"].differences["masked"],
        volume_collective=collective.means["volume"], network_collective=max(collective.means[arm].estimate for arm in TRAINED if arm in collective.means),
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


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Record five other organizations, if that is not done yet, and check the claims again."""
    record(FRESH, seeds[: len(SEEDS)])
    scores = recorded_runs(FRESH, Score)
    on_scores(scores, judge(scores), recorded="")


def _of(scores: Sequence[Score], use: str, arm: str) -> list[Score]:
    return [score for score in scores if (score.use, score.arm) == (use, arm)]


def _listed(names: Sequence[str]) -> str:
    """Names in brackets for a sentence, nothing for none."""
    return f" ({', '.join(names)})" if names else ""
