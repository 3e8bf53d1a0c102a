"""What `book/part1/before-training.md` says, and the rule of each sentence."""

import math
from collections.abc import Callable, Sequence
from functools import partial

from residual_book import claims
from residual_book.claims import confirmed, extended, glue_all, scoped
from residual_book.part1.before_training import branches, stacks
from residual_book.part1.before_training.branches import Branches
from residual_book.part1.before_training.stacks import ARMS, POINTS, WIDTH, Run, mean, select
from residual_book.stats import Interval, mean_difference, mean_interval, mean_over, pairs, seeds_of, slope

PLAIN, NORMED, SKIP, BOTH, _, SCALED = ARMS


def _slopes(lines: Sequence[Run], arm: str, depths: Sequence[int], x: Callable[[int], float] = float) -> list[float]:
    """The fitted slope of the logarithm of the correlation over `x(depth)`; one per seed."""
    chosen = [run for run in lines if run.arm == arm and run.depth in depths]
    of_seeds = [[run for run in chosen if run.seed == seed] for seed in seeds_of(chosen)]
    return [slope([x(run.depth) for run in runs], [math.log(run.value) for run in runs]) for runs in of_seeds]


def _directions(runs: Sequence[Run], arm: str) -> Interval:
    """How many of the `WIDTH` directions get through 50 layers of an arm."""
    return mean_over(select(runs, arm, 50), lambda run: WIDTH * run.value)


def _loss_per_layer(lines: Sequence[Run], arm: str, depths: Sequence[int]) -> Interval:
    """Percent of the correlation that is lost per layer, by a fitted exponential."""
    return mean_interval([100 * (1 - math.exp(fit)) for fit in _slopes(lines, arm, depths)])


def on_shattering(lines: Sequence[Run], images: Sequence[Run]) -> None:
    """Of stacks along a line of inputs, and of CIFAR nets on a line between two digits."""
    plain_24, both_24, both_100 = mean(lines, NORMED, 24), mean(lines, BOTH, 24), mean(lines, BOTH, 100)
    power = mean_interval(_slopes(lines, BOTH, (24, 50, 100), math.log))
    scaled_more = mean_difference(select(lines, SCALED, 100), select(lines, BOTH, 100), lambda run: run.value)
    loss, loss_with_norm = _loss_per_layer(lines, PLAIN, (3, 5, 10, 24, 50)), _loss_per_layer(lines, NORMED, (3, 5, 10))
    plain_56 = mean(images, NORMED, 56)
    residual_more = mean_difference(select(images, BOTH, 56), select(images, NORMED, 56), lambda run: run.value)
    glue_all(
        layers_24=24, line_points=POINTS, shatter_plain_24=plain_24, shatter_residual_24=both_24, shatter_residual_100=both_100,
        decay_plain=loss, decay_norm=loss_with_norm,
        image_plain_20=mean(images, NORMED, 20), image_plain_56=plain_56, image_residual_56=mean(images, BOTH, 56),
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(lines))
    check(
        "shatter-plain", holds=plain_24.low > -0.2 and plain_24.high < 0.2, value=plain_24, unit="correlation",
        statement="In a plain net of 24 layers with batch norm, gradients at neighboring inputs are uncorrelated, to within 0.2.",
        verdict=confirmed("balduzzi2017", "abstract", "without skips the correlation decays exponentially, until gradients resemble white noise"),
    )  # fmt: skip
    check(
        "shatter-residual", holds=power.low > -0.5 and power.high < 0, value=power, unit="power of the depth",
        statement="With skips it falls from 24 to 100 layers more slowly than one over the root of the depth.",
        verdict=confirmed("balduzzi2017", "abstract", "with skips the correlation decays sublinearly"),
    )  # fmt: skip
    check(
        "shatter-scaled", holds=scaled_more.low > 0, value=scaled_more, unit="of correlation more",
        statement="Branches that are scaled down by the root of the depth shatter less: at 100 layers the correlation is higher than with unscaled ones.",
        verdict=extended("balduzzi2017", "abstract", "architectures with skips are far more resistant to shattering"),
    )  # fmt: skip
    check(
        "shatter-without-norm", holds=loss_with_norm.low > 5 * loss.high and loss.low > 0, value=loss, unit="% per layer, without batch norm",
        statement="Gradients of plain nets shatter fast with batch norm only: without it a layer costs less than a fifth of the correlation that it costs with it, though it does cost some.",
        verdict=scoped("balduzzi2017", "abstract", "the correlation decays exponentially with depth in standard feedforward networks"),
    )  # fmt: skip
    check(
        "shatter-images", holds=residual_more.low > 0.3 and plain_56.low > -0.1 and plain_56.high < 0.1, value=residual_more, unit="of correlation more",
        statement="On a line between two digits, gradients of plain-56 are uncorrelated, to within 0.1, and those of residual-56 are more correlated by at least 0.3.",
        verdict=confirmed("balduzzi2017", "abstract", "it holds for fully-connected networks and convnets alike"),
    )  # fmt: skip


def on_conditioning(runs: Sequence[Run]) -> None:
    """Of the share of directions that get through a stack."""
    plain_50, normed_50, skip_50, both_50 = (_directions(runs, arm) for arm in (PLAIN, NORMED, SKIP, BOTH))
    levels = pairs(select(runs, SCALED, 10), select(runs, SCALED, 100))
    level = mean_interval([deep.value / shallow.value for shallow, deep in levels])
    glue_all(
        width=WIDTH, directions_plain_50=normed_50, directions_skip_50=skip_50, directions_residual_50=both_50,
        directions_scaled_50=_directions(runs, SCALED), scaled_level=level,
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(runs))
    check(
        "conditioning-plain", holds=max(plain_50.high, normed_50.high) < 2, value=normed_50, unit="directions, with batch norm",
        statement="A plain stack of 50 layers lets through less than two of 64 directions, with batch norm and without.",
        verdict=extended("tarnowski2019", "section I.1", "the singular values of the input-output Jacobian show how severe the problem of exploding gradients is; plain nets are not studied"),
    )  # fmt: skip
    check(
        "conditioning-scaled", holds=level.low > 0.85, value=level, unit="times that at 10 layers",
        statement="With branches scaled by the root of the depth, the share of directions at 100 layers is at least 85% of that at 10.",
        verdict=confirmed("tarnowski2019", "abstract", "dynamical isometry is achievable in residual networks, whose spectrum depends on a single parameter at large width and depth"),
    )  # fmt: skip
    check(
        "conditioning-skip-alone", holds=skip_50.high < both_50.low / 2, value=skip_50, unit="of 64 directions",
        statement="The skip alone is not enough: at 50 layers, without batch norm and without a scale, it lets through less than half of the directions that it does with batch norm.",
        verdict=scoped("tarnowski2019", "abstract", "dynamical isometry is achievable in residual networks whatever the activation function"),
    )  # fmt: skip


def on_branches(nets: Sequence[Branches]) -> None:
    """Of the branches beside their skips in new nets."""
    preact, original = (
        mean_over(branches.select(nets, block), lambda net: net.exponent) for block in ("pre-activation", "original")
    )
    glue_all(exponent_preact=preact, exponent_original=original)
    check = partial(claims.check, seeds=seeds_of(nets))
    check(
        "branches-shrink", holds=preact.low > -0.6 and preact.high < -0.4, value=preact, unit="power",
        statement="In a new pre-activation net branch over skip falls as one over the root of the number of branches before: the power is -0.5 to within 0.1.",
        verdict=confirmed("de2020", "abstract", "batch norm shrinks the branch against the skip by about the root of the depth"),
    )  # fmt: skip
    check(
        "branches-shrink-original", holds=original.low > -0.6 and original.high < -0.4, value=original, unit="power",
        statement="So it does in the original block, although a ReLU follows the addition there: the power is -0.5 to within 0.1.",
        verdict=extended("de2020", "abstract", "batch norm shrinks the branch against the skip by about the root of the depth"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    on_shattering(stacks.shattering(seeds=seeds), stacks.image_shattering(seeds=seeds))
    on_conditioning(stacks.conditioning(seeds=seeds))
    on_branches(branches.sweep(seeds))
