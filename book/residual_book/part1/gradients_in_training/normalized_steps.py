"""Steps of one size in every layer, so that a gradient's size does no harm, beside ordinary SGD; rates swept for both.

Recorded, resumably, by `residual-book normalized-steps --out results/normalized-steps-digits.json`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from residual.training import Recipe, error_rate, fit
from residual.vision import CifarNet
from residual_book.nets import DIGITS_RECIPE
from residual_book.recording import WORKERS, alone, images_of, record_all, recorded_runs, spread

NETS: Mapping[str, bool] = {"plain-56": False, "residual-56": True}  # residual or not; branches do not start at zero
# The peaks that each kind of step chooses from: as many for both, half a decade apart.
RATES: Mapping[str, tuple[float, ...]] = {
    "ordinary": (0.01, 0.03, 0.1, 0.3, 1.0),
    "normalized": (0.001, 0.003, 0.01, 0.03, 0.1),
}
CHOICE_SEEDS = (20, 21)  # by which a rate is chosen, and nothing else
SEEDS = (0, 1, 2, 3, 4)  # that are compared
EPSILON = 1e-12  # added to a norm that is divided by


@dataclass(frozen=True)
class Run:
    """One net after training; one whose loss was no longer finite counts as guessing among ten classes.

    Attributes:
        net: a key of `NETS`.
        steps: a key of `RATES`: which kind of steps.
        peak_lr: of the one-cycle schedule.
        seed: of weights and batches.
        train_error, test_error: percent, in evaluation mode, with batch norm's statistics measured once more over all
            training images.
        running_error: percent of the training images, with the statistics that batch norm kept while it trained. They
            lag behind weights that move fast.
        batch_loss, batch_error: cross-entropy, and percent wrong, over the last epoch's batches as they were trained
            on: batch norm has the batch's own statistics then.
    """

    net: str
    steps: str
    peak_lr: float
    seed: int
    train_error: float
    test_error: float
    running_error: float
    batch_loss: float
    batch_error: float


def normalize_steps(model: nn.Module) -> None:
    """From now on, scale the gradient of each weight, when it has been computed, to the size of the weight itself.

    Then a step of plain SGD moves every convolution, and the last layer, by the rate times its own norm: the layer-wise
    rates of You et al. (2017), whose gradients may explode or vanish from layer to layer and do no harm. Scales and
    shifts of batch norm, and biases, have no size of their own, for shifts start at zero. Their gradients are shortened
    to that of a vector of ones where they are longer, and left as they are elsewhere.
    """

    def scale(parameter: torch.Tensor) -> None:
        assert parameter.grad is not None
        length = parameter.grad.norm()
        if parameter.ndim > 1:
            # A gradient that is zero stays zero: behind a layer whose units are all off, every gradient is.
            parameter.grad.mul_(parameter.detach().norm() / (length + EPSILON))
        else:
            parameter.grad.mul_((math.sqrt(parameter.numel()) / (length + EPSILON)).clamp_max(1))

    for parameter in model.parameters():
        parameter.register_post_accumulate_grad_hook(scale)


def train(
    net: str,
    steps: str,
    peak_lr: float,
    seed: int,
    *,
    depth: int = 56,
    recipe: Recipe = DIGITS_RECIPE,
    checkpoint: Path | None = None,
) -> Run:
    """Train one net on the digits by `fit`, which is the same for both kinds of steps, momentum and decay included."""
    data = images_of(None)
    with alone(seed):
        model = CifarNet(depth, residual=NETS[net], in_channels=data.channels)
        if steps == "normalized":
            normalize_steps(model)
        recipe = replace(recipe, peak_lr=peak_lr, seed=seed)
        try:
            history = fit(model, data, recipe, checkpoint=checkpoint, progress=False)
        except FloatingPointError:
            return Run(net, steps, peak_lr, seed, 90.0, 90.0, 90.0, math.log(10), 90.0)
        running_error = error_rate(model, data.train_images, data.train_labels)
        update_bn([data.train_images], model)
        return Run(
            net,
            steps,
            peak_lr,
            seed,
            train_error=error_rate(model, data.train_images, data.train_labels),
            test_error=error_rate(model, data.test_images, data.test_labels),
            running_error=running_error,
            batch_loss=history.train_loss[-1],
            batch_error=history.train_error[-1],
        )


def key(run: Run) -> tuple[str, str, float, int]:
    """What tells runs apart and sorts them."""
    return run.net, run.steps, run.peak_lr, run.seed


def tried(runs: Iterable[Run], net: str, steps: str) -> list[Run]:
    """The runs of one net with one kind of steps from which its rate is chosen."""
    return [run for run in runs if (run.net, run.steps) == (net, steps) and run.seed in CHOICE_SEEDS]


def best_rate(runs: Iterable[Run], net: str, steps: str) -> float:
    """The rate with the lowest mean loss in the last epoch, over the seeds that are for the choice alone."""
    losses: dict[float, float] = {}
    for run in tried(runs, net, steps):
        losses[run.peak_lr] = losses.get(run.peak_lr, 0.0) + run.batch_loss
    return min(losses, key=losses.__getitem__)


def compared(runs: Sequence[Run], net: str, steps: str) -> list[Run]:
    """The runs at the best rate from all other seeds than those it was chosen by."""
    arm = net, steps, best_rate(runs, net, steps)
    return [run for run in runs if key(run)[:3] == arm and run.seed not in CHOICE_SEEDS]


def chosen(runs: Sequence[Run]) -> list[Run]:
    """The runs by which rates were chosen, of all arms."""
    return [run for net, steps in product(NETS, RATES) for run in tried(runs, net, steps)]


def sweep(runs: Sequence[Run], seeds: Sequence[int]) -> list[Run]:
    """`train` of every arm from `seeds`, at the rate that is best in `runs`."""
    jobs = [(net, steps, best_rate(runs, net, steps), seed) for net, steps, seed in product(NETS, RATES, seeds)]
    return spread(train, jobs, bar="networks trained")


def record(out: Path, *, workers: int = WORKERS) -> None:
    """Choose the rates, compare, and write `out` after every net; called again, go on where it was cut off.

    Raises:
        ValueError: where `out` was recorded with another recipe.
    """

    def go_on(jobs: Iterable[tuple[str, str, float, int]]) -> None:
        record_all(
            out,
            {job: partial(train, *job) for job in jobs},
            Run,
            key=key,
            command=lambda keys: f"residual-book normalized-steps --out results/{out.name}",
            label="digits",
            recipe=DIGITS_RECIPE,
            workers=workers,
        )

    arms = tuple(product(NETS, RATES))
    go_on((net, steps, rate, seed) for seed, (net, steps) in product(CHOICE_SEEDS, arms) for rate in RATES[steps])
    best = {arm: best_rate(recorded_runs(out, Run), *arm) for arm in arms}
    go_on((*arm, best[arm], seed) for seed, arm in product(SEEDS, arms))
