"""What `book/part1/degradation.md` says, and the rule of each sentence."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from residual.vision.data import CIFAR10_IMAGES_PER_FILE, CIFAR10_TRAIN
from residual_book import claims
from residual_book.claims import confirmed, extended, glue_all, no_verdict, number, scoped
from residual_book.nets import DIGITS_RECIPE
from residual_book.part1.degradation import experiment, plateau
from residual_book.part1.degradation.experiment import Run, select
from residual_book.stats import Interval, mean_difference, mean_interval, mean_over, pairs


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    on_digits(experiment.sweep(seeds=seeds), experiment.sweep((56,), seeds, arms=("residual-without-zeros",)))
    on_gentle(experiment.sweep((56,), seeds, arms=("plain",), recipe=replace(DIGITS_RECIPE, peak_lr=0.01)))


def _train(run: Run) -> float:
    return run.train_error


def _test(run: Run) -> float:
    return run.test_error


def on_digits(runs: Sequence[Run], skip_alone: Sequence[Run]) -> None:
    """Of the nets that the page trains; `skip_alone` are residual nets of 56 layers that start without zeros."""
    plain_20, plain = (select(runs, "plain", depth) for depth in (20, 56))
    residual_20, residual = (select(runs, "residual", depth) for depth in (20, 56))
    level, alone = mean_over(plain, _train), mean_difference(plain, skip_alone, _train)
    glue_all(
        steps=plateau.steps_per_epoch() * plain[0].epochs, rate=plain[0].peak_lr,
        plain_56_train=level, plain_56_test=mean_over(plain, _test), plain_20_train=mean_over(plain_20, _train),
        residual_56_train=mean_over(residual, _train), residual_56_test=mean_over(residual, _test),
        skip_alone_train=mean_over(skip_alone, _train),
    )  # fmt: skip
    check = partial(claims.check, unit="points", seeds=[run.seed for run in plain])
    check(
        "degradation-skip-alone", holds=alone.low > 50, value=alone,
        statement="After 88 steps at a peak rate of 0.1, the plain net of 56 layers has a training error more than 50 points above that of the same net with skips and nothing else changed.",
        verdict=confirmed("he2015", "section 4.2, Figure 6", "plain nets get harder to train with depth; residual nets of the same depth do not"),
    )  # fmt: skip
    gap = mean_difference(plain, residual, _train)
    check(
        "degradation-gap-56", holds=gap.low > 50, value=gap,
        statement="The residual net of 56 layers whose blocks start as identities, too, has a training error more than 50 points below that of the plain net after 88 steps.",
        verdict=extended("goyal2017", "section 5.1", "starts the last batch-norm weight of each block at zero, which helps the start of training"),
    )  # fmt: skip
    deeper = mean_difference(plain, plain_20, _train)
    check(
        "degradation-plain-deeper", holds=deeper.low > 50, value=deeper,
        statement="After 88 steps at a peak rate of 0.1, 56 plain layers have a training error more than 50 points above that of 20.",
        verdict=confirmed("he2015", "section 4.2, Figure 6", "the deeper plain net has the higher training error"),
    )  # fmt: skip
    unseen = mean_over(plain, lambda run: run.test_error - run.train_error)
    check(
        "degradation-underfitting", holds=max(abs(unseen.low), abs(unseen.high)) < 10 and level.low > 50, value=unseen,
        statement="The deep plain net underfits: it has more than half of its training images wrong, and its error on new images is within 10 points of that.",
        verdict=confirmed("he2015", "section 1", "degradation is not caused by overfitting"),
    )  # fmt: skip
    deeper = mean_difference(residual, residual_20, _train)
    check(
        "degradation-residual-flat", holds=max(abs(deeper.low), abs(deeper.high)) < 2, value=deeper,
        statement="On the digits, after 88 steps, the training errors of residual nets of 20 and 56 layers are within 2 points of each other.",
        verdict=scoped("he2015", "section 4.2, Figure 6 and Table 6", "on CIFAR-10, whose images are harder, deeper residual nets end with lower errors, up to 110 layers"),
    )  # fmt: skip


def on_gentle(runs: Sequence[Run]) -> None:
    """Of plain nets of 56 layers that had as few steps, at a tenth of the rate."""
    level = mean_over(runs, _train)
    glue_all(gentle_train=level)
    claims.check(
        "degradation-gentle", holds=level.low > 20, value=level, unit="%", seeds=[run.seed for run in runs],
        statement="At a peak rate of 0.01, 88 steps leave the plain net of 56 layers with more than a fifth of its training images wrong.",
        verdict=extended("he2015", "section 4.2", "starts its CIFAR-10 nets at a rate of 0.1"),
    )  # fmt: skip


def on_plateau(runs: Sequence[Run]) -> None:
    """Of the recorded nets of 56 layers, each at its best rate of four, with ten times the steps."""
    plain, skip = plateau.with_shared_seeds(*(plateau.at_best(runs, name) for name in plateau.LONGER_NETS))
    deep, shallow = plateau.with_shared_seeds(plain, plateau.at_best(runs, plateau.SHALLOW))
    longer = plateau.at_best(runs, plateau.LONGER_NETS[0], epochs=plateau.LONGER * plateau.EPOCHS)
    rates = plateau.chosen(runs)
    tried = [run for run in runs if run.seed == plateau.CHOICE_SEED and run.peak_lr == rates[plateau.LONGER_NETS[0]]]
    same = {run.name: plateau.steps_or_all(run) for run in tried if run.name in plateau.LONGER_NETS}
    level, gap, left = mean_over(plain, _train), mean_difference(plain, skip, _train), mean_over(longer, _train)
    times, deeper_times = _times_the_steps(plain, skip), _times_the_steps(deep, shallow)
    glue_all(
        plateau_steps=plateau.EPOCHS * plateau.steps_per_epoch(), plateau_seeds=len(plain),
        plateau_plain=level, plateau_gap=gap, plateau_skip=mean_over(skip, _train), plateau_plain_test=mean_over(plain, _test),
        plateau_skip_test=mean_over(skip, _test), plateau_rate_plain=rates[plateau.LONGER_NETS[0]],
        plateau_rate_skip=rates[plateau.LONGER_NETS[1]], rate_least=min(plateau.RATES), rate_most=max(plateau.RATES), steps_plain=mean_over(plain, plateau.steps_or_all),
        steps_skip=mean_over(skip, plateau.steps_or_all), times=math.exp(times.estimate),
        same_plain=same[plateau.LONGER_NETS[0]], same_skip=same[plateau.LONGER_NETS[1]],
        steps_shallow=mean_over(shallow, plateau.steps_or_all), longer_plain=left, longer_steps=number(plateau.LONGER * plateau.EPOCHS * plateau.steps_per_epoch()),
    )  # fmt: skip
    check = partial(claims.check, seeds=[run.seed for run in plain], recorded="degradation-digits.json")
    check(
        "degradation-plateau-learns", holds=level.high < 20, value=level, unit="%",
        statement="With its best rate of four and 880 steps, the plain net of 56 layers has fewer than a fifth of its training images wrong.",
        verdict=extended("he2015", "section 4.1", "plain nets of 34 layers still reach a competitive accuracy on ImageNet, so training works to some extent"),
    )  # fmt: skip
    check(
        "degradation-plateau-gap", holds=gap.low > 0, value=gap, unit="points",
        statement="With a best rate for each and 880 steps, the plain net of 56 layers still ends with a higher training error than the same net with skips.",
        verdict=confirmed("he2015", "section 4.1, footnote", "with three times as many iterations, degradation is still there"),
    )  # fmt: skip
    check(
        "degradation-plateau-slow", holds=times.low > math.log(5), value=times, unit="(natural logarithm of the ratio of steps)",
        statement="Each at its best rate, the plain net of 56 layers takes more than five times as many steps as the same net with skips until four fifths of the training images are right.",
        verdict=extended("he2015", "section 4.1", "conjectures that deep plain nets converge exponentially slowly"),
    )  # fmt: skip

    claims.check(
        "degradation-plateau-deeper", holds=deeper_times.low > math.log(3), value=deeper_times, unit="(natural logarithm of the ratio of steps)",
        seeds=[run.seed for run in deep], recorded="degradation-digits.json",
        statement="Each at its best rate, the plain net of 56 layers takes more than three times as many steps as that of 20 until four fifths of the training images are right.",
        verdict=extended("he2015", "section 4.1", "conjectures that deep plain nets converge exponentially slowly"),
    )  # fmt: skip
    claims.check(
        "degradation-longer-learns", holds=left.high < 1, value=left, unit="%", seeds=[run.seed for run in longer], recorded="degradation-digits.json",
        statement="With its best rate of four and 2,640 steps, the plain net of 56 layers has fewer than 1% of its training images wrong.",
        verdict=scoped("he2015", "section 4.1, footnote", "with three times as many iterations, degradation is still there, so more iterations are no feasible cure"),
    )  # fmt: skip


def _times_the_steps(slow: Sequence[Run], fast: Sequence[Run]) -> Interval:
    """How many times as many steps as `fast` the runs of `slow` take, seed by seed, as a logarithm."""
    return mean_interval(
        [math.log(plateau.steps_or_all(s) / plateau.steps(f, plateau.SOME)) for s, f in pairs(slow, fast)]
    )


def on_spot(recorded: Run, now: Run) -> None:
    """Of one recorded run, trained again by the page."""
    apart = abs(recorded.train_error - now.train_error)
    claims.check(
        "degradation-record-repeats", holds=apart < 2, value=apart, unit="points", recorded="degradation-digits.json",
        statement="One recorded run, trained again while this page is built, ends within 2 points of its recorded training error.",
        verdict=no_verdict("he2015", "section 4.2", "trains such nets on CIFAR-10"),
    )  # fmt: skip


def on_cifar10(runs: Sequence[Run], record: dict[str, Any]) -> None:
    """Of the recorded nets, and what the record says of how they were made."""
    plain_20, plain = (select(runs, "plain", depth) for depth in (20, 56))
    skip_20, skip = (select(runs, "residual-without-zeros", depth) for depth in (20, 56))
    zeros_20, zeros = (select(runs, "residual", depth) for depth in (20, 56))
    epochs = record["recipe"]["epochs"]
    deeper, alone = mean_difference(plain, plain_20, _train), mean_difference(plain, skip, _train)
    flatter, cost_20, cost = (
        mean_difference(skip, skip_20, _train),
        mean_difference(zeros_20, skip_20, _train),
        mean_difference(zeros, skip, _train),
    )
    glue_all(
        cifar_epochs=epochs, cifar_steps=number(epochs * (len(CIFAR10_TRAIN) * CIFAR10_IMAGES_PER_FILE // record["recipe"]["batch_size"])), cifar_seeds=len(plain), cifar_precision=record["precision"],
        cifar_rate=record["recipe"]["peak_lr"], cifar_deeper=deeper, cifar_alone=alone, cifar_flatter=-flatter.estimate, cifar_cost_20=cost_20, cifar_cost=cost,
    )  # fmt: skip
    check = partial(claims.check, unit="points", seeds=[run.seed for run in plain], recorded="degradation-cifar10.json")
    check(
        "degradation-cifar10-plain", holds=deeper.low > 0, value=deeper,
        statement="On CIFAR-10, after 25 epochs, the plain net of 56 layers ends with a higher training error than that of 20.",
        verdict=confirmed("he2015", "section 4.2, Figure 6", "the deeper plain net has the higher training error on CIFAR-10"),
    )  # fmt: skip
    check(
        "degradation-cifar10-skip", holds=alone.low > 0, value=alone,
        statement="On CIFAR-10, after 25 epochs, the plain net of 56 layers ends with a higher training error than the same net with skips and nothing else changed.",
        verdict=confirmed("he2015", "section 4.2, Figure 6", "the residual net of 56 layers trains well where the plain one does not"),
    )  # fmt: skip
    check(
        "degradation-cifar10-deeper", holds=flatter.high < 0, value=flatter,
        statement="On CIFAR-10, after 25 epochs, the residual net of 56 layers that starts like the plain one ends with a lower training error than that of 20.",
        verdict=confirmed("he2015", "section 4.2, Figure 6 and Table 6", "deeper residual nets end with lower errors"),
    )  # fmt: skip
    check(
        "degradation-cifar10-zeros", holds=cost.low > 0, value=cost,
        statement="On CIFAR-10, after 25 epochs, the residual net of 56 layers ends with a higher training error if its blocks start as identities.",
        verdict=scoped("goyal2017", "section 5.1", "starts the last batch-norm weight of each block at zero, which helps the start of training in nets for ImageNet with large batches"),
    )  # fmt: skip
    check(
        "degradation-cifar10-zeros-20", holds=cost_20.low > 0, value=cost_20,
        statement="On CIFAR-10, after 25 epochs, the residual net of 20 layers ends with a higher training error if its blocks start as identities.",
        verdict=scoped("goyal2017", "section 5.1", "starts the last batch-norm weight of each block at zero, which helps the start of training in nets for ImageNet with large batches"),
    )  # fmt: skip
