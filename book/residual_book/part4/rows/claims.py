"""What `book/part4/rows.md` says, and the rule of each sentence."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

from residual_book import claims
from residual_book.claims import confirmed, extended, glue_all, no_verdict, number, scoped
from residual_book.part4.rows import columns, experiment, live
from residual_book.part4.rows.columns import Count, Times
from residual_book.part4.rows.experiment import DEPTHS, RESULT, Arm, Run
from residual_book.part4.rows.live import BLOCKS, DEEP, Organization, Start
from residual_book.part4.rows.theory import factor
from residual_book.stats import Interval, mean_difference, mean_interval, mean_over, seeds_of

MARGIN, BARE_MARGIN = 0.05, 0.01  # of the theory's factors; that of skips without normalization is near one
SHALLOW = min(DEPTHS)
HE = ("he2015", "section 1", "deeper plain nets have a higher training error; measured in convolutional nets on images")
VEIT = ("veit2016", "section 4.1", "removing one block barely changes the error of a residual net; in a plain one the same brings it to chance; measured on images")  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    organizations = live.organizations(seeds)
    on_task(organizations)
    on_starts(live.starts(organizations))
    on_race(live.race(organizations))


def on_parity(differences: dict[str, float]) -> None:
    """Of the reference's weights in our network."""
    largest = max(differences.values())
    claims.check(
        "rows-parity", holds=largest <= 1e-6, value=largest, unit="at most, between two outputs",
        statement="With the reference's weights TabularResNet gives the reference's outputs to a millionth, in evaluation and in training mode.",
        verdict=no_verdict("gorishniy2021", "section 3.2", "defines the network"),
    )  # fmt: skip


def on_task(organizations: Sequence[Organization]) -> None:
    """Of what the networks are asked."""
    first = organizations[0]
    best = mean_over(organizations, lambda each: 100 * next(iter(each.singles.values())))
    glue_all(
        events=first.events[0], columns=first.events[1], calls=len(first.calls.target), operations=len(first.calls.operations),
        numbers=first.calls.numeric.shape[1], codes=first.calls.categorical.shape[1], single=best,
    )  # fmt: skip
    claims.check(
        "rows-no-single-column", holds=best.high < 50, value=best, unit="% of later calls",
        statement="No single column that is left names the operation of even half of the later calls.",
        verdict=no_verdict("ocsf2026", "API Activity", "defines the fields of such an event"), seeds=seeds_of(organizations),
    )  # fmt: skip


def _per_block(found: Sequence[Start], *, residual: bool, normalized: bool) -> Interval:
    """The factor per block in the deepest stacks, as a geometric mean."""
    deep = live.select(found, residual=residual, normalized=normalized, blocks=BLOCKS[-1])
    logs = mean_interval([math.log(start.ratio) / (start.blocks - 1) for start in deep])
    return Interval(math.exp(logs.estimate), math.exp(logs.low), math.exp(logs.high), logs.n)


def on_starts(found: Sequence[Start]) -> None:
    """Of gradients before the first step."""
    explodes, vanishes, bare = (
        _per_block(found, residual=residual, normalized=normalized)
        for residual, normalized in ((False, True), (False, False), (True, False))
    )
    both = mean_over(live.select(found, residual=True, normalized=True, blocks=BLOCKS[-1]), lambda start: start.ratio)
    glue_all(
        explodes=explodes, vanishes=vanishes, bare=bare, both=both, deepest=BLOCKS[-1],
        theory_explodes=factor(residual=False, normalized=True), theory_vanishes=factor(residual=False, normalized=False),
    )  # fmt: skip
    check = partial(claims.check, unit="per block", seeds=seeds_of(found))
    theory = factor(residual=False, normalized=True)
    check(
        "rows-explodes", holds=(1 - MARGIN) * theory < explodes.low and explodes.high < (1 + MARGIN) * theory, value=explodes,
        statement=f"In new plain stacks of linear blocks with batch norm, gradients grow toward the input by √(π/(π−1)) per block, to within {MARGIN:.0%}.",
        verdict=extended("yang2019", "abstract", "shows the explosion in stacks of single layers"),
    )  # fmt: skip
    theory = factor(residual=False, normalized=False)
    check(
        "rows-vanishes", holds=(1 - MARGIN) * theory < vanishes.low and vanishes.high < (1 + MARGIN) * theory, value=vanishes,
        statement=f"In new plain stacks of linear blocks without normalization, gradients shrink toward the input by 1/√18 per block, as the default initialization has it, to within {MARGIN:.0%}.",
        verdict=confirmed("he2015init", "section 2.2", "a ReLU layer multiplies the gradient's variance by half its weights' variance times its width"),
    )  # fmt: skip
    theory = factor(residual=True, normalized=False)
    check(
        "rows-bare-skip", holds=(1 - BARE_MARGIN) * theory < bare.low and bare.high < (1 + BARE_MARGIN) * theory, value=bare,
        statement=f"In new stacks of linear blocks with skips and without normalization, gradients grow toward the input by √(19/18) per block, to within {BARE_MARGIN:.0%}: nothing explodes.",
        verdict=extended("he2015init", "section 2.2", "has no skips"),
    )  # fmt: skip
    check(
        "rows-skip-tames", holds=both.low > 1 and both.high < 20, value=both, unit="times, at 32 blocks",
        statement="In new stacks of 32 linear blocks with skips and batch norm, the gradient at the first block is larger than at the last, and less than twenty times as large.",
        verdict=extended("yang2019", "abstract", "the explosion is of nets without skips"),
    )  # fmt: skip


def on_race(runs: Sequence[Run]) -> None:
    """Of the deep stacks that the page trains for some steps."""
    plain, residual = ([run for run in runs if run.arm.residual == with_skip] for with_skip in (False, True))
    apart = mean_difference(plain, residual, lambda run: run.train_error)
    glue_all(
        race_steps=live.STEPS, race_plain=mean_over(plain, lambda run: run.train_error),
        race_residual=mean_over(residual, lambda run: run.train_error),
    )  # fmt: skip
    claims.check(
        "rows-race", holds=apart.low > 20, value=apart, unit="points of training error", seeds=seeds_of(runs),
        statement=f"After {live.STEPS} steps a plain stack of {DEEP} linear blocks has more than 20 points more of its own training calls wrong than the residual one.",
        verdict=extended(*HE),
    )  # fmt: skip


def _deeper(runs: Sequence[Run], value: Callable[[Run], float], deep: Arm, shallow: Arm) -> Interval:
    return mean_difference(experiment.of(runs, deep), experiment.of(runs, shallow), value)


def _error(run: Run) -> float:
    return run.train_error


def on_recorded(runs: Sequence[Run]) -> None:
    """Of the recorded grid."""
    at = {
        (arm.optimizer, arm.normalized, arm.residual, arm.blocks): experiment.of(runs, arm) for arm in experiment.ARMS
    }
    plain, residual = (
        {name: _deeper(runs, _error, Arm(DEEP, skip, True, name), Arm(SHALLOW, skip, True, name)) for name in experiment.RATES}
        for skip in (False, True)
    )  # fmt: skip
    bare = _deeper(runs, _error, Arm(DEEP, False, False), Arm(DEEP, True, False))
    later_bare = _deeper(runs, lambda run: run.test_error, Arm(DEEP, True, False), Arm(SHALLOW, True, False))
    bare_by_depth = _deeper(runs, _error, Arm(DEEP, True, False), Arm(SHALLOW, True, False))
    skip_at_two = _deeper(runs, lambda run: run.test_error, Arm(SHALLOW, False, True), Arm(SHALLOW, True, True))
    later = {
        name: _deeper(runs, lambda run: run.test_error, Arm(DEEP, True, True, name), Arm(SHALLOW, True, True, name))
        for name in experiment.RATES
    }
    glue_all(
        recorded_seeds=len(seeds_of(at["AdamW", True, True, DEEP])), recorded_steps=experiment.STEPS, batch=experiment.BATCH,
        plain_adamw=plain["AdamW"], residual_adamw=residual["AdamW"], later_adamw=later["AdamW"], later_sgd=later["SGD"],
        plain_32=mean_over(at["AdamW", True, False, DEEP], _error), residual_32=mean_over(at["AdamW", True, True, DEEP], _error),
        bare_32=mean_over(at["AdamW", False, True, DEEP], _error), bare_2=mean_over(at["AdamW", False, True, SHALLOW], _error),
        bare_plain_32=mean_over(at["AdamW", False, False, DEEP], _error), later_bare=later_bare, skip_at_two=skip_at_two,
        start_plain=number(_median_ratio(at["AdamW", True, False, DEEP], 0)), end_plain=number(_median_ratio(at["AdamW", True, False, DEEP], -1)),
        end_residual=number(_median_ratio(at["AdamW", True, True, DEEP], -1)),
    )  # fmt: skip
    check = partial(
        claims.check, unit="points more wrong", seeds=seeds_of(at["AdamW", True, True, DEEP]), recorded=RESULT.name
    )
    for name, by_depth in plain.items():
        check(
            f"rows-degradation-{name.lower()}", holds=by_depth.low > 50, value=by_depth,
            statement=f"On records, at the best of the rates tried with {name}, a plain stack of {DEEP} linear blocks ends with more than 50 points more of its training calls wrong than one of {SHALLOW}.",
            verdict=extended(*HE),
        )  # fmt: skip
    for name, by_depth in residual.items():
        check(
            f"rows-residual-{name.lower()}", holds=by_depth.high < 10, value=by_depth,
            statement=f"On records, with skips, at the best of the rates tried with {name}, a stack of {DEEP} linear blocks has less than 10 points more of its training calls wrong than one of {SHALLOW}.",
            verdict=extended("he2015", "section 4.1", "residual nets do not degrade with depth; measured on images"),
        )  # fmt: skip
    check(
        "rows-bare-trains", holds=bare.low > 50, value=bare,
        statement=f"Without any normalization, at the best of the rates tried, a plain stack of {DEEP} linear blocks has more than 50 points more of its training calls wrong than a residual one.",
        verdict=extended(*HE),
    )  # fmt: skip
    for name, by_depth in later.items():
        check(
            f"rows-depth-later-{name.lower()}", holds=by_depth.low > -1 and by_depth.high < 4, value=by_depth,
            statement=f"With batch norm and {name}, at rates chosen by the training loss, {DEEP} residual blocks in place of {SHALLOW} change the share of later calls that are wrong by less than a point for the better and less than four for the worse.",
            verdict=extended("he2015", "section 4.1", "deeper residual nets are better, up to 152 layers on ImageNet"),
        )  # fmt: skip
    check(
        "rows-bare-depth", holds=bare_by_depth.low > 5, value=bare_by_depth,
        statement=f"With skips and without normalization, {DEEP} blocks have more than 5 points more of their training calls wrong than {SHALLOW}.",
        verdict=extended("he2015", "section 4.1", "residual nets with batch norm do not degrade with depth; measured on images"),
    )  # fmt: skip
    check(
        "rows-skip-shallow", holds=skip_at_two.high < 2, value=skip_at_two,
        statement=f"In stacks of {SHALLOW} blocks with batch norm, skips lower the share of later calls that are wrong by less than 2 points.",
        verdict=extended("he2015", "section 4.1", "plain and residual nets of 18 layers are about as accurate; measured on images"),
    )  # fmt: skip
    on_lesions(*(at["AdamW", True, arm.residual, arm.blocks] for arm in experiment.HURT_ARMS))


def on_lesions(plain: Sequence[Run], residual: Sequence[Run], deep: Sequence[Run]) -> None:
    """Of trained stacks without one of their blocks: a plain and a residual one of eight, and a deep residual one."""
    least = mean_over(plain, lambda run: min(run.lesions) - (run.intact or 0.0))
    typical = mean_over(residual, lambda run: median(run.lesions) - (run.intact or 0.0))
    later = [mean_over(arm, lambda run: max(run.lesions[1:]) - (run.intact or 0.0)) for arm in (residual, deep)]
    worst = max(later, key=lambda cost: cost.high)
    first = mean_interval([run.lesions[0] - max(run.lesions[1:]) for run in residual])
    glue_all(
        least_plain=least,
        typical_residual=typical,
        worst_later=worst,
        first_residual=mean_over(residual, lambda run: run.lesions[0]),
    )
    check = partial(claims.check, unit="points", seeds=seeds_of(plain), recorded=RESULT.name)
    check(
        "rows-lesion-plain", holds=least.low > 30, value=least,
        statement="A trained plain stack of 8 linear blocks loses more than 30 points of training error whichever block is taken out.",
        verdict=extended(*VEIT),
    )  # fmt: skip
    check(
        "rows-lesion-residual", holds=worst.high < 3, value=worst,
        statement=f"In trained residual stacks of 8 and of {DEEP} linear blocks, no block after the first costs more than 3 points of training error, in the mean over organizations.",
        verdict=extended(*VEIT),
    )  # fmt: skip
    check(
        "rows-lesion-first", holds=first.low > 10, value=first,
        statement="A trained residual stack of 8 linear blocks misses its first block more than any other, by more than 10 points.",
        verdict=extended(*VEIT),
    )  # fmt: skip


def _median_ratio(runs: Sequence[Run], look: int) -> float:
    return median(run.ratios[look] or math.nan for run in runs)


def on_costs(counts: Sequence[Count], times: Times) -> None:
    """Of what a row costs against the number of its features."""
    names = {"resnet": "ResNet", "mlp": "MLP", "transformer": "FT-Transformer"}
    products, kept = (
        {key: columns.of_counts(counts, name, what) for key, name in names.items()} for what in ("multiply_adds", "kept")
    )  # fmt: skip
    seconds = {key: times.exponent(name) for key, name in names.items()}
    at = {(each.net, each.features): each for each in counts}
    most, least = max(columns.FEATURES), min(columns.FEATURES)
    glue_all(
        most=most, least=least, overtakes=columns.overtakes(counts, "multiply_adds"), kept_overtakes=columns.overtakes(counts, "kept"),
        times_most=at["FT-Transformer", most].multiply_adds / at["ResNet", most].multiply_adds,
        slower=times.median("FT-Transformer", most) / times.median("ResNet", most),
        products_transformer=products["transformer"], seconds_transformer=seconds["transformer"],
    )  # fmt: skip
    source = scoped("tutorial", "motivation", "linear complexity against quadratic attention at 300 features and more")
    check = partial(claims.check, unit="(the power)", verdict=source)
    check(
        "rows-cost-resnet", holds=products["resnet"] < 0.25, value=products["resnet"],
        statement="From 250 to 500 features the multiply-adds of our ResNet grow with less than the fourth root of the number of features.",
    )  # fmt: skip
    check(
        "rows-cost-transformer", holds=1.2 < products["transformer"] < 1.3, value=products["transformer"],
        statement="From 250 to 500 features the multiply-adds of FT-Transformer grow with the power 1.2 to 1.3 of their number.",
    )  # fmt: skip
    check(
        "rows-kept-transformer", holds=1.6 < kept["transformer"] < 1.75, value=kept["transformer"],
        statement="From 250 to 500 features what FT-Transformer keeps for the backward pass grows with the power 1.6 to 1.75 of their number.",
    )  # fmt: skip
    check(
        "rows-time-transformer", holds=seconds["transformer"].low > 1.5, value=seconds["transformer"], recorded=columns.RESULT.name,
        statement="From 250 to 500 features the time of a step of FT-Transformer grows with a power above 1.5, faster than its multiply-adds.",
    )  # fmt: skip
    check(
        "rows-time-resnet", holds=seconds["resnet"].high < 0.5, value=seconds["resnet"], recorded=columns.RESULT.name,
        statement="From 250 to 500 features the time of a step of our ResNet grows with less than the square root of their number.",
    )  # fmt: skip
