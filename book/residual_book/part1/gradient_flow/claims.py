"""What `book/part1/gradient-flow.md` says, and the rule of each sentence."""

from collections.abc import Sequence
from functools import partial

from residual_book import claims
from residual_book.claims import confirmed, corrected, glue_all, number, refuted
from residual_book.part1.gradient_flow import experiment
from residual_book.part1.gradient_flow.experiment import CIFAR_DEPTHS, THEORY, Run, fitted_factor, ratio, select
from residual_book.stats import median_interval, pairs


def on_mlps(runs: Sequence[Run], wide: Sequence[Run]) -> None:
    """Of the fully connected nets at all depths, and of the wide ones that the theory is about."""
    default_factor, he_factor, norm_factor = (
        fitted_factor(wide, net) for net in ("plain, default init", "plain, He init", "batch norm, no skip")
    )
    norm_alone, norm_and_skip = (ratio(runs, net, 50) for net in ("batch norm, no skip", "batch norm and skip"))
    with_skips = pairs(select(runs, "skip, no norm", 10), select(runs, "skip, no norm", 50))
    growth = median_interval([deep.weights[0] / shallow.weights[0] for shallow, deep in with_skips])
    smallest_layers = [1.0 + run.weights.index(min(run.weights)) for run in select(runs, "plain, default init", 10)]
    glue_all(
        rate_default=default_factor, ratio_default_50=number(ratio(runs, "plain, default init", 50).estimate),
        ratio_he_20=number(ratio(runs, "plain, He init", 20).estimate), ratio_he_50=number(ratio(runs, "plain, He init", 50).estimate),
        ratio_bn_50=number(norm_alone.estimate), ratio_both_50=number(norm_and_skip.estimate), skip_growth=number(growth.estimate),
    )  # fmt: skip
    check = partial(claims.check, seeds=experiment.SEEDS)
    check(
        "flow-default-vanishes", holds=default_factor.low <= THEORY["plain, default init"] <= default_factor.high, value=default_factor, unit="a layer",
        statement="Under the default initialization of a linear layer, gradients shrink on their way back by the theory's factor, 1/√6.",
        verdict=corrected("tutorial", "visualizing gradient flow", "gradients of deep plain networks decay exponentially because of depth"),
    )  # fmt: skip
    check(
        "flow-he-keeps", holds=he_factor.low > 0.98 and he_factor.high < 1.02, value=he_factor, unit="a layer",
        statement="Under He initialization gradients neither vanish nor explode: the factor is within 2 % of one.",
        verdict=confirmed("he2015init", "section 2.2", "this initialization keeps the size of signals and gradients through ReLU layers"),
    )  # fmt: skip
    check(
        "flow-batch-norm-explodes", holds=norm_factor.low > 1.2, value=norm_factor, unit="a layer",
        statement="Batch norm without skips makes gradients grow towards the input, by a fifth or more a layer.",
        verdict=confirmed("yang2019", "abstract", "batch norm itself makes gradients explode with depth in nets without skips"),
    )  # fmt: skip
    check(
        "flow-source-first-layer", holds=min(smallest_layers) > 1, value=median_interval(smallest_layers), unit="is the layer with the smallest",
        statement="In the tutorial's net of ten layers the smallest weight gradient is not the first layer's, in any of the seeds.",
        verdict=corrected("tutorial", "visualizing gradient flow", "gradients shrink all the way to the earliest layer"),
    )  # fmt: skip
    check(
        "flow-skip-explodes", holds=growth.low > 1e6, value=growth, unit="times",
        statement="With skips and no normalization, the first layer's gradient grows more than a million times from 10 to 50 layers.",
        verdict=refuted("tutorial", "visualizing gradient flow", "skips keep gradients strong, which enables training"),
    )  # fmt: skip
    times_smaller = norm_alone.low / norm_and_skip.high
    check(
        "flow-skip-tames", holds=times_smaller > 100, value=times_smaller, unit="times smaller, at least",
        statement="Skips tame the growth that batch norm causes: over 50 layers it is at least a hundred times smaller with them.",
        verdict=confirmed("de2020", "abstract", "batch norm makes each residual branch small against its skip"),
    )  # fmt: skip


def on_cifar_nets(runs: Sequence[Run]) -> None:
    """Of the convolutional nets of the first page, before training."""
    plain_ratio, residual_ratio, zeros_ratio = (
        {depth: ratio(runs, net, depth) for depth in CIFAR_DEPTHS} for net in ("plain", "residual", "residual, last gamma zero")
    )  # fmt: skip
    lowest_plain = min(plain_ratio[depth].low for depth in CIFAR_DEPTHS)
    glue_all(
        plain_56=number(plain_ratio[56].estimate), plain_110=number(plain_ratio[110].estimate),
        residual_56=number(residual_ratio[56].estimate), residual_110=number(residual_ratio[110].estimate),
    )  # fmt: skip
    check = partial(claims.check, seeds=experiment.CIFAR_SEEDS)
    check(
        "flow-plain-56-does-not-vanish", holds=plain_ratio[56].low > 100, value=plain_ratio[56], unit="times",
        statement="In plain-56, which degrades, gradients do not vanish: they are more than a hundred times larger at the first block than at the last.",
        verdict=refuted("tutorial", "why plain networks fail", "plain networks fail because gradients vanish"),
    )  # fmt: skip
    check(
        "flow-paper-not-vanishing", holds=lowest_plain > 1, value=lowest_plain, unit="times, the lowest end of the intervals",
        statement="In plain nets with batch norm the gradient at the first block is larger than at the last, at 20, 56 and 110 layers.",
        verdict=confirmed("he2015", "section 4.1", "with batch norm, degradation is unlikely to be caused by vanishing gradients"),
    )  # fmt: skip
    check(
        "flow-zeros-level", holds=max(z.low for z in zeros_ratio.values()) < min(z.high for z in zeros_ratio.values()), value=zeros_ratio[110], unit="at 110 layers",
        statement="With the last batch-norm weights at zero the ratio does not depend on depth: the intervals at 20, 56 and 110 layers overlap.",
        verdict=confirmed("goyal2017", "section 5.1", "blocks that start as identities let signals through the whole net at the start"),
    )  # fmt: skip
    check(
        "flow-residual-tame", holds=residual_ratio[110].low > 1 and residual_ratio[110].high < 100, value=residual_ratio[110], unit="times",
        statement="In residual-110 the same ratio is above one and below a hundred: skips hold an explosion back, not a loss.",
        verdict=corrected("notes", "the problem", "fifty layers that each pass 0.9 of the gradient leave nothing of it, and skips prevent that"),
    )  # fmt: skip
