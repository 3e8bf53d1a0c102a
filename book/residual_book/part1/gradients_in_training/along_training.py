"""Gradients while a net trains: how large they are at the first block and at the last, step by step, beside the loss.

All arms with all seeds take too long for a page: they are recorded, resumably, by
`residual-book along-training --out results/along-training-digits.json`.
"""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residual.probes.gradients import gradient_profile
from residual.training import Recipe, error_rate, fit
from residual.vision import BasicBlock, CifarNet
from residual_book.nets import DIGITS_RECIPE
from residual_book.recording import WORKERS, alone, images_of, listed, record_all, spread
from residual_book.stats import Interval, median_interval

SEEDS = tuple(range(6))
STEPS = (0, 2, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 88)  # after which to look; the recipe has 88
IMAGES = 64  # of the batch that is looked at, as many as in a step


@dataclass(frozen=True)
class Arm:
    """A net and its learning rate.

    Attributes:
        depth: in layers with weights.
        residual: with skips, or plain.
        zeros: start the branches of a residual net at zero.
        peak_lr: the highest rate of the one-cycle schedule.
    """

    depth: int
    residual: bool = False
    zeros: bool = False
    peak_lr: float = DIGITS_RECIPE.peak_lr


ARMS: Mapping[str, Arm] = {
    "plain-56": Arm(56),
    "residual-56": Arm(56, residual=True),
    "plain-20": Arm(20),
    "plain-56, a tenth of the rate": Arm(56, peak_lr=DIGITS_RECIPE.peak_lr / 10),
    "residual-56, zero start": Arm(56, residual=True, zeros=True),
}


@dataclass(frozen=True)
class Run:
    """One training run, looked at from time to time.

    Attributes:
        arm: a key of `ARMS`.
        seed: of weights, batches, and the images that are looked at.
        steps: after how many steps it was looked at; the other tuples have one value for each.
        first, last: norm of the gradient at the first and at the last block's output, in float64.
        first_weight, last_weight: norm of the gradient over norm of the weights, of the first convolution of the first
            block and the last one of the last block: by how much of itself a step at rate 1 moves a layer.
        losses: cross-entropy on the images that are looked at, with batch norm in training mode.
        train_error: percent of all training images, after the last step, in evaluation mode.
    """

    arm: str
    seed: int
    steps: tuple[int, ...]
    first: tuple[float, ...]
    last: tuple[float, ...]
    first_weight: tuple[float, ...]
    last_weight: tuple[float, ...]
    losses: tuple[float, ...]
    train_error: float

    @property
    def ratios(self) -> list[float]:
        """The gradient at the first block over that at the last, at each look: above 1 it grows on its way back."""
        return [first / last for first, last in zip(self.first, self.last, strict=True)]

    @property
    def weight_ratios(self) -> list[float]:
        """How far a step moves the first layer over how far it moves the last, each beside its own size.

        Raises:
            ZeroDivisionError: for branches that start at zero, whose weights have no gradient at first.
        """
        return [first / last for first, last in zip(self.first_weight, self.last_weight, strict=True)]


def look(model: nn.Module, x: Tensor, y: Tensor) -> tuple[float, float, float, float, float]:
    """The values that `Run` has for each look, in its order, of a copy of `model` in float64 and training mode.

    The net that trains keeps its running statistics and its gradients as they were.
    """
    net = copy.deepcopy(model).double().train()
    blocks = [name for name, module in net.named_modules() if isinstance(module, BasicBlock)]
    profile = gradient_profile(net, lambda: F.cross_entropy(net(x.double()), y), outputs=[blocks[0], blocks[-1]])
    first, last = profile.outputs
    moved = {weight.name: weight.norm / weight.size for weight in profile.weights}
    return first.norm, last.norm, moved[f"{blocks[0]}.conv1"], moved[f"{blocks[-1]}.conv2"], profile.loss


def watching(model: nn.Module, steps: Iterable[int], act: Callable[[], None]) -> Callable[[Tensor], Tensor]:
    """A `forward` for `fit` that gives what `model` gives, and calls `act` before it in each of `steps`, from 0."""
    taken, wanted = iter(range(10**9)), set(steps)

    def forward(x: Tensor) -> Tensor:
        if next(taken) in wanted:
            act()
        logits: Tensor = model(x)
        return logits

    return forward


def train(
    arm: str,
    seed: int,
    *,
    steps: Sequence[int] = STEPS,
    recipe: Recipe = DIGITS_RECIPE,
    depth: int | None = None,
    checkpoint: Path | None = None,
) -> Run:
    """Train one net on the digits by `fit`, looking at it after each of `steps`, the last of which is the run's last.

    Args:
        arm: a key of `ARMS`.
        seed: of weights, batches, and the images that are looked at.
        steps: when to look, ascending; a run that ends before one of them looks at the end.
        recipe: how to train; rate and seed are replaced.
        depth: of the net, if not the arm's.
        checkpoint: not used: a run is short.
    """
    data, setting = images_of(None), ARMS[arm]
    with alone(seed):
        net = CifarNet(
            depth or setting.depth,
            residual=setting.residual,
            zero_init_residual=setting.zeros,
            in_channels=data.channels,
        )
        batch = torch.randperm(len(data.train_images), generator=torch.Generator().manual_seed(seed))[:IMAGES]
        x, y = data.train_images[batch], data.train_labels[batch]
        looks: list[tuple[float, ...]] = []
        forward = watching(net, steps, lambda: looks.append(look(net, x, y)))
        fit(net, data, replace(recipe, seed=seed, peak_lr=setting.peak_lr), forward=forward, progress=False)
        looks += [look(net, x, y)] * (len(steps) - len(looks))
        first, last, first_weight, last_weight, losses = zip(*looks, strict=True)
        error = error_rate(net, data.train_images, data.train_labels)
        return Run(arm, seed, tuple(steps), first, last, first_weight, last_weight, losses, error)


def sweep(arms: Iterable[str] = tuple(ARMS), seeds: Sequence[int] = SEEDS) -> list[Run]:
    """`train` of every arm from every seed."""
    return spread(train, product(arms, seeds), bar="networks trained and watched")


def key(run: Run) -> tuple[str, int]:
    """What tells runs apart and sorts them."""
    return run.arm, run.seed


def keys(runs: Iterable[Run]) -> list[tuple[str, int]]:
    """`key` of each run, to find one by."""
    return [key(run) for run in runs]


def record(out: Path, *, seeds: Sequence[int] = SEEDS, workers: int = WORKERS) -> None:
    """`train` every arm and write `out` after every net; called again, go on where it was cut off.

    Raises:
        ValueError: where `out` was recorded with another recipe.
    """
    jobs = {(arm, seed): partial(train, arm, seed) for arm, seed in product(ARMS, seeds)}
    record_all(
        out,
        jobs,
        Run,
        key=key,
        command=lambda keys: (
            f"residual-book along-training --out results/{out.name} --seeds {listed(seed for _, seed in keys)}"
        ),
        label="digits",
        recipe=DIGITS_RECIPE,
        workers=workers,
    )


def select(runs: Iterable[Run], arm: str) -> list[Run]:
    """The runs of one arm, in their order."""
    return [run for run in runs if run.arm == arm]


def over_seeds(runs: Iterable[Run], arm: str, value: Callable[[Run], Sequence[float]]) -> list[Interval]:
    """At each look, the median over an arm's seeds of what `value` gives for it."""
    return [median_interval(seeds) for seeds in zip(*map(value, select(runs, arm)), strict=True)]
