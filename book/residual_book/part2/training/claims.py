"""What `book/part2/training.md` says, and the rule of each sentence."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from residual_book import claims
from residual_book.claims import confirmed, glue_all, not_testable
from residual_book.part2.training import precision
from residual_book.part2.training.ablation import CIFAR10_CLASSES, NOTHING, PIECES, SEEDS, Run, cost, select
from residual_book.part2.training.interruption import Interruption
from residual_book.part2.training.precision import Rounding
from residual_book.speeds import Speed
from residual_book.stats import Interval, mean_over


def on_numbers(moved: float, rounded: Sequence[Rounding]) -> None:
    """Of untrained nets; `moved` is how far half the initial weights move the logits, relative to their norm."""
    claims.check(
        "training-scale-hidden", holds=moved < 0.01, value=100 * moved, unit="% of the logits' norm",
        statement="Halving the weights of every convolution moves the logits of ResNet-20 in training mode by less than 1 %.",
        verdict=confirmed("ioffe2015", "section 3.3", "batch norm makes a layer's output independent of the scale of its weights"),
    )  # fmt: skip
    bf16, channels_last = mean_over(rounded, lambda net: net.bf16), max(net.channels_last for net in rounded)
    glue_all(bf16_distance=bf16)
    claims.check(
        "training-rounding", holds=bf16.high < 0.05 and channels_last < min(net.bf16 for net in rounded) / 1000, value=bf16, unit="of the logits' norm", seeds=precision.SEEDS,
        statement="Under bfloat16 the logits of a new ResNet-20 stay within 5 % of float64's; channels last moves them a thousand times less.",
        verdict=not_testable("kalamkar2019", "abstract", "training with bfloat16 reaches the results of float32 in as many steps"),
    )  # fmt: skip


def on_speed(speeds: Sequence[Speed], notes: Mapping[str, float]) -> None:
    """Of the recorded benchmark of training; `notes` are those beside its comparison of ResNet-20."""
    times_as_fast = [speed.times_as_fast for speed in speeds if speed.arm == "ours"]
    share = notes["share of our step inside convolutions"]
    glue_all(convolution_share=share, convolution_floor=times_as_fast[0].estimate / share)
    claims.check(
        "training-speed", holds=min(times.low for times in times_as_fast) > 1, value=min(times.estimate for times in times_as_fast), unit="times as fast, the lower median",
        statement="Our loop trains ResNet-20 and ResNet-56 faster than the usual script on two cores, by channels_last and by augmenting whole batches.",
        verdict=confirmed("idelbayev2018", "trainer.py", "trains in float32 and torch's default layout, one image transformed at a time"),
    )  # fmt: skip


def on_pieces(runs: Sequence[Run], recorded: Sequence[Run], record: Mapping[str, Any]) -> None:
    """Of the recipe without each piece, on the digits and, recorded, on CIFAR-10."""
    digits, cifar10 = ({piece: cost(nets, piece) for piece in PIECES} for nets in (runs, recorded))
    fit = cost(runs, "augmentation", "train_error")
    seeds, epochs, images = [run.seed for run in select(recorded, NOTHING)], record["recipe"]["epochs"], record["images"]  # fmt: skip
    glue_all(
        schedule_digits=digits["schedule"].estimate, schedule_cifar=cifar10["schedule"].estimate,
        augmentation_cifar=-cifar10["augmentation"].estimate, augmentation_fit=-fit.estimate,
        better_digits=_better_without(digits), better_cifar=_better_without(cifar10),
        cifar_epochs=epochs, cifar_images=claims.number(images), cifar_seeds=len(seeds),
    )  # fmt: skip
    on_digits, on_cifar10 = (partial(claims.check, seeds=seeds) for seeds in (SEEDS, seeds))
    cosine = confirmed("loshchilov2017", "section 3", "lowers the rate along half a cosine")
    longer = confirmed("he2019tricks", "section 5", "a stronger augmentation asks for a longer training")
    on_digits(
        "training-schedule", holds=digits["schedule"].estimate > 0, value=digits["schedule"], unit="points", verdict=cosine,
        statement="On the digits, a constant rate at the peak ends with a higher test error than half a cosine down to zero, on average over the seeds.",
    )  # fmt: skip
    on_cifar10(
        "training-schedule-cifar10", holds=cifar10["schedule"].low > 0, value=cifar10["schedule"], unit="points", verdict=cosine,
        statement="On CIFAR-10 too, a constant rate at the peak ends with a higher test error than half a cosine down to zero.",
    )  # fmt: skip
    on_digits(
        "training-augmentation-fit", holds=fit.high < 0, value=fit, unit="points", verdict=longer,
        statement="In a short run on the digits, a net trained without augmentation has the lower error on its training images.",
    )  # fmt: skip
    on_cifar10(
        "training-augmentation-cifar10", holds=cifar10["augmentation"].high < 0 and (epochs, images) == (4, 10_000),
        value=cifar10["augmentation"], unit="points", verdict=longer,
        statement="In four epochs of ten thousand images of CIFAR-10, a net trained without augmentation has the lower test error.",
    )  # fmt: skip
    lower_ends = [digits[piece].low for piece in PIECES if piece != "schedule"]
    on_digits(
        "training-noise", holds=all(low <= 0.5 for low in lower_ends), value=max(lower_ends), unit="points, the highest lower end of an interval",
        statement="On the digits, these seeds show of no piece but the schedule that it lowers the test error by more than half a point.",
        verdict=not_testable("he2019tricks", "Table 6", "cosine decay, label smoothing and the rest each raise the accuracy on ImageNet after 120 epochs"),
    )  # fmt: skip


def _better_without(costs: Mapping[str, Interval]) -> str:
    return ", ".join(piece for piece, cost in costs.items() if round(cost.estimate, 1) < 0) or "none"


def on_interruption(resumed: Interruption) -> None:
    """Of the run that was killed."""
    claims.check(
        "training-resume", holds=not resumed.differing, value=len(resumed.differing), unit="tensors that differ",
        statement="A run that was killed goes on to the weights of one that was not: no tensor differs in a single bit.",
        verdict=confirmed("pytorch2025", "first paragraphs", "a program can be made to repeat its numbers on one machine and version, not across them"),
    )  # fmt: skip


def on_mistakes(labels: Tensor, answers: Tensor, run: Run, record: Mapping[str, Any]) -> None:
    """Of the answers to the digits, and of the recorded long run on CIFAR-10."""
    mistakes = np.where(np.eye(len(CIFAR10_CLASSES), dtype=bool), 0, run.confusion)
    label, answer = np.unravel_index(mistakes.argmax(), mistakes.shape)
    vehicle = np.isin(CIFAR10_CLASSES, ("airplane", "automobile", "ship", "truck"))
    same_kind = vehicle[:, None] == vehicle
    kept = float((mistakes * same_kind).sum() / mistakes.sum())
    by_chance = float((same_kind.sum(1) - 1).mean() / 9)
    glue_all(
        wrong=int((answers != labels).sum()), tested=len(answers), long_epochs=record["recipe"]["epochs"], long_error=run.test_error,
        worst_pair=f"a {CIFAR10_CLASSES[label]} taken for a {CIFAR10_CLASSES[answer]}", worst_count=int(mistakes.max()),
        kept=kept, kept_by_chance=by_chance,
    )  # fmt: skip
    claims.check(
        "training-kinds", holds=kept > by_chance, value=kept, unit="of its mistakes",
        statement="The CIFAR-10 net takes animals for animals and vehicles for vehicles more often than chance would.",
        verdict=confirmed("krizhevsky2009", "chapter 3", "the ten classes are six animals and four vehicles"),
    )  # fmt: skip
