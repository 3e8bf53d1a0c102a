"""What `book/part1/after-training.md` says, and the rule of each sentence."""

from collections.abc import Sequence
from functools import partial
from statistics import median

from residual_book import claims
from residual_book.claims import confirmed, corrected, glue_all, number
from residual_book.part1.after_training.landscape import Around
from residual_book.part1.after_training.lesions import Lesions
from residual_book.part1.after_training.paths import SHARE, PathLengths, carrying, mean_length
from residual_book.part1.after_training.solutions import SEEDS, select
from residual_book.stats import mean_difference, mean_over, pairs

_check = partial(claims.check, seeds=SEEDS)


def on_lesions(hurt: Sequence[Lesions]) -> None:
    """Check the sentences about trained nets without some of their blocks, and with blocks in another order."""
    plain, shallow, deep = (select(hurt, name) for name in ("plain-20", "residual-20", "residual-56"))
    least, worst = mean_over(plain, lambda run: run.least), mean_over(deep, lambda run: run.worst)
    glue_all(
        rise_56=mean_over(deep, lambda run: run.rise), rise_plain=mean_over(plain, lambda run: run.rise),
        least_plain=least, worst_56=worst, worst_20=mean_over(shallow, lambda run: run.worst),
    )  # fmt: skip
    _check(
        "lesion-plain", holds=least.low > 40, value=least, unit="points, without the block that is missed least",
        statement="A trained plain-20 does not survive the loss of any block: its test error rises by more than 40 points whichever is taken out.",
        verdict=confirmed("veit2016", "section 4.1", "removing a layer from a plain network brings it to chance"),
    )  # fmt: skip
    _check(
        "lesion-residual", holds=worst.high < 5, value=worst, unit="points, without the block that is missed most",
        statement="A trained residual-56 loses less than 5 points of test error without any one block that keeps its input's shape.",
        verdict=confirmed("veit2016", "section 4.1", "removing a block from a residual network barely changes its error"),
    )  # fmt: skip
    saved = mean_difference(plain, shallow, lambda run: run.rise)
    _check(
        "lesion-skip-alone", holds=saved.low > 40, value=saved, unit="points",
        statement="At the same depth and start, the skip alone saves more than 40 points of error per missing block: residual-20 against plain-20.",
        verdict=confirmed("veit2016", "section 4.1", "paths through a residual network do not strongly depend on each other"),
    )  # fmt: skip
    without_7, without_20 = mean_over(deep, lambda run: run.without(7)), mean_over(deep, lambda run: run.without(20))
    _check(
        "lesion-many", holds=without_7.high < 15 < without_20.low, value=without_20, unit="% without 20",
        statement="The error of residual-56 grows with the number of missing blocks, without a jump: under 15 % without 7 of them, over 15 % without 20.",
        verdict=confirmed("veit2016", "section 4.2", "error increases smoothly with the number of removed blocks, as in an ensemble"),
    )  # fmt: skip
    shuffled, shuffled_plain = (
        mean_over(nets, lambda net: max(s.error for s in net.shuffled)) for nets in (deep, plain)
    )
    _check(
        "lesion-order", holds=shuffled.high < 15 and shuffled_plain.low > 60, value=shuffled, unit="% after the worst shuffle",
        statement="Residual-56 errs in less than 15 % of cases after the worst of our shuffles of its blocks, and plain-20 in more than 60 %.",
        verdict=confirmed("veit2016", "section 4.3", "blocks can be reordered to some extent at run time"),
    )  # fmt: skip


def on_paths(new: Sequence[PathLengths], trained: Sequence[PathLengths]) -> None:
    """Check the sentences about the gradient in new nets of 110 layers, and in trained ones of 56."""
    blocks = len(trained[0].sizes)
    in_new, in_trained = (mean_over(nets, lambda net: mean_length(net.shares)) for nets in (new, trained))
    glue_all(
        share=SHARE, last_trained=max(carrying(net.shares)[1] for net in trained), blocks_deep=blocks,
        exact_new=in_new, exact_trained=in_trained, veit_new=mean_over(new, lambda net: mean_length(net.veit)),
        branch_trained=mean_over(trained, lambda net: sum(size.ratio for size in net.sizes) / blocks),
    )  # fmt: skip
    _check(
        "paths-short", holds=in_new.high < 17, value=in_new, unit="branches",
        statement="In a new residual-110 the mean path of the gradient takes less than 17 of 54 branches, although the mean path of all takes 27.",
        verdict=confirmed("veit2016", "abstract", "most of the gradient in a net of 110 layers comes through paths of 10 to 34 layers, that is 5 to 17 blocks"),
    )  # fmt: skip
    longer = mean_over(new, lambda net: mean_length(net.veit) - mean_length(net.shares))
    _check(
        "paths-cancel", holds=longer.low > 3, value=longer, unit="branches more",
        statement="Adding up lengths of sampled gradients finds paths that are at least 3 branches longer than those that the gradient takes: long paths cancel.",
        verdict=corrected("veit2016", "section 5", "the share of a length is the number of its paths times the mean gradient of sampled ones"),
    )  # fmt: skip
    _check(
        "paths-trained", holds=in_trained.high < 5, value=in_trained, unit="branches",
        statement="In a trained residual-56, whose branches started at zero, the mean path of the gradient takes less than 5 of 27 branches.",
        verdict=confirmed("veit2016", "abstract", "only short paths are needed during training, as longer ones contribute no gradient"),
    )  # fmt: skip


def on_landscapes(around: Sequence[Around]) -> None:
    """Check the sentences about the loss around each solution, and its rise half a filter's length away."""
    plain_20, plain_56 = (select(around, name) for name in ("plain-20", "plain-56"))
    residual_20, residual_56 = (select(around, name) for name in ("residual-20", "residual-56"))
    glue_all(
        rise_plain_20=mean_over(plain_20, lambda net: net.rise), rise_plain_56=number(median(net.rise for net in plain_56)),
        rise_residual_20=mean_over(residual_20, lambda net: net.rise), rise_residual_56=mean_over(residual_56, lambda net: net.rise),
        loss_plain_56=mean_over(plain_56, lambda net: net.loss),
    )  # fmt: skip
    sharper = [plain.rise / residual.rise for plain, residual in pairs(plain_56, residual_56)]
    _check(
        "landscape-skip", holds=min(sharper) > 10, value=min(sharper), unit="times, in the seed with the least",
        statement="Around plain-56 the loss rises more than ten times as much as around residual-56, half a filter's length away, in every seed.",
        verdict=confirmed("li2018", "abstract", "skips keep the landscape smooth where deep nets without them have a chaotic one"),
    )  # fmt: skip
    by_depth = [deep.rise - shallow.rise for shallow, deep in pairs(residual_20, residual_56)]
    by_depth_plain = [deep.rise - shallow.rise for shallow, deep in pairs(plain_20, plain_56)]
    of_plain = [abs(residual) / plain for residual, plain in zip(by_depth, by_depth_plain, strict=True)]
    _check(
        "landscape-depth", holds=max(of_plain) < 0.1, value=max(of_plain), unit="of the change without skips, in the seed with the most",
        statement="With skips depth hardly sharpens the landscape: from 20 to 56 layers the rise changes by less than a tenth of what it does without skips, in every seed.",
        verdict=confirmed("li2018", "section on skip connections", "with skips, deeper nets show no transition to chaos"),
    )  # fmt: skip
    deeper = [deep.rise / shallow.rise for shallow, deep in pairs(plain_20, plain_56)]
    _check(
        "landscape-shallow-plain", holds=min(deeper) > 10, value=min(deeper), unit="times around plain-56, in the seed with the least",
        statement="A shallow plain net lies in a bowl too: around plain-20 the loss rises by less than a tenth of what it rises around plain-56, in every seed.",
        verdict=confirmed("li2018", "section on skip connections", "shallow nets without skips have benign landscapes"),
    )  # fmt: skip
