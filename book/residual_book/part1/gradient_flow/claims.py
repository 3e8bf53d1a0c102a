"""What `book/part1/gradient-flow.md` says, and the rule of each sentence."""

from collections.abc import Sequence
from functools import partial

from residual_book import claims
from residual_book.claims import confirmed, corrected, extended, glue_all, number, refuted, scoped
from residual_book.part1.gradient_flow import experiment
from residual_book.part1.gradient_flow.experiment import (
    CIFAR_DEPTHS,
    CLASSROOM,
    THEORY,
    Run,
    fitted_factor,
    per_layer,
    ratio,
    select,
)
from residual_book.stats import median_interval, pairs

MARGIN = 0.02  # of the theory's factors


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
        ratio_bn_50=number(norm_alone.estimate), ratio_both_50=number(norm_and_skip.estimate), skip_growth=number(growth.estimate), margin=MARGIN,
    )  # fmt: skip
    check = partial(claims.check, seeds=[run.seed for run in select(runs, "plain, default init", 10)])
    theory = THEORY["plain, default init"]
    check(
        "flow-default-vanishes", holds=(1 - MARGIN) * theory < default_factor.low and default_factor.high < (1 + MARGIN) * theory, value=default_factor, unit="per layer",
        statement=f"Under the default initialization of a linear layer, gradients shrink on their way back by the theory's factor, 1/√6 per layer, to within {MARGIN:.0%}.",
        verdict=confirmed("he2015init", "section 2.2", "a ReLU layer multiplies the gradient's variance by half its weights' variance times its width"),
    )  # fmt: skip
    check(
        "flow-he-keeps", holds=he_factor.low > 1 - MARGIN and he_factor.high < 1 + MARGIN, value=he_factor, unit="per layer",
        statement=f"Under He initialization gradients neither vanish nor explode: the factor per layer is within {MARGIN:.0%} of one.",
        verdict=confirmed("he2015init", "section 2.2", "this initialization keeps the size of signals and gradients through ReLU layers"),
    )  # fmt: skip
    theory = THEORY["batch norm, no skip"]
    check(
        "flow-batch-norm-explodes", holds=(1 - MARGIN) * theory < norm_factor.low and norm_factor.high < (1 + MARGIN) * theory, value=norm_factor, unit="per layer",
        statement=f"Batch norm without skips makes gradients grow toward the input by the theory's factor, √(π/(π−1)) per layer, to within {MARGIN:.0%}.",
        verdict=confirmed("yang2019", "abstract", "batch norm itself makes gradients explode with depth in nets without skips"),
    )  # fmt: skip
    smallest = median_interval(smallest_layers)
    check(
        "flow-source-first-layer", holds=smallest.low > 1, value=smallest, unit="is the layer with the smallest",
        statement="In the tutorial's net of ten layers the smallest weight gradient is not the first layer's.",
        verdict=corrected("tutorial", "visualizing gradient flow", "gradients shrink all the way to the earliest layer"),
    )  # fmt: skip
    check(
        "flow-skip-explodes", holds=growth.low > 1e6, value=growth, unit="times",
        statement="With skips and no normalization, the gradient of the first layer's weights grows more than a million times from 10 to 50 layers.",
        verdict=refuted("tutorial", "visualizing gradient flow", "skips keep gradients at a size that enables training, in a net without normalization"),
    )  # fmt: skip
    times_smaller = norm_alone.low / norm_and_skip.high
    check(
        "flow-skip-tames", holds=times_smaller > 100, value=times_smaller, unit="times as large without skips, at least",
        statement="Skips tame the growth of gradients that batch norm causes: over 50 layers it is less than a hundredth as large with them.",
        verdict=extended("de2020", "abstract", "batch norm makes each residual branch small against its skip"),
    )  # fmt: skip


def on_cifar_nets(runs: Sequence[Run]) -> None:
    """Of the convolutional nets of the first page, before training."""
    plain_ratio, residual_ratio, zeros_ratio = (
        {depth: ratio(runs, net, depth) for depth in CIFAR_DEPTHS} for net in ("plain", "residual", "residual, last gamma zero")
    )  # fmt: skip
    lowest_plain = min(plain_ratio[depth].low for depth in CIFAR_DEPTHS)
    zeros_low, zeros_high = min(z.low for z in zeros_ratio.values()), max(z.high for z in zeros_ratio.values())
    plain_layer, residual_layer = per_layer(runs, "plain", 56), per_layer(runs, "residual", 56)
    glue_all(
        plain_56=number(plain_ratio[56].estimate), plain_110=number(plain_ratio[110].estimate),
        residual_56=number(residual_ratio[56].estimate), residual_110=number(residual_ratio[110].estimate),
        plain_layer=plain_layer, residual_layer=residual_layer, classroom=CLASSROOM, classroom_fifty=CLASSROOM**50,
    )  # fmt: skip
    check = partial(claims.check, seeds=[run.seed for run in select(runs, "plain", 56)])
    check(
        "flow-plain-56-starts-exploding", holds=plain_ratio[56].low > 100, value=plain_ratio[56], unit="times",
        statement="Before training, the gradient in plain-56 is more than a hundred times as large at the first block as at the last.",
        verdict=extended("yang2019", "abstract", "explosion is shown in wide fully connected nets with batch norm and no skips"),
    )  # fmt: skip
    check(
        "flow-fifty-layers", holds=plain_layer.low > 1.1, value=plain_layer, unit="per layer",
        statement="Before training, the layers of plain-56 multiply the gradient on its way back by more than 1.1 each, on average, where a popular example says 0.9.",
        verdict=corrected("notes", "the problem", "fifty layers that each pass 0.9 of the gradient leave nothing of it"),
    )  # fmt: skip
    check(
        "flow-paper-not-vanishing", holds=lowest_plain > 1, value=lowest_plain, unit="times, the lowest end of the intervals",
        statement="In new plain nets with batch norm the gradient at the first block is larger than at the last, at 20, 56 and 110 layers.",
        verdict=scoped("he2015", "section 4.1", "batch norm gives the gradients of plain nets healthy norms, so they do not vanish; when in training is not said"),
    )  # fmt: skip
    check(
        "flow-zeros-level", holds=zeros_low > 0.25 and zeros_high < 0.5, value=zeros_ratio[110], unit="at 110 layers",
        statement="In new residual nets with the last batch-norm weights at zero, the gradient at the first block is between a quarter and a half of that at the last, at 20, 56 and 110 layers.",
        verdict=confirmed("goyal2017", "section 5.1", "blocks that start as identities let signals through the whole net at the start"),
    )  # fmt: skip
    check(
        "flow-residual-tame", holds=residual_ratio[110].low > 1 and residual_ratio[110].high < 100, value=residual_ratio[110], unit="times",
        statement="In a new residual-110, without zeros, the gradient at the first block is larger than at the last, and less than a hundred times as large: skips hold an explosion back, not a loss.",
        verdict=extended("yang2019", "abstract", "the explosion is of nets without skips"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    on_mlps(experiment.sweep(seeds=seeds), experiment.sweep_wide(seeds))
    on_cifar_nets(experiment.sweep_cifar(seeds=seeds))
