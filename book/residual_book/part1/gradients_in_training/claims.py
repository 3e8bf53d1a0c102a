"""What `book/part1/gradients-in-training.md` says, and the rule of each sentence."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from residual_book import claims
from residual_book.claims import confirmed, corrected, extended, glue_all, number, scoped
from residual_book.part1.gradients_in_training import along_training, normalized_steps
from residual_book.part1.gradients_in_training.along_training import over_seeds, select
from residual_book.part1.gradients_in_training.normalized_steps import (
    CHOICE_SEEDS,
    NETS,
    RATES,
    best_rate,
    chosen,
    compared,
)
from residual_book.recording import RESULTS, recorded_runs
from residual_book.stats import Interval, mean_difference, mean_interval, mean_over, median_interval, seeds_of

LATER = 20  # steps, when the explosion is over
TRAINED = ("plain-20", "residual-56")  # the nets that learn, started as plain-56 is
ASKED = 0.2  # gain in loss by normalized steps, in a rule that was written before there were data, and did not hold
ZEROED = "residual-56, zero start"
SLOWER = "plain-56, a tenth of the rate"


def on_training(runs: Sequence[along_training.Run]) -> None:
    """Of the nets that were watched while they trained."""
    plain, residual = select(runs, "plain-56"), select(runs, "residual-56")
    later = plain[0].steps.index(LATER)
    plain_ratio, residual_ratio = (over_seeds(runs, net, lambda run: run.ratios) for net in ("plain-56", "residual-56"))
    plain_loss, residual_loss = (over_seeds(runs, net, lambda run: run.losses) for net in ("plain-56", "residual-56"))
    zeroed = over_seeds(runs, ZEROED, lambda run: run.ratios)
    moves = {net: over_seeds(runs, net, lambda run: run.weight_ratios) for net in ("plain-56", SLOWER, *TRAINED)}
    fall = median_interval([run.ratios[0] / run.ratios[later] for run in plain])
    last_end = median_interval([run.last[later] / run.last[0] for run in plain])
    trained_moves = min(moves[net][-1].low for net in TRAINED)
    frozen = max(look.high for look in moves["plain-56"][later:])
    glue_all(
        steps=plain[0].steps[-1], seeds=len(plain), later=LATER,
        ratio_start=number(plain_ratio[0].estimate), ratio_later=number(plain_ratio[later].estimate), ratio_end=number(plain_ratio[-1].estimate),
        ratio_end_low=number(plain_ratio[-1].low), ratio_end_high=number(plain_ratio[-1].high),
        residual_start=number(residual_ratio[0].estimate), residual_end=number(residual_ratio[-1].estimate),
        zeroed_start=number(zeroed[0].estimate), zeroed_end=number(zeroed[-1].estimate),
        residual_end_low=number(residual_ratio[-1].low), residual_end_high=number(residual_ratio[-1].high),
        loss_plain=plain_loss[-1], loss_residual=residual_loss[-1],
        moves_start=number(moves["plain-56"][0].estimate), moves_later=number(moves["plain-56"][later].estimate),
        moves_end=number(moves["plain-56"][-1].estimate), moves_residual=number(moves["residual-56"][-1].estimate),
        moves_plain_20=number(moves["plain-20"][-1].estimate), moves_slower=number(moves[SLOWER][-1].estimate),
    )  # fmt: skip
    check = partial(claims.check, seeds=[run.seed for run in plain])
    check(
        "training-explosion-passes", holds=fall.low > 100, value=fall, unit="times as large before",
        statement=f"Within {LATER} steps, the ratio of gradients in plain-56, first block over last, falls to less than a hundredth of what it was.",
        verdict=scoped("yang2019", "abstract", "after a single step, gradients of nets with batch norm have a dramatically smaller range"),
    )  # fmt: skip
    check(
        "training-last-end-stays", holds=last_end.low > 0.5 and last_end.high < 2, value=last_end, unit="times",
        statement="Meanwhile the gradient at the last block of plain-56 changes by less than a factor of two: it is the first block's that falls.",
        verdict=extended("yang2019", "abstract", "gives the range of gradients, not which end of it moves"),
    )  # fmt: skip
    both = list(zip(residual, plain, strict=True))
    even = [(a, b) for a, b in both if 1 / 50 < b.ratios[-1] < 50]
    judged = even if len(even) > 1 else both  # too few fail by their number
    behind = mean_interval([b.losses[-1] - a.losses[-1] for a, b in judged])
    check(
        "training-ratio-does-not-tell", holds=2 * len(even) > len(plain) and behind.low > 0.5, value=behind, unit=f"nats of loss above residual-56, in {len(even)} of {len(plain)} nets",
        statement="Most plain nets of 56 layers end with a ratio within a factor of fifty of one, and these have a mean loss more than 0.5 above that of residual-56 all the same.",
        verdict=extended("he2015", "section 4.1", "plain nets with batch norm have gradients of healthy norms, and degrade"),
    )  # fmt: skip
    check(
        "training-first-layer-stops", holds=frozen < 0.1, value=frozen, unit="at most, from then on",
        statement=f"In plain-56, from step {LATER} on, a step moves the first layer, relative to its own size, less than a tenth as far as the last layer.",
        verdict=corrected("tutorial", "why plain networks fail", "plain networks fail because gradients vanish on their way to the first layers"),
    )  # fmt: skip
    largest = max(look.high for look in zeroed)
    check(
        "training-zero-start-no-explosion", holds=largest < 10, value=largest, unit="at most",
        statement="With branches that start at zero, the gradient at the first block of residual-56 is less than ten times that at the last, at every look.",
        verdict=extended("goyal2017", "section 5.1", "starts the last batch-norm weight of each block at zero, which helps the start of training"),
    )  # fmt: skip
    slower = moves[SLOWER][-1]
    check(
        "training-slower-stops-too", holds=slower.high < 0.5, value=slower, unit="after the last step",
        statement="At a tenth of the learning rate, too, the first layer of plain-56 ends with relative steps less than half as long as the last layer's.",
        verdict=scoped("mehmeti2024", "abstract", "effective rates of layers become equal in the end under any constant rate; here there are few steps and a schedule"),
    )  # fmt: skip
    check(
        "training-others-keep-moving", holds=trained_moves > 0.1, value=trained_moves, unit="at least, after the last step",
        statement="In plain-20 and residual-56, which learn, the first layer ends with relative steps more than a tenth as long as the last layer's.",
        verdict=confirmed("mehmeti2024", "abstract", "unequal effective rates across layers go with poor training, above all in very deep nets"),
    )  # fmt: skip


def on_steps(runs: Sequence[normalized_steps.Run]) -> None:
    """Of normalized steps beside ordinary ones, at the best rate of each, after as many steps."""
    ends = {(net, steps): compared(runs, net, steps) for net in NETS for steps in RATES}
    glue_all(**_ends(ends), **{f"{_name(arm)}_rate": number(best_rate(runs, *arm)) for arm in ends})
    plain, residual = ends["plain-56", "normalized"], ends["residual-56", "normalized"]
    glue_all(rates=len(RATES["normalized"]), choice_seeds=len(CHOICE_SEEDS), compared_seeds=len(plain))
    helped = mean_difference(ends["plain-56", "ordinary"], plain, lambda run: run.batch_loss)
    behind = mean_difference(plain, residual, lambda run: run.batch_loss)
    glue_all(helped=helped, behind=behind, asked=number(ASKED))
    learned = mean_over(residual, lambda run: run.train_error)
    check = partial(claims.check, seeds=seeds_of(plain))
    check(
        "training-normalized-not-enough", holds=behind.low > 1, value=behind, unit="nats of loss",
        statement="With steps normalized in every layer of both nets, plain-56 ends its four epochs with a loss more than 1 above that of residual-56: such steps do not stand in for the skip.",
        verdict=scoped("yang2019", "abstract", "exploding gradients are why nets with batch norm and no skips cannot be trained at large depth"),
    )  # fmt: skip
    check(
        "training-normalized-teaches", holds=learned.high < 10, value=learned, unit="% training error",
        statement="Normalized steps are no handicap to a net with skips: in four epochs they bring residual-56 below 10% training error.",
        verdict=extended("you2017", "abstract", "layer-wise rates train residual nets in large batches"),
    )  # fmt: skip


def _name(arm: tuple[str, str]) -> str:
    return "_".join(arm).replace("-", "_")


def _ends(ends: Mapping[tuple[str, str], Sequence[normalized_steps.Run]]) -> dict[str, Interval]:
    """Loss and errors at the end of each arm, by the names that they are glued under."""
    values: dict[str, Callable[[normalized_steps.Run], float]] = {
        "loss": lambda run: run.batch_loss,
        "error": lambda run: run.train_error,
        "test": lambda run: run.test_error,
        "running": lambda run: run.running_error,
    }
    return {
        f"{_name(arm)}_{what}": mean_over(runs, value) for arm, runs in ends.items() for what, value in values.items()
    }


def on_records(trained: along_training.Run, runs: Sequence[along_training.Run]) -> None:
    """That a recorded net, watched again during the build, is the recorded one."""
    before = runs[along_training.keys(runs).index(along_training.key(trained))]
    change = trained.ratios[0] / before.ratios[0] - 1
    claims.check(
        "gradients-record-repeats", holds=abs(change) < 0.01 and trained.weight_ratios[-1] < 0.1, value=100 * change, unit="% of the first ratio",
        seeds=[trained.seed], recorded="along-training-digits.json",
        statement="A recorded plain-56, trained again during this build, starts within 1% of its recorded ratio, and its first layer stops again.",
        verdict=claims.no_verdict("mehmeti2024", "abstract", "has the quantity, and not this net"),
    )  # fmt: skip


def on_repeated_steps(repeated: normalized_steps.Run, before: normalized_steps.Run) -> None:
    """That a recorded net, trained again by normalized steps during the build, ends as the recorded one."""
    change = repeated.batch_loss - before.batch_loss
    claims.check(
        "training-steps-repeat", holds=abs(change) < 0.05, value=change, unit="nats of loss", seeds=[before.seed], recorded="normalized-steps-digits.json",
        statement="A recorded residual-56, trained again by normalized steps during this build, ends within 0.05 of its recorded loss.",
        verdict=claims.no_verdict("you2017", "abstract", "has the steps, and not this net"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    on_training(along_training.sweep(seeds=seeds))
    runs = chosen(recorded_runs(RESULTS / "normalized-steps-digits.json", normalized_steps.Run))
    on_steps([*runs, *normalized_steps.sweep(runs, seeds)])
