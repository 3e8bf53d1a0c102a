"""What `book/part2/training.md` says, and the rule of each sentence."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from residual_book import claims
from residual_book.claims import confirmed, extended, glue_all, no_verdict
from residual_book.part2.training import ablation, precision
from residual_book.part2.training.ablation import (
    CIFAR10_CLASSES,
    NOTHING,
    PIECES,
    TOGETHER,
    Run,
    cost,
    found,
    select,
)
from residual_book.part2.training.interruption import Interruption
from residual_book.part2.training.precision import Rounding
from residual_book.recording import RESULTS, recorded_runs
from residual_book.speeds import Speed
from residual_book.stats import CONFIDENCE, mean_over

TOGETHER_UNIT = f"points, in an interval wide enough for {len(PIECES)} at once"


def on_scale(moved: Mapping[int, float]) -> None:
    """Of untrained nets, by seed: how far half the initial weights move the logits, relative to their norm."""
    furthest = max(moved.values())
    claims.check(
        "training-scale-hidden", holds=furthest < 0.01, value=100 * furthest, unit="% of the logits' norm, at most", seeds=list(moved),
        statement="Halving the weights of every convolution moves the logits of ResNet-20 in training mode by less than 1%.",
        verdict=confirmed("ioffe2015", "section 3.3", "batch norm makes a layer's output independent of the scale of its weights"),
    )  # fmt: skip


def on_rounding(rounded: Sequence[Rounding]) -> None:
    """Of untrained nets, computed in several number formats and layouts."""
    bf16, channels_last = mean_over(rounded, lambda net: net.bf16), mean_over(rounded, lambda net: net.channels_last)
    glue_all(bf16_distance=bf16)
    claims.check(
        "training-rounding", holds=bf16.high < 0.05 and channels_last.high < bf16.low / 1000, value=bf16, unit="of the logits' norm", seeds=[net.seed for net in rounded],
        statement="Under bfloat16 the logits of a new ResNet-20 stay within 5% of float64's, and in float32 with channels last they are more than a thousand times closer.",
        verdict=extended("kalamkar2019", "abstract", "training with bfloat16 reaches the results of float32 in as many steps"),
    )  # fmt: skip


def on_speed(speeds: Sequence[Speed], notes: Mapping[str, float]) -> None:
    """Of the recorded benchmark of training; `notes` are those beside its comparison of ResNet-20."""
    times_as_fast = [speed.times_as_fast for speed in speeds if speed.arm == "ours"]
    share = notes["share of our step inside convolutions"]
    glue_all(convolution_share=share, convolution_floor=times_as_fast[0].estimate / share)
    claims.check(
        "training-speed", holds=min(times.low for times in times_as_fast) > 1, value=min(times.estimate for times in times_as_fast), unit="times as fast, the lower median", recorded="vision-benchmark.json",
        statement="On the shapes of CIFAR-10, our loop trains ResNet-20 and ResNet-56 in less time per step than a common script with its defaults.",
        verdict=no_verdict("idelbayev2018", "trainer.py", "trains in float32 and PyTorch's default layout, one image transformed at a time"),
    )  # fmt: skip


def on_pieces(runs: Sequence[Run]) -> None:
    """Of the recipe without each piece, on the digits."""
    fit = cost(runs, "augmentation", "train_error")
    glue_all(
        augmentation_fit_points=-fit.estimate, augmentation_fit_least=-fit.high, augmentation_fit_most=-fit.low,
    )  # fmt: skip
    claims.check(
        "training-augmentation-fit", holds=fit.high < 0, value=fit, unit=TOGETHER_UNIT, seeds=[run.seed for run in select(runs, NOTHING)],
        statement="In five epochs on the digits, each arm with a rate of its own, a net trained without augmentation has the lower error on its training images.",
        verdict=extended("he2019tricks", "section 5", "a stronger augmentation asks for a longer training"),
    )  # fmt: skip


def on_recordings(runs: Sequence[Run], again: Run, cifar10: Sequence[Run], record: Mapping[str, Any]) -> None:
    """Of the recorded runs: on the digits, of which one is trained `again`, and on CIFAR-10 with its `record`."""
    whole, tried = select(runs, NOTHING), [run for run in runs if run.tuning]
    (before,) = (run.test_error for run in whole if run.seed == again.seed)
    seeds = [run.seed for run in select(cifar10, NOTHING)]
    schedule, augmentation = cost(cifar10, "schedule"), cost(cifar10, "augmentation")
    glue_all(
        cifar_schedule=schedule, cifar_augmentation=-augmentation.estimate, cifar_grid=_grid(cifar10), cifar_at_edge=_at_the_lowest_rate(cifar10),
        arms=len(PIECES) + 1, pieces=len(PIECES), together=TOGETHER, false_alarms=len(PIECES) * (1 - CONFIDENCE), grid=_grid(runs), tuning_seeds=len({run.seed for run in tried}), digits_epochs=ablation.RECIPE.epochs,
        digits_seeds=len(whole), digits_error=mean_over(whole, lambda run: run.test_error), digits_found=found(runs), cifar_found=found(cifar10),
        again=again.test_error, again_recorded=before, cifar_epochs=record["recipe"]["epochs"], cifar_images=claims.number(record["images"]),
        cifar_seeds=len(seeds),
    )  # fmt: skip
    on_photographs = partial(claims.check, unit=TOGETHER_UNIT, seeds=seeds, recorded="ablation-cifar10.json")
    on_photographs(
        "training-cifar10-schedule", holds=schedule.low > 0, value=schedule,
        statement="In four epochs on 10,000 images of CIFAR-10, each arm with a rate of its own, a constant rate ends with a higher test error than half a cosine down to zero.",
        verdict=extended("loshchilov2017", "section 3", "lowers the rate along half a cosine"),
    )  # fmt: skip
    on_photographs(
        "training-cifar10-augmentation", holds=augmentation.high < 0, value=augmentation,
        statement="In four epochs on 10,000 images of CIFAR-10, each arm with a rate of its own, crops and mirror images raise the test error.",
        verdict=extended("he2019tricks", "section 5", "a stronger augmentation asks for a longer training"),
    )  # fmt: skip
    claims.check(
        "training-record-repeats", holds=abs(again.test_error - before) < 5, value=again.test_error - before, unit="points", seeds=[again.seed], recorded="ablation-digits.json",
        statement="The recorded run of the whole recipe from seed 0, trained again during this build, ends within 5 points of its recorded test error.",
        verdict=extended("pytorch2025", "first paragraphs", "a program can be made to repeat its numbers on one machine and version, not across them"),
    )  # fmt: skip


def _grid(runs: Sequence[Run]) -> str:
    return ", ".join(map(str, sorted({run.peak_lr for run in runs if run.tuning})))


def _at_the_lowest_rate(runs: Sequence[Run]) -> int:
    """How many arms chose the lowest rate of their grid."""
    rates = ablation.best_rates(runs).values()
    return sum(rate == min(run.peak_lr for run in runs if run.tuning) for rate in rates)


def on_interruption(resumed: Interruption) -> None:
    """Of the run that was killed."""
    claims.check(
        "training-resume", holds=not resumed.differing, value=len(resumed.differing), unit="tensors that differ",
        statement="A run that was killed goes on to the weights of one that was not: no tensor differs in a single bit.",
        verdict=extended("pytorch2025", "first paragraphs", "a program can be made to repeat its numbers on one machine and version, not across them"),
    )  # fmt: skip


def on_mistakes(
    labels: Tensor, answers: Tensor, run: Run, record: Mapping[str, Any], short_runs: Sequence[Run]
) -> None:
    """Of the answers to the digits, of the recorded long run on CIFAR-10, and of the short ones by the whole recipe."""
    mistakes = _mistakes(run)
    label, answer = np.unravel_index(mistakes.argmax(), mistakes.shape)
    whole = select(short_runs, NOTHING)
    kept, by_chance = (
        mean_over(whole, lambda run: float((_mistakes(run) * _SAME_KIND).sum() / _mistakes(run).sum())),
        float((_SAME_KIND.sum(1) - 1).mean() / 9),
    )
    glue_all(
        wrong=int((answers != labels).sum()), tested=len(answers), long_epochs=record["recipe"]["epochs"], long_error=run.test_error,
        worst_pair=f"a {CIFAR10_CLASSES[label]} taken for a {CIFAR10_CLASSES[answer]}", worst_count=int(mistakes.max()),
        kept=kept, kept_by_chance=by_chance,
    )  # fmt: skip
    claims.check(
        "training-kinds", holds=kept.low > 0.7 > by_chance, value=kept, unit="of their mistakes", seeds=[run.seed for run in whole], recorded="ablation-cifar10.json",
        statement="Nets trained on CIFAR-10 make more than 70% of their mistakes among the animals or among the vehicles, which wrong answers picked at random would do less often.",
        verdict=no_verdict("krizhevsky2009", "chapter 3", "the ten classes are airplane, automobile, bird, cat, deer, dog, frog, horse, ship and truck"),
    )  # fmt: skip


_VEHICLE = np.isin(CIFAR10_CLASSES, ("airplane", "automobile", "ship", "truck"))
_SAME_KIND = _VEHICLE[:, None] == _VEHICLE


def _mistakes(run: Run) -> np.ndarray:
    return np.where(np.eye(len(CIFAR10_CLASSES), dtype=bool), 0, run.confusion)


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again; each arm keeps its recorded rate."""
    on_scale({seed: precision.moved_by_halving(seed) for seed in seeds})
    on_rounding([precision.round_off(seed) for seed in seeds])
    rates = ablation.best_rates(recorded_runs(RESULTS / "ablation-digits.json", Run))
    on_pieces(ablation.ablate({arm: rates[arm] for arm in (NOTHING, "augmentation")}, seeds))
