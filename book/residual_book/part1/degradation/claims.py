"""What `book/part1/degradation.md` says, and the rule of each sentence."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from residual_book import claims
from residual_book.claims import confirmed, corrected, glue_all
from residual_book.part1.degradation.experiment import SEEDS, Run, select
from residual_book.stats import mean_difference, mean_over, pairs


def _train(run: Run) -> float:
    return run.train_error


def _test(run: Run) -> float:
    return run.test_error


def on_digits(runs: Sequence[Run], skip_alone: Sequence[Run]) -> None:
    """Of the nets that the page trains; `skip_alone` are residual nets of 56 layers that start without zeros."""
    plain_20, plain = (select(runs, depth=depth, residual=False) for depth in (20, 56))
    residual_20, residual = (select(runs, depth=depth, residual=True) for depth in (20, 56))
    level, gap = mean_over(plain, _train), mean_difference(plain, residual, _train)
    glue_all(
        plain_56_train=level, plain_56_test=mean_over(plain, _test), plain_20_train=mean_over(plain_20, _train),
        residual_56_train=mean_over(residual, _train), residual_56_test=mean_over(residual, _test),
        skip_alone_train=mean_over(skip_alone, _train), gap_56=gap,
    )  # fmt: skip
    check = partial(claims.check, unit="points", seeds=SEEDS)
    check(
        "degradation-gap-56", holds=gap.low > 20, value=gap,
        statement="With 56 layers, the plain net ends with a training error more than 20 points above the residual net's.",
        verdict=confirmed("he2015", "section 4.2, Figure 6", "plain nets get harder to train with depth; residual nets of the same depth do not"),
    )  # fmt: skip
    alone = mean_difference(plain, skip_alone, _train)
    check(
        "degradation-skip-alone", holds=alone.low > 20, value=alone,
        statement="Without zeroed weights, too, the residual net of 56 layers ends more than 20 points below the plain one.",
        verdict=confirmed("he2015", "section 4.2", "trains its residual nets without them, and they do not degrade"),
    )  # fmt: skip
    deeper = mean_difference(plain, plain_20, _train)
    check(
        "degradation-plain-deeper", holds=deeper.low > 0, value=deeper,
        statement="Among plain nets, 56 layers end with a higher training error than 20.",
        verdict=confirmed("he2015", "section 4.2, Figure 6", "the deeper plain net has the higher training error"),
    )  # fmt: skip
    unseen = mean_over(plain, lambda run: run.test_error - run.train_error)
    check(
        "degradation-underfitting", holds=max(abs(unseen.low), abs(unseen.high)) < 10 and level.low > 20, value=unseen,
        statement="The deep plain net underfits: its error on new images is within 10 points of its error on the training images.",
        verdict=confirmed("he2015", "section 1", "degradation is not caused by overfitting"),
    )  # fmt: skip
    deeper = mean_difference(residual, residual_20, _train)
    check(
        "degradation-residual-flat", holds=max(abs(deeper.low), abs(deeper.high)) < 2, value=deeper,
        statement="On the digits, the training error of residual nets stays within 2 points from 20 to 56 layers.",
        verdict=corrected("tutorial", "first figure", "draws made-up numbers, in which residual nets get steadily better up to 56 layers"),
    )  # fmt: skip


def on_cifar10(runs: Sequence[Run], record: dict[str, Any]) -> None:
    """Of the recorded nets, and what the record says of how they were made."""
    plain_20, plain = (select(runs, depth=depth, residual=False) for depth in (20, 56))
    residual_20, residual = (select(runs, depth=depth, residual=True) for depth in (20, 56))
    deeper = [b.train_error - a.train_error for a, b in pairs(plain_20, plain)]
    skip = [p.train_error - r.train_error for p, r in pairs(plain, residual)]
    glue_all(
        cifar_epochs=record["recipe"]["epochs"], cifar_seeds=len(skip), cifar_machine=record["provenance"]["machine"],
        cifar_plain_20=mean_over(plain_20, _train), cifar_plain_56=mean_over(plain, _train),
        cifar_residual_20=mean_over(residual_20, _train), cifar_residual_56=mean_over(residual, _train),
    )  # fmt: skip
    check = partial(claims.check, unit="points", seeds=range(len(deeper)))
    check(
        "degradation-cifar10-plain", holds=min(deeper) > 0, value=min(deeper),
        statement="On CIFAR-10 too, plain-56 ends with a higher training error than plain-20, by this much in the seed where it is closest.",
        verdict=confirmed("he2015", "section 4.2, Figure 6", "the deeper plain net has the higher training error on CIFAR-10"),
    )  # fmt: skip
    check(
        "degradation-cifar10-skip", holds=min(skip) > 0, value=min(skip),
        statement="On CIFAR-10 too, plain-56 ends with a higher training error than residual-56, by this much in the seed where it is closest.",
        verdict=confirmed("he2015", "section 4.2, Figure 6", "the residual net of 56 layers trains well where the plain one does not"),
    )  # fmt: skip
