"""What `book/part1/depth.md` says, and the rule of each sentence."""

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch

from residual_book import claims
from residual_book.claims import confirmed, extended, glue_all, number
from residual_book.part1.depth import experiment, first_steps, signal_size
from residual_book.part1.depth.cost import DepthCost
from residual_book.part1.depth.experiment import DEEP, DEPTHS, RATES, RECIPE, Run, key, select, test_error, train_error
from residual_book.part1.depth.first_steps import STEPS, THOUSAND, Steps
from residual_book.part1.depth.signal_size import Signal
from residual_book.recording import images_of
from residual_book.stats import Interval, mean_difference, mean_interval, mean_over, share_interval, slope

LITTLE = 60  # percent of the training images wrong: a net above it has learned little
DEEPEST, ZERO, ROOT = max(DEEP), "no norm, scale 0", "no norm, scale 1/√L"


def _seeds(runs: Sequence[Run | Signal | Steps]) -> list[int]:
    return sorted({run.seed for run in runs})


def _per_doubling(runs: Sequence[Run]) -> float:
    """Points that the test error changes by with each doubling of the depth, by a fitted slope."""
    return slope([math.log2(run.depth) for run in runs], [test_error(run) for run in runs])


def on_errors(runs: Sequence[Run], other_rate: Sequence[Run]) -> None:
    """Of trained nets: at the rate of each arm, and at the other rate those that fail at their own."""
    plain, original, preact = (partial(select, runs, arm) for arm in ("plain", "original", "pre-activation"))
    root, zero_deep = select(runs, ROOT), select(runs, ZERO, DEEPEST)
    unscaled = [run for run in select([*runs, *other_rate], "no norm, scale 1") if run.depth >= min(DEEP)]
    plain_other, original_other = select(other_rate, "plain", 56), select(other_rate, "original", DEEPEST)
    seeds = _seeds(runs)
    trend = mean_interval([_per_doubling([run for run in preact() if run.seed == seed]) for seed in seeds])
    zero_left = [run for run in zero_deep if not run.diverged]
    beside = [run for run in preact(DEEPEST) if run.seed in _seeds(zero_left)]
    zero_behind = mean_difference(zero_left, beside, test_error)
    lost, slow = (
        sum(run.diverged for run in unscaled),
        mean_over((run for run in unscaled if not run.diverged), train_error),
    )
    plain_own, plain_slow = mean_over(plain(56), train_error), mean_over(plain_other, train_error)
    glue_all(
        deepest=str(DEEPEST), steps=str(RECIPE.epochs * (len(images_of(None).train_images) // RECIPE.batch_size)),
        preact_20=mean_over(preact(20), test_error), preact_deep=mean_over(preact(DEEPEST), test_error), preact_deep_train=mean_over(preact(DEEPEST), train_error), preact_trend=trend,
        plain_rate=plain()[0].peak_lr, plain_other_rate=plain_other[0].peak_lr, plain_56=plain_own, plain_56_other=plain_slow, plain_56_best=min(plain_own.estimate, plain_slow.estimate),
        original_rate=original()[0].peak_lr, original_other_rate=original_other[0].peak_lr,
        original_56=mean_over(original(56), test_error), original_deep=mean_over(original(DEEPEST), test_error),
        original_other=mean_over(original_other, test_error), high_rate=max(RATES), low_rate=min(RATES),
        lost=str(lost), unscaled=str(len(unscaled)), root_lost=str(sum(run.diverged for run in root)), root_runs=str(len(root)),
        root_deep=_mean_of_those_left(select(root, ROOT, DEEPEST)), zero_deep=mean_over(zero_left, test_error), norm_ahead=zero_behind,
    )  # fmt: skip
    check = partial(claims.check, unit="points", seeds=seeds)
    check(
        "depth-plain-fails", holds=min(plain_own.low, plain_slow.low) > 60, value=min(plain_own, plain_slow, key=lambda error: error.estimate), unit="% at the better rate",
        statement="In 88 steps, at peak rates of 0.1 and of 0.01, plain nets of 56 layers end with more than 60% of the training images wrong.",
        verdict=extended("he2015", "section 4.2", "plain nets of 56 layers end with a higher training error than those of 20"),
    )  # fmt: skip
    check(
        "depth-preact-level", holds=max(-trend.low, trend.high) < 2, value=trend, unit="points per doubling",
        statement="In 88 steps on the digits, the test error of pre-activation nets changes by less than 2 points per doubling of the depth, from 8 to 218 layers.",
        verdict=extended("he2016", "abstract", "with identities after the addition, training becomes easier and very deep nets generalize better"),
    )  # fmt: skip
    behind = mean_difference(original(DEEPEST), preact(DEEPEST), train_error)
    check(
        "depth-original-degrades", holds=behind.low > 20, value=behind,
        statement="After 88 steps at the rate that suits 20 layers, nets of 218 layers have a training error more than 20 points higher with original blocks than with pre-activation blocks.",
        verdict=extended("he2016", "section 4.2 and Figure 1", "with the original block, the training error of very deep nets falls slowly at first"),
    )  # fmt: skip
    eased = mean_difference(original(DEEPEST), original_other, train_error)
    check(
        "depth-original-rate", holds=eased.low > 20, value=eased,
        statement="A tenth of that rate brings the training error of a net of 218 layers of original blocks down by more than 20 points: much of what looks like depth is the rate.",
        verdict=confirmed("he2015", "section 4.2", "110 layers need a lower learning rate before they begin to converge"),
    )  # fmt: skip
    check(
        "depth-unscaled-diverges", holds=all(run.diverged for run in unscaled if run.depth > 56) and slow.low > LITTLE, value=lost, unit=f"of {len(unscaled)} runs diverged",
        statement="Without batch norm and with branches of full size, nets of 110 and 218 layers diverge within 88 steps at peak rates of 0.1 and of 0.01, and those nets of 56 layers that do not end with a mean training error above 60%.",
        verdict=confirmed("de2020", "abstract", "batch norm greatly raises the depth at which residual nets can be trained"),
    )  # fmt: skip
    diverged, left = (
        share_interval(sum(run.diverged for run in zero_deep), len(zero_deep)),
        mean_over(zero_left, train_error),
    )
    check(
        "depth-zero-trains", holds=diverged.high < 0.75 and left.high < LITTLE, value=diverged, unit="of them diverged",
        statement="With a scale that starts at zero, fewer than three quarters of the nets of 218 layers diverge without batch norm, and the others end with a mean training error below 60% after 88 steps.",
        verdict=confirmed("de2020", "abstract", "a simple initialization trains deep residual nets without normalization"),
    )  # fmt: skip
    check(
        "depth-zero-not-free", holds=zero_behind.low > 0, value=zero_behind,
        statement="After 88 steps, those nets of 218 layers with scales from zero that have not diverged have a higher mean test error than 218 layers with batch norm before each convolution.",
        verdict=extended("bachlechner2021", "abstract", "a gate on each branch that starts at zero makes deep nets converge fast"),
    )  # fmt: skip


def _mean_of_those_left(runs: Sequence[Run]) -> float:
    """Mean test error of the nets that did not diverge."""
    return sum(left := [run.test_error for run in runs if run.test_error is not None]) / len(left)


def on_record(again: Run, recorded: Sequence[Run]) -> None:
    """Of one recorded net, trained anew."""
    (before,) = (test_error(run) for run in recorded if key(run) == key(again))
    glue_all(again=test_error(again), again_recorded=before)
    claims.check(
        "depth-record-repeats", holds=abs(test_error(again) - before) < 5, value=test_error(again) - before, unit="points", seeds=[again.seed], recorded="depth-digits.json",
        statement="A recorded net of 110 pre-activation layers, trained again during this build, ends within 5 points of its recorded test error.",
        verdict=extended("pytorch2025", "first paragraphs", "a program can be made to repeat its numbers on one machine and version, not across them"),
    )  # fmt: skip


def on_signals(signals: Sequence[Signal], wide: Sequence[Signal]) -> None:
    """Of stacks before training; `wide` ones have 128 channels, unscaled and without batch norm."""
    theory, factor = signal_size.theory_factor(signal_size.SIDE), mean_over(wide, lambda signal: signal.factor)
    root = mean_over((s for s in signals if (s.arm, s.blocks) == (ROOT, 64)), lambda signal: signal.growth)
    glue_all(factor=factor, theory=theory, theory_root=math.exp(theory - 1), root_growth=root)
    check = partial(claims.check, seeds=_seeds(signals))
    check(
        "depth-block-factor", holds=0.9 * theory < factor.low and factor.high < 1.1 * theory, value=factor, unit=f"per block, theory {theory:.2f}",
        statement="Without batch norm, an unscaled block multiplies the signal's mean square by the theory's factor, to within 10%.",
        verdict=extended("he2015init", "section 2.2", "this initialization keeps the size of a signal from layer to layer"),
    )  # fmt: skip
    check(
        "depth-root-bounded", holds=root.low > 1 and root.high < 4, value=root, unit="times",
        statement="With a scale of one over the root of their number, 64 blocks let the mean square grow, and less than fourfold.",
        verdict=extended("de2020", "abstract", "at initialization, batch norm makes branches smaller than the skip by about the root of the depth"),
    )  # fmt: skip
    normed = [s for s in signals if s.arm == "pre-activation" and s.blocks >= 4]
    by_seed = [[s for s in normed if s.seed == seed] for seed in _seeds(normed)]
    power = mean_over(by_seed, lambda own: slope([math.log(s.blocks) for s in own], [math.log(s.growth) for s in own]))
    check(
        "depth-norm-linear", holds=power.low > 0.8 and power.high < 1.2, value=power, unit="is the power",
        statement="With batch norm, the mean square grows about in proportion to the number of blocks: as a power of it between 0.8 and 1.2.",
        verdict=confirmed("de2020", "abstract", "at initialization, batch norm makes branches smaller than the skip by about the root of the depth"),
    )  # fmt: skip


def on_thousand_layers(deep: Sequence[Steps]) -> None:
    """Of the first steps of a thousand layers."""
    plain, original, from_zero, pre_activation = (first_steps.select(deep, arm) for arm in first_steps.ARMS)
    end = mean_over(pre_activation, lambda run: run.losses[-1] / run.losses[0])
    logs = mean_over(original, lambda run: math.log(max(run.losses) / run.losses[0]))
    estimate, low, high = torch.tensor([logs.estimate, logs.low, logs.high]).exp().tolist()
    jump, overflows = Interval(estimate, low, high, logs.n), sum(not run.finite for run in plain)
    glue_all(thousand=number(THOUSAND), deep_steps=STEPS, original_jump=jump, preact_end=end)
    check = partial(claims.check, seeds=_seeds(deep))
    check(
        "depth-thousand-plain", holds=overflows == len(plain) and all(len(run.gradients) == 1 for run in plain), value=overflows, unit=f"of {len(plain)} seeds",
        statement="The first gradient of a plain net of 1,004 layers is not finite in single precision.",
        verdict=confirmed("yang2019", "abstract", "without skips, batch norm makes gradients explode with depth"),
    )  # fmt: skip
    check(
        "depth-thousand-learns", holds=all(run.finite for run in pre_activation) and end.high < 1, value=end, unit="of the first loss",
        statement=f"In {STEPS} steps at the full learning rate, pre-activation nets of 1,004 layers bring their loss down, with finite gradients in each step.",
        verdict=confirmed("he2016", "section 4.2 and Figure 1", "with pre-activation, the loss of 1,001 layers falls fast from the start"),
    )  # fmt: skip
    check(
        "depth-thousand-original", holds=jump.low > 1, value=jump, unit="times the first loss at its highest (mean of logarithms)",
        statement=f"With the original block, at the usual start and learning rate, the loss of 1,004 layers rises above its first value within {STEPS} steps.",
        verdict=extended("he2016", "section 4.2 and Figure 1", "with the original block, the loss of 1,001 layers falls slowly at first"),
    )  # fmt: skip
    highest = mean_over(from_zero, lambda run: max(run.losses) / run.losses[0])
    check(
        "depth-thousand-zero", holds=all(run.finite for run in from_zero) and highest.high < 1.05, value=highest, unit="times the first loss, at its highest",
        statement=f"With branches that start at zero, the original block's loss never rises by more than 5% above its first value in {STEPS} steps.",
        verdict=extended("he2015", "section 4.2", "the original block shows no difficulty of optimization at 1,202 layers"),
    )  # fmt: skip


def on_cost(costs: Sequence[DepthCost]) -> None:
    """Of what each layer costs."""
    work, parameters, kept = (
        {(getattr(b, field) - getattr(a, field)) / (b.depth - a.depth) for a, b in pairwise(costs)}
        for field in ("multiply_adds", "parameters", "kept")
    )
    work_of = {cost.depth: cost.multiply_adds for cost in costs}
    glue_all(
        work=max(work) / 1e6, kept=max(kept) / 1e3, batch_kept=costs[-1].kept * 128 / 1e9, share=work_of[8] / work_of[DEEPEST],
    )  # fmt: skip
    claims.check(
        "depth-price-linear", holds=len(work) == len(parameters) == len(kept) == 1, value=max(kept) / 1e3, unit="kilobytes per layer and image",
        statement="Each layer adds the same number of multiply-adds, parameters and bytes kept for the backward pass, from 8 to 1,004 layers.",
        verdict=confirmed("chen2016", "abstract", "the memory of training grows with the number of layers, unless outputs are computed again"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    rates, _ = experiment.choose_rates()
    skips = {arm: rate for arm, rate in rates.items() if arm != "plain"}
    plain = experiment.plain_at_both_rates(seeds)
    runs = [*experiment.sweep(rates, DEPTHS, seeds), *experiment.sweep(skips, DEEP, seeds), *plain]
    again = [
        run
        for arm, depth in experiment.RETRIED
        if arm != "plain"
        for run in experiment.sweep({arm: min(set(RATES) - {rates[arm]})}, (depth,), seeds)
    ]
    at_own = [run for run in runs if run.peak_lr == rates[run.arm]]
    on_errors(at_own, experiment.retried([run for run in (*plain, *again) if run.peak_lr != rates[run.arm]]))
    on_signals(signal_size.sweep(seeds), signal_size.wide(seeds))
    on_thousand_layers(first_steps.sweep(seeds))
