"""What `book/part5/network.md` says, and the rule of each sentence. All of it comes from recordings."""

from collections.abc import Sequence
from functools import partial

from residual_book import claims
from residual_book.claims import extended, glue_all, number
from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.recall import difference, found, recall
from residual_book.evaluation.watched import BUDGET
from residual_book.part5.network.comparisons import Comparison, of, trained
from residual_book.part5.network.experiment import CONTEXT, DETECTORS, NETWORK, RESULT
from residual_book.stats import seeds_of


def on_comparisons(compared: Sequence[Comparison], runs: Sequence[Outcome], *, recorded: str = RESULT.name) -> None:
    """Of the detectors with and without a network, and of all comparisons."""
    alone, network, context = (of(runs, arm) for arm in (DETECTORS, NETWORK, CONTEXT))
    gain, over_context, of_context = (
        difference(network, alone),
        difference(network, context),
        difference(context, alone),
    )
    impossible, others = (
        difference(network, alone, types=["impossible"]),
        difference(network, alone, types=_others(alone)),
    )
    points = next(c for c in compared if c.network.startswith("point"))
    glue_all(
        organizations=number(len(alone)), episodes=number(sum(len(run.episode) for run in alone)), comparisons=number(len(compared)),
        pays=number(sum(c.gain.low > 0.05 for c in compared)) if any(c.gain.low > 0.05 for c in compared) else "none",
        bounded=number(sum(c.gain.high < 0.05 for c in compared)), alone=recall(alone), network=recall(network), gain=gain, over_context=over_context,
        gained=number(_more(network, alone)), lost=number(_more(alone, network)), of_context=of_context, impossible=impossible, impossible_alone=recall(alone, types=["impossible"]), others=others, trained_point=trained("point"), trained_collective=trained("collective"), point=points.gain, **({"point_again": points.again} if points.again else {}),
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(alone), recorded=recorded)
    check(
        "network-detectors", holds=gain.high < 0.05, value=gain, unit="of the episodes more with the network",
        statement="Two alerts in ten for single events that an untrained network places raise the recall of the detectors by less than five points, if at all.",
        verdict=extended("arp2022", "pitfall P6, inappropriate baseline", "asks for simple baselines beside a complex method, because these may be as good"),
    )  # fmt: skip
    check(
        "network-context", holds=over_context.high < 0.05, value=over_context, unit="of the episodes more with the network",
        statement="The network finds at most five points more than its context features alone, given the same two alerts in ten.",
        verdict=extended("arp2022", "pitfall P6, inappropriate baseline", "asks for simple baselines beside a complex method, because these may be as good"),
    )  # fmt: skip


def _others(runs: Sequence[Outcome]) -> list[str]:
    return sorted({kind for run in runs for kind in run.type} - {"impossible"})


def _more(first: Sequence[Outcome], second: Sequence[Outcome]) -> int:
    """How many episodes the first arm finds with ten alerts per day, and the second does not."""
    return sum(
        one and not other
        for a, b in zip(first, second, strict=True)
        for one, other in zip(found(a, BUDGET), found(b, BUDGET), strict=True)
    )
