"""What `book/primers/pytorch.md` says, and the rule of each sentence."""

from collections.abc import Sequence
from functools import partial

from residual_book import claims
from residual_book.claims import confirmed, extended, glue_all
from residual_book.primers.pytorch import loop
from residual_book.primers.pytorch.loop import Errors
from residual_book.stats import mean_over


def on_errors(runs: Sequence[Errors]) -> None:
    """Of small nets that were trained and asked as they should be, and with a line forgotten."""
    right, piled = mean_over(runs, lambda run: run.right), mean_over(runs, lambda run: run.not_cleared - run.right)
    alone = mean_over(runs, lambda run: run.one_by_one - run.right)
    glue_all(
        right=right, not_cleared=mean_over(runs, lambda run: run.not_cleared), one_by_one=mean_over(runs, lambda run: run.one_by_one),
        left_in_training=mean_over(runs, lambda run: run.left_in_training),
    )  # fmt: skip
    check = partial(claims.check, seeds=[run.seed for run in runs])
    check(
        "pytorch-eval", holds=alone.low > 10, value=alone, unit="points more",
        statement="Asked one by one in training mode, a trained net with batch norm has a test error more than 10 points above that in evaluation mode.",
        verdict=confirmed("ioffe2015", "section 3.1, training and inference", "in inference the statistics of the population take the place of those of the batch"),
    )  # fmt: skip
    check(
        "pytorch-zero-grad", holds=piled.low > 0, value=piled, unit="points more",
        statement="Trained without clearing its gradients, the net has a higher test error.",
        verdict=extended("pytorch2025zero", "introduction", "by default gradients add up until they are cleared"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    on_errors(loop.sweep(seeds))
