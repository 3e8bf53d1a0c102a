"""What `book/part4/any-good.md` says, and the rule of each sentence. All of it comes from a recording."""

from collections.abc import Sequence
from functools import partial

from residual_book import claims
from residual_book.claims import confirmed, extended, glue_all, number
from residual_book.part4.any_good.experiment import LIVE, RESULT, SEEDS, SLOWEST, TRIALS, Run, gap, of, record, skill
from residual_book.part4.any_good.rivals import STEPS
from residual_book.part4.any_good.tables import RECORDS, ROWS, TASKS
from residual_book.recording import RESULTS, recorded_runs
from residual_book.stats import mean_over, seeds_of

FRESH = RESULTS / "tables-fresh.json"


def on_runs(runs: Sequence[Run], *, recorded: str = RESULT.name) -> None:
    """Of all rivals but the slowest."""
    lookup = gap(runs, "ResNet", "one column")
    fewer = gap(runs, "ResNet", "trees", RECORDS, points)
    pixels = gap(runs, "trees", "ResNet", ["digits"], points)
    records_skill, late = gap(runs, "ResNet", "trees", RECORDS), gap(runs, "ResNet", "trees", ["late"], points)
    line = gap(runs, "ResNet", "linear", RECORDS)
    skip = gap(runs, "ResNet", "MLP")
    sign_in = [gap(runs, rival, "one column", ["sign-in"]) for rival in ("linear", "trees", "MLP", "ResNet")]
    ahead = max(sign_in, key=lambda interval: interval.high)
    glue_all(
        questions=number(len(TASKS)), seeds=number(len(seeds_of(runs))), live_seeds=number(len(LIVE)), trials=number(TRIALS), steps=number(STEPS), rows=number(ROWS[0]),
        lookup=lookup, fewer=fewer, pixels=pixels, line=line, skip=skip, ahead=ahead, records_skill=records_skill, late=late,
        caller_trees=mean_over(of(runs, "caller", "trees"), points).estimate, caller_resnet=mean_over(of(runs, "caller", "ResNet"), points).estimate,
        sign_in_wrong=mean_over(of(runs, "sign-in", "ResNet"), points).estimate, worst_trees=min(run.skill for run in of(runs, "caller", "trees")), pixel=mean_over(of(runs, "digits", "one column"), skill).estimate,
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(runs), recorded=recorded)
    check(
        "any-good-learns", holds=lookup.low > 0.1, value=lookup, unit="of skill more",
        statement="In the mean over six questions, the tabular ResNet has at least 0.1 more skill than the best single column.",
        verdict=extended("gorishniy2021", "abstract", "calls the ResNet a strong baseline, and compares it with trees and other networks"),
    )  # fmt: skip
    check(
        "any-good-records", holds=fewer.low > 0, value=fewer, unit="points more wrong answers",
        statement="On records, in the mean over three questions, the tabular ResNet gives more wrong answers than gradient-boosted trees that were tuned by the same few tries.",
        verdict=extended("grinsztajn2022", "abstract", "finds trees ahead of networks on public tables of about ten thousand rows"),
    )  # fmt: skip
    check(
        "any-good-no-winner", holds=fewer.low > 0 and pixels.low > 0, value=pixels, unit="points fewer wrong answers from the ResNet, on pixels",
        statement="Neither wins everywhere: trees give fewer wrong answers on records, and the ResNet gives fewer on pixels in a table.",
        verdict=confirmed("gorishniy2021", "abstract", "finds no solution that is better everywhere among trees and networks"),
    )  # fmt: skip
    check(
        "any-good-linear", holds=line.low > -0.03 and line.high < 0.03, value=line, unit="of skill more",
        statement="On records, the mean skill of the tabular ResNet is within 0.03 of that of a linear model.",
        verdict=extended("gorishniy2021", "Table 2", "compares networks with each other and with trees, and has no linear model among them"),
    )  # fmt: skip
    check(
        "any-good-mlp", holds=skip.low > -0.03 and skip.high < 0.03, value=skip, unit="of skill more",
        statement="In the mean over six questions, the skill of the tabular ResNet is within 0.03 of that of an MLP.",
        verdict=extended("gorishniy2021", "Table 2", "has the ResNet ahead of the MLP on most tables, by little"),
    )  # fmt: skip
    check(
        "any-good-sign-in", holds=ahead.high < 0.03, value=ahead, unit="of skill more, of the rival whose interval reaches highest",
        statement="Whether a sign-in fails, none of linear model, trees, MLP and ResNet tells with 0.03 more skill than the best single column does.",
        verdict=extended("arp2022", "pitfall P6, inappropriate baseline", "asks for simple baselines beside a complex method, because these may be as good"),
    )  # fmt: skip


def on_transformer(runs: Sequence[Run]) -> None:
    """Of the slowest rival."""
    attention = gap(runs, SLOWEST, "ResNet")
    glue_all(attention=attention, few=number(attention.n))


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Record all rivals but the slowest on as many other seeds, if that is not done yet, and check the claims again."""
    record(FRESH, seeds[: len(SEEDS)], without=[SLOWEST])
    on_runs(recorded_runs(FRESH, Run), recorded="")


def points(run: Run) -> float:
    """Wrong answers in percent."""
    return 100 * run.error
