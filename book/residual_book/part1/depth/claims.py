"""What `book/part1/depth.md` says, and the rule of each sentence."""

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from residual_book import claims
from residual_book.claims import confirmed, corrected, glue_all, not_testable, number
from residual_book.nets import THOUSAND, Steps
from residual_book.part1.depth import signal_size
from residual_book.part1.depth.cost import DepthCost
from residual_book.part1.depth.experiment import DEEP, RECIPE, SEEDS, Run, key, select, test_error, train_error
from residual_book.part1.depth.signal_size import Signal
from residual_book.recording import images_of
from residual_book.stats import mean_difference, mean_interval, mean_over, slope

DEEPEST, ZERO = max(DEEP), "no norm, scale 0"


def _per_doubling(runs: Sequence[Run]) -> float:
    """Points that the test error changes by with each doubling of the depth, by a fitted slope."""
    return slope([math.log2(run.depth) for run in runs], [test_error(run) for run in runs])


def on_errors(runs: Sequence[Run], lower_rate: Sequence[Run], again: Run, recorded: Sequence[Run]) -> None:
    """Check the sentences about trained nets: at the rate of each arm, at the lower one, and one `recorded` net anew."""
    plain, original, preact = (partial(select, runs, arm) for arm in ("plain", "original", "pre-activation"))
    root, zero, zero_deep = select(runs, "no norm, scale 1/√L"), select(runs, ZERO), select(runs, ZERO, DEEPEST)
    unscaled = [run for run in select([*runs, *lower_rate], "no norm, scale 1") if run.depth >= 56]
    original_low = select(lower_rate, "original")
    (before,) = (test_error(run) for run in recorded if key(run) == key(again))
    trend = mean_interval([_per_doubling([run for run in preact() if run.seed == seed]) for seed in SEEDS])
    zero_behind = mean_difference(zero_deep, preact(DEEPEST), test_error)
    lost = sum(run.diverged for run in unscaled)
    glue_all(
        deepest=str(DEEPEST), steps=str(RECIPE.epochs * (len(images_of(None).train_images) // RECIPE.batch_size)),
        preact_20=mean_over(preact(20), test_error), preact_deep=mean_over(preact(DEEPEST), test_error),
        preact_trend=f"{trend.estimate:+.1f} ({trend.low:+.1f} to {trend.high:+.1f})", plain_56=mean_over(plain(56), test_error),
        original_56=mean_over(original(56), test_error), original_deep=mean_over(original(DEEPEST), test_error), original_low=mean_over(original_low, test_error),
        lost=str(lost), unscaled=str(len(unscaled)), root_lost=str(sum(run.diverged for run in root)), root_runs=str(len(root)),
        root_deep=mean_over([run for run in root if run.depth == DEEPEST and not run.diverged], test_error),
        zero_deep=mean_over(zero_deep, test_error), norm_ahead=zero_behind, again=test_error(again), again_recorded=before,
    )  # fmt: skip
    check = partial(claims.check, unit="points", seeds=SEEDS)
    check(
        "depth-record-repeats", holds=abs(test_error(again) - before) < 5, value=test_error(again) - before, seeds=[again.seed],
        statement="A recorded net of 110 pre-activation layers, trained again during this build, ends within 5 points of its recorded test error.",
        verdict=confirmed("he2016", "Table 3", "pre-activation nets of 110 layers train"),
    )  # fmt: skip
    check(
        "depth-preact-level", holds=max(abs(trend.low), abs(trend.high)) < 2, value=trend, unit="points per doubling",
        statement="At a fixed budget on the digits, the test error of pre-activation nets changes by less than 2 points per doubling of the depth, from 8 to 218 layers.",
        verdict=confirmed("he2016", "abstract", "with nothing after the addition, nets of hundreds of layers are easy to train"),
    )  # fmt: skip
    behind = mean_difference(original(DEEPEST), preact(DEEPEST), train_error)
    check(
        "depth-original-degrades", holds=behind.low > 20, value=behind,
        statement="With 218 layers and the rate that suits 20, original blocks end with a training error more than 20 points above that of pre-activation blocks.",
        verdict=corrected("tutorial", "first figure", "draws residual nets that get better with every step in depth"),
    )  # fmt: skip
    eased = mean_difference(original(DEEPEST), original_low, train_error)
    check(
        "depth-original-rate", holds=eased.low > 20, value=eased,
        statement="A tenth of that rate brings the training error of a net of 218 layers of original blocks down by more than 20 points: much of what looks like depth is the rate.",
        verdict=confirmed("he2015", "section 4.2", "110 layers need a lower learning rate before they begin to converge"),
    )  # fmt: skip
    check(
        "depth-unscaled-diverges", holds=all(run.diverged or train_error(run) > 85 for run in unscaled), value=lost, unit=f"of {len(unscaled)} runs diverged",
        statement="Without batch norm and with branches of full size, no net of 56 layers or more learns at either of two learning rates: each diverges or still guesses at the end.",
        verdict=confirmed("de2020", "abstract", "batch norm greatly raises the depth at which residual nets can be trained"),
    )  # fmt: skip
    zero_train = mean_over(zero_deep, train_error)
    check(
        "depth-zero-trains", holds=zero_train.high < 30 and not any(run.diverged for run in zero), value=zero_train, unit="%",
        statement="With a scale that starts at zero, nets of 218 layers train without batch norm, to a training error below 30 %, and at no depth does one diverge.",
        verdict=confirmed("de2020", "abstract", "a simple initialization trains deep residual nets without normalization"),
    )  # fmt: skip
    check(
        "depth-zero-not-free", holds=zero_behind.low > 0, value=zero_behind,
        statement="At this budget, 218 layers with such scales end with a higher test error than with batch norm.",
        verdict=not_testable("bachlechner2021", "abstract", "a zero gate on each branch converges fast and tests better than more complex ways"),
    )  # fmt: skip


def on_signals(signals: Sequence[Signal], wide: Sequence[Signal]) -> None:
    """Check the sentences about stacks before training; `wide` ones have 128 channels, unscaled and without batch norm."""
    theory, factor = signal_size.theory_factor(signal_size.SIDE), mean_over(wide, lambda signal: signal.factor)
    root = mean_over(
        (s for s in signals if (s.arm, s.blocks) == ("no norm, scale 1/√L", 64)), lambda signal: signal.growth
    )
    glue_all(factor=factor, theory=theory, theory_root=math.exp(theory - 1), root_growth=root)
    check = partial(claims.check, seeds=signal_size.SEEDS)
    check(
        "depth-block-factor", holds=0.9 * theory < factor.low and factor.high < 1.1 * theory, value=factor, unit=f"a block, theory {theory:.2f}",
        statement="Without batch norm, an unscaled block multiplies the signal's mean square by the theory's factor, to within 10 %.",
        verdict=confirmed("he2015init", "section 2.2", "this initialization makes a branch keep the size of what enters it"),
    )  # fmt: skip
    check(
        "depth-root-bounded", holds=root.low > 1 and root.high < math.e, value=root, unit="times",
        statement="With a scale of one over the root of their number, 64 blocks let the mean square grow by less than e.",
        verdict=confirmed("de2020", "abstract", "it is enough that branches shrink as the root of the depth"),
    )  # fmt: skip
    normed = [s for s in signals if s.arm == "pre-activation" and s.blocks >= 4]
    by_seed = [[s for s in normed if s.seed == seed] for seed in signal_size.SEEDS]
    power = mean_over(by_seed, lambda own: slope([math.log(s.blocks) for s in own], [math.log(s.growth) for s in own]))
    check(
        "depth-norm-linear", holds=power.low > 0.8 and power.high < 1.2, value=power, unit="is the power",
        statement="With batch norm, the mean square grows about in proportion to the number of blocks: as a power of it between 0.8 and 1.2.",
        verdict=confirmed("de2020", "abstract", "batch norm makes branches smaller than the skip by the root of the depth"),
    )  # fmt: skip


def on_thousand_layers(deep: Sequence[Steps], costs: Sequence[DepthCost]) -> None:
    """Check the sentences about the first steps of nets of a thousand layers, and about what each layer costs."""
    end = mean_over(deep, lambda net: net.losses[-1] / net.losses[0])
    work, parameters, kept = (
        {(getattr(b, field) - getattr(a, field)) / (b.depth - a.depth) for a, b in pairwise(costs)}
        for field in ("multiply_adds", "parameters", "kept")
    )
    work_of = {cost.depth: cost.multiply_adds for cost in costs}
    glue_all(
        thousand=number(THOUSAND), work=max(work) / 1e6, kept=max(kept) / 1e3, batch_kept=costs[-1].kept * 128 / 1e9,
        share=work_of[8] / work_of[DEEPEST],
    )  # fmt: skip
    claims.check(
        "depth-thousand-learns", holds=all(net.finite for net in deep) and end.high < 0.7, value=end, unit="of the first loss", seeds=SEEDS,
        statement="In 20 steps at the full learning rate, pre-activation nets of 1,004 layers bring their loss below 0.7 of its first value, with finite gradients in each step.",
        verdict=corrected("notes", "limitations", "even skip connections struggle beyond 1,000 layers"),
    )  # fmt: skip
    claims.check(
        "depth-price-linear", holds=len(work) == len(parameters) == len(kept) == 1, value=max(kept) / 1e3, unit="kilobytes a layer and image",
        statement="Each layer adds the same number of multiply-adds, parameters and bytes kept for the backward pass, from 8 to 1,004 layers.",
        verdict=confirmed("chen2016", "abstract", "the memory of training grows with the number of layers, unless outputs are computed again"),
    )  # fmt: skip
