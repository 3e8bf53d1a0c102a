"""What `book/part1/after-training.md` says, and the rule of each sentence."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

from residual_book import claims
from residual_book.claims import confirmed, extended, glue_all, no_verdict, scoped
from residual_book.part1.after_training import lesions, paths, solutions
from residual_book.part1.after_training.lesions import Lesions
from residual_book.part1.after_training.paths import PathLengths, mean_length
from residual_book.part1.after_training.plateau import HIGH_RATE, RECIPE, Plateau
from residual_book.part1.after_training.solutions import DEPTHS, SHORT, USUAL, ZERO, select
from residual_book.stats import Interval, mean_difference, mean_interval, mean_over, pairs, seeds_of

TYPICAL = 2  # points, that half of the blocks of a deep residual net cost less than
VEIT_ONE = (
    "veit2016",
    "section 4.1",
    "removing one block barely changes the error of a residual network; in a plain one the same brings it to chance",
)


def _starts(runs: Sequence[Lesions], depth: int) -> tuple[list[Lesions], list[Lesions]]:
    """The residual nets of one depth: those with the usual start, and those with a zero start."""
    return select(runs, f"residual-{depth}, {USUAL}"), select(runs, f"residual-{depth}, {ZERO}")


def _saved(runs: Sequence[Lesions], depth: int, cost: Callable[[Lesions], float]) -> Interval:
    """By how much less a lesion costs with a zero start than with the usual one, seed by seed."""
    return mean_difference(*_starts(runs, depth), cost)


def _with_depth(runs: Sequence[Lesions], start: str, cost: Callable[[Lesions], float]) -> Interval:
    """By how much more a lesion costs at 56 layers than at 20 with one start, seed by seed."""
    shallow, deep = (select(runs, f"residual-{depth}, {start}") for depth in DEPTHS)
    return mean_difference(deep, shallow, cost)


def on_lesions(hurt: Sequence[Lesions]) -> None:
    """Check the sentences about nets of the short recipe without some of their blocks, or with blocks reordered."""
    plain, (usual_20, zero_20), (usual_56, zero_56) = (
        select(hurt, "plain-20"),
        *(_starts(hurt, depth) for depth in DEPTHS),
    )
    worst = {name: mean_over(select(hurt, name), lambda run: run.worst) for name in SHORT}
    least, typical = mean_over(plain, lambda run: run.least), mean_over(usual_56, lambda run: run.typical)
    saved_20, saved_56 = (_saved(hurt, depth, lambda run: run.worst) for depth in DEPTHS)
    glue_all(
        rise_56=mean_over(zero_56, lambda run: run.rise),
        rise_plain=mean_over(plain, lambda run: run.rise), least_plain=least, typical_limit=TYPICAL,
        worst_zero_20=worst[zero_20[0].name], worst_usual_20=worst[usual_20[0].name],
        worst_zero_56=worst[zero_56[0].name], worst_usual_56=worst[usual_56[0].name],
        saved_20=saved_20, saved_56=saved_56, deeper_usual=_with_depth(hurt, USUAL, lambda run: run.worst),
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(hurt))
    check(
        "lesion-plain", holds=least.low > 40, value=least, unit="points, without the block that is missed least",
        statement="A trained plain-20 does not survive the loss of any block: its test error rises by more than 40 points whichever is taken out.",
        verdict=confirmed(*VEIT_ONE),
    )  # fmt: skip
    check(
        "lesion-start", holds=saved_20.low > 5 and saved_56.low > 5, value=saved_56, unit="points less with a zero start, at 56 layers",
        statement="At 20 layers and at 56, the block that is missed most costs at least 5 points less if the branches started at zero.",
        verdict=extended(*VEIT_ONE),
    )  # fmt: skip
    check(
        "lesion-residual", holds=worst[zero_20[0].name].high < 5 and worst[zero_56[0].name].high < 5, value=worst[zero_56[0].name], unit="points, without the block that is missed most",
        statement="A residual net of 20 or 56 layers whose branches started at zero loses less than 5 points of test error without any one block that keeps its input's shape.",
        verdict=scoped(*VEIT_ONE),
    )  # fmt: skip
    check(
        "lesion-most", holds=typical.high < TYPICAL, value=typical, unit="points, the median over blocks",
        statement=f"Most blocks can go without a zero start, too: in residual-56 half of them cost less than {TYPICAL} points each.",
        verdict=confirmed(*VEIT_ONE),
    )  # fmt: skip
    check(
        "lesion-depth", holds=worst[usual_56[0].name].low > 10, value=worst[usual_56[0].name], unit="points, without the block that is missed most",
        statement="Depth alone does not make every block dispensable: with the usual start residual-56 loses more than 10 points without the block that is missed most.",
        verdict=scoped(*VEIT_ONE),
    )  # fmt: skip
    saved = mean_difference(plain, usual_20, lambda run: run.rise)
    check(
        "lesion-skip-alone", holds=saved.low > 40, value=saved, unit="points",
        statement="At the same depth and start, the skip alone saves more than 40 points of error per missing block: residual-20 against plain-20.",
        verdict=confirmed("veit2016", "section 4.1", "paths through a residual network do not strongly depend on each other"),
    )  # fmt: skip
    without_7 = mean_over(zero_56, lambda run: run.without(7))
    without_20 = mean_over(zero_56, lambda run: run.without(20))
    saved_7 = _saved(hurt, 56, lambda run: run.without(7))
    glue_all(
        without_7=without_7, without_20=without_20, without_7_usual=mean_over(usual_56, lambda run: run.without(7))
    )
    check(
        "lesion-many", holds=without_7.high < 10 and without_20.low > 15 and saved_7.low > 10, value=saved_7, unit="points less with a zero start, without seven blocks",
        statement="Without seven random blocks residual-56 loses less than 10 points with a zero start, and at least 10 more with the usual one; without twenty it loses more than 15 even so.",
        verdict=scoped("veit2016", "section 4.2", "error increases smoothly with the number of removed blocks, as in an ensemble"),
    )  # fmt: skip
    order, order_plain = (mean_over(nets, lambda run: run.reordered) for nets in (zero_56, plain))
    saved_order = _saved(hurt, 56, lambda run: run.reordered)
    glue_all(order=order, order_usual=mean_over(usual_56, lambda run: run.reordered))
    check(
        "lesion-order", holds=order.high < 10 and saved_order.low > 5 and order_plain.low > 60, value=saved_order, unit="points less with a zero start",
        statement="After sixteen swaps residual-56 loses less than 10 points with a zero start, at least 5 more with the usual one, and plain-20 more than 60.",
        verdict=scoped("veit2016", "section 4.3", "blocks can be reordered to some extent at run time"),
    )  # fmt: skip


def on_paths(new: Sequence[PathLengths], trained: Sequence[PathLengths]) -> None:
    """Check the sentences about the gradient in new nets of 110 layers, and in trained residual ones."""
    usual, zero = (select(trained, f"residual-56, {start}") for start in (USUAL, ZERO))
    in_new, in_usual, in_zero = (mean_over(nets, lambda net: mean_length(net.shares)) for nets in (new, usual, zero))
    longer = mean_over(new, lambda net: mean_length(net.veit) - mean_length(net.shares))
    shorter = mean_difference(usual, zero, lambda net: mean_length(net.shares))
    glue_all(
        blocks_deep=len(zero[0].sizes), exact_new=in_new, exact_trained=in_zero, exact_usual=in_usual,
        veit_new=mean_over(new, lambda net: mean_length(net.veit)),
        branch_trained=mean_over(zero, lambda net: net.branch), branch_usual=mean_over(usual, lambda net: net.branch),
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(new))
    check(
        "paths-short", holds=in_new.high < 17, value=in_new, unit="branches",
        statement="In a new residual-110 the mean path of the gradient takes less than 17 of 54 branches, although the mean path of all takes 27.",
        verdict=extended("veit2016", "abstract", "most of the gradient in a net of 110 layers comes through paths of 10 to 34 layers, that is 5 to 17 blocks"),
    )  # fmt: skip
    check(
        "paths-cancel", holds=longer.low > 3, value=longer, unit="branches more",
        statement="Adding up lengths of sampled gradients finds paths that are at least 3 branches longer than those that the whole gradient takes: long paths cancel.",
        verdict=extended("veit2016", "section 5", "the share of a length is the number of its paths times the mean gradient of sampled ones"),
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(trained))
    check(
        "paths-trained", holds=max(in_zero.high, in_usual.high) < 6, value=in_usual, unit="branches, with the usual start",
        statement="In a trained residual-56 the mean path of the gradient takes less than 6 of 27 branches, with either start.",
        verdict=confirmed("veit2016", "abstract", "only short paths are needed during training, as longer ones contribute no gradient"),
    )  # fmt: skip
    check(
        "paths-start", holds=shorter.low > 0.5, value=shorter, unit="branches fewer",
        statement="If the branches started at zero, the mean path of the gradient in a trained residual-56 is shorter by at least half a branch.",
        verdict=extended("veit2016", "abstract", "only short paths are needed during training, as longer ones contribute no gradient"),
    )  # fmt: skip


def _times(first: Sequence[Plateau], second: Sequence[Plateau], value: Callable[[Plateau], float]) -> Interval:
    """How many times a value of the second arm the first arm's is: a geometric mean over seeds, and its interval."""
    logs = mean_interval([math.log(value(a) / value(b)) for a, b in pairs(first, second)])
    return Interval(math.exp(logs.estimate), math.exp(logs.low), math.exp(logs.high), logs.n)


def _geometric(runs: Sequence[Plateau], value: Callable[[Plateau], float]) -> float:
    """Geometric mean of a value over seeds."""
    return math.exp(sum(math.log(value(run)) for run in runs) / len(runs))


def on_plateau(recorded: Sequence[Plateau]) -> None:
    """Check the sentences about the recorded nets, which fit the digits, at the rate that all of them can take."""
    runs = [run for run in recorded if run.peak_lr == RECIPE.peak_lr]
    check = partial(claims.check, seeds=seeds_of(runs), recorded="after-training-digits.json")
    fit = max(run.train_error for run in runs if run.name != "plain-56")
    plain = [run.train_error for run in select(runs, "plain-56")]
    glue_all(errors_fit=fit, errors_plain_56=median(plain), errors_plain_56_worst=max(plain))
    check(
        "plateau-fits", holds=fit < 1 and max(plain) < 20, value=max(plain), unit="%, of plain-56 in the seed with the most",
        statement="After 40 epochs at a tenth of the rate residual nets and plain-20 have a training error below 1% from every seed, and plain-56 one below 20%.",
        verdict=no_verdict("he2015", "section 4.1", "the deeper plain net has the higher training error throughout training"),
    )  # fmt: skip
    saved_20, saved_56 = (_saved(runs, depth, lambda run: run.worst) for depth in DEPTHS)
    worst_20, worst_56 = (mean_over(_starts(runs, depth)[1], lambda run: run.worst) for depth in DEPTHS)
    glue_all(
        saved_20_plateau=saved_20, saved_56_plateau=saved_56, epochs_plateau=RECIPE.epochs,
    )  # fmt: skip
    check(
        "plateau-start", holds=saved_20.low > 20 and saved_56.low > 20, value=saved_56, unit="points less with a zero start, at 56 layers",
        statement="Where the residual nets fit the data the start still decides: the block that is missed most costs at least 20 points less with a zero start, at 20 layers and at 56.",
        verdict=extended(*VEIT_ONE),
    )  # fmt: skip
    check(
        "plateau-zero", holds=worst_20.high < 6 and worst_56.high < 6, value=worst_56, unit="points, without the block that is missed most",
        statement="With a zero start no one block costs more than 6 points there, at 20 layers or at 56.",
        verdict=scoped(*VEIT_ONE),
    )  # fmt: skip
    fast = [run for run in recorded if run.peak_lr == HIGH_RATE]
    least = min(usual.worst - zero.worst for depth in DEPTHS for usual, zero in pairs(*_starts(fast, depth)))
    glue_all(saved_fast=least, seeds_fast=len(seeds_of(fast)))
    claims.check(
        "plateau-rate", holds=least > 0, value=least, unit="points, in the seed and at the depth with the least", seeds=seeds_of(fast), recorded="after-training-digits.json",
        statement="After 40 epochs at the higher rate the block that is missed most costs less with a zero start, too, at both depths and in every recorded seed.",
        verdict=extended(*VEIT_ONE),
    )  # fmt: skip


def on_landscapes(recorded: Sequence[Plateau]) -> None:
    """Check the sentences about the loss around recorded nets, half a filter's length away and a whole one."""
    runs = [run for run in recorded if run.peak_lr == RECIPE.peak_lr]
    nets = {name: select(runs, name) for name in solutions.NETS}
    usual, zero, plain = nets[f"residual-56, {USUAL}"], nets[f"residual-56, {ZERO}"], nets["plain-56"]
    check = partial(claims.check, seeds=seeds_of(runs), recorded="after-training-digits.json")
    skip, start, far = _times(plain, usual, _rise), _times(usual, zero, _rise), _times(plain, zero, lambda run: run.far)
    depth_zero = _times(zero, nets[f"residual-20, {ZERO}"], _rise)
    glue_all(
        rise_plain_56=_geometric(plain, _rise), rise_residual_56=_geometric(zero, _rise),
        rise_usual_56=_geometric(usual, _rise), rise_residual_20=_geometric(nets[f"residual-20, {ZERO}"], _rise),
        loss_usual_56=_geometric(usual, lambda run: run.loss), loss_zero_56=_geometric(zero, lambda run: run.loss),
        rises_skip=skip, rises_start=start, rises_far=far,
    )  # fmt: skip
    check(
        "landscape-skip", holds=skip.high < 1, value=skip, unit="times the rise around residual-56 with the usual start",
        statement="The skip alone does not flatten the loss: half a filter's length from a plain-56 that has learned, it rises less than around residual-56 with the usual start, after the same steps.",
        verdict=scoped("li2018", "abstract", "skips keep the landscape smooth where deep nets without them have a chaotic one"),
    )  # fmt: skip
    check(
        "landscape-start", holds=start.low > 2, value=start, unit="times the rise with a zero start",
        statement="Around residual-56 with the usual start the loss rises more than twice as much as around one whose branches started at zero, after the same steps.",
        verdict=extended("li2018", "abstract", "skips keep the landscape smooth where deep nets without them have a chaotic one"),
    )  # fmt: skip
    check(
        "landscape-far", holds=far.low > 30, value=far, unit="times the rise around residual-56 with a zero start",
        statement="A whole filter's length away the loss around plain-56 has risen more than thirty times as much as around residual-56 with a zero start.",
        verdict=scoped("li2018", "abstract", "skips keep the landscape smooth where deep nets without them have a chaotic one"),
    )  # fmt: skip
    check(
        "landscape-depth", holds=depth_zero.low > 1 / 4 and depth_zero.high < 4, value=depth_zero, unit="times the rise at 20 layers",
        statement="With a zero start depth hardly sharpens the loss: from 20 to 56 layers the rise changes by less than a factor of four.",
        verdict=scoped("li2018", "section on skip connections", "with skips, deeper nets show no transition to chaos"),
    )  # fmt: skip
    fast = [run for run in recorded if run.peak_lr == HIGH_RATE]
    turned = min(a.loss_rise / b.loss_rise for a, b in pairs(select(fast, usual[0].name), select(fast, zero[0].name)))
    claims.check(
        "landscape-rate", holds=turned < 1, value=turned, unit="times the rise with a zero start, in the seed with the least", seeds=seeds_of(fast), recorded="after-training-digits.json",
        statement="That order is not general: at ten times the rate there is a recorded seed in which the loss rises less around residual-56 with the usual start.",
        verdict=no_verdict("li2018", "abstract", "training parameters affect the shape of the minimizers"),
    )  # fmt: skip


def _rise(run: Plateau) -> float:
    return run.loss_rise


def on_again(again: Plateau, recorded: Sequence[Plateau]) -> None:
    """Check that a recorded net, trained again, is as near to itself as the recorded seeds are to each other.

    On another processor sums are rounded otherwise, and training magnifies that.
    """
    seeds = [run for run in recorded if (run.name, run.peak_lr) == (again.name, again.peak_lr)]
    (before,) = (run for run in seeds if run.seed == again.seed)
    apart = max(run.worst for run in seeds) - min(run.worst for run in seeds)
    glue_all(again=again.worst, again_recorded=before.worst, again_apart=apart)
    claims.check(
        "plateau-repeats", holds=abs(again.worst - before.worst) < apart, value=again.worst - before.worst, seeds=[again.seed], recorded="after-training-digits.json", unit="points",
        statement="A recorded net of 20 layers, trained again during this build, loses without its most important block what was recorded, to within what lies between the recorded seeds.",
        verdict=no_verdict("veit2016", "section 4.1", "blocks are removed from trained networks one by one"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again; those of recorded nets are left out."""
    trained = solutions.solutions(seeds)
    on_lesions(lesions.studies(trained))
    on_paths(paths.measures([paths.new_net(seed) for seed in seeds]), paths.measures(paths.deep(trained)))
