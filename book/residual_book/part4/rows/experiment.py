"""Does Part I hold on tables? Stacks of linear blocks, plain and residual, trained on calls and looked into.

The whole grid takes too long for a page: it is recorded, resumably, by `residual-book rows-depth`.
"""

import copy
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from residual.probes.gradients import gradient_profile
from residual.probes.lesions import removed
from residual.training import Recipe
from residual_book.part4.rows.calls import Calls, calls
from residual_book.part4.rows.stacks import Stack
from residual_book.recording import RESULTS, alone, listed, provenance, recorded_runs, write_record

RESULT = RESULTS / "rows-depth.json"
SEEDS = (50, 51, 52, 53, 54)  # of the recording, never looked at before
CHOICE_SEED = 20  # chooses each arm's rate, and is not used again
DEPTHS = (2, 8, 32)  # blocks
BATCH = 256
HURT = 2048  # training rows that are looked at without a block
STEPS = 300
LOOKS = (0, 10, 25, 50, 100, 150, 200, 250)  # after how many steps, and at the end
RATES = {"AdamW": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2), "SGD": (0.01, 0.03, 0.1, 0.3)}  # peaks to choose from


@dataclass(frozen=True)
class Arm:
    """A stack and how it is trained, without its rate.

    Attributes:
        blocks: how many.
        residual: with additions, or plain.
        normalized: with batch normalization, or without.
        optimizer: "AdamW", as the network's authors train it, or "SGD", as Part I trains, with momentum.
    """

    blocks: int
    residual: bool
    normalized: bool = True
    optimizer: str = "AdamW"


ARMS = tuple(
    Arm(blocks, residual, normalized, optimizer)
    for optimizer, normalized in (("AdamW", True), ("AdamW", False), ("SGD", True))
    for blocks, residual in product(DEPTHS, (False, True))
)
HURT_ARMS = (Arm(8, residual=False), Arm(8, residual=True), Arm(32, residual=True))  # deep plain ones do not learn


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        arm: what was trained.
        seed: of the organization, the first weights and the batches.
        peak_lr: the highest rate of the one-cycle schedule.
        steps: after how many steps it was looked at.
        ratios: then, the gradient's norm at the first block's output over that at the last one's; above 1 it grows on
            its way back. None where it is no number.
        batch_losses: cross-entropy then, on the batch that is looked at, in training mode.
        train_loss, train_error, test_error: after the last step, in evaluation mode; errors in percent. The loss is
            None where it is no number.
        lesions: training error in percent without one block, for each block in turn, over `HURT` rows.
        intact: with all blocks, over the same rows.
    """

    arm: Arm
    seed: int
    peak_lr: float
    steps: tuple[int, ...]
    ratios: tuple[float | None, ...]
    batch_losses: tuple[float | None, ...]
    train_loss: float | None
    train_error: float
    test_error: float
    lesions: tuple[float, ...] = ()
    intact: float | None = None


def train(
    arm: Arm, seed: int, peak_lr: float, *, rows: Calls | None = None, steps: int = STEPS, lesions: bool = True
) -> Run:
    """Train one stack on the calls of an organization, and look into it."""
    rows = rows or calls(seed)
    recipe = Recipe(epochs=1, batch_size=BATCH, peak_lr=peak_lr)
    with alone(seed):
        net = Stack(rows, arm.blocks, residual=arm.residual, normalized=arm.normalized)
        if arm.optimizer == "AdamW":
            optimizer: torch.optim.Optimizer = torch.optim.AdamW(net.parameters(), weight_decay=1e-5)
        else:
            optimizer = torch.optim.SGD(net.parameters(), momentum=recipe.momentum, weight_decay=recipe.weight_decay)
        looks, batch = [], torch.randperm(rows.train)[:BATCH]
        for step in range(steps):
            if step in LOOKS:
                looks.append(look(net, rows, batch))
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate(step, steps)
            some = torch.randperm(rows.train)[:BATCH]
            optimizer.zero_grad()
            F.cross_entropy(net.train()(rows.numeric[some], rows.categorical[some]), rows.target[some]).backward()
            optimizer.step()
        looks.append(look(net, rows, batch))
        net.eval()
        early, late = slice(0, rows.train), slice(rows.train, None)
        logits = _logits(net, rows, early)
        train_error, test_error = (
            _error(logits, rows.target[early]),
            _error(_logits(net, rows, late), rows.target[late]),
        )
        some = torch.randperm(rows.train)[:HURT]
        hurt, intact = [], _error(_logits(net, rows, some), rows.target[some])
        for name in [f"blocks.{n}" for n in range(arm.blocks)] if lesions else []:
            with removed(net, [name]):
                hurt.append(_error(_logits(net, rows, some), rows.target[some]))
    ratios, losses = zip(*looks, strict=True)
    at = (*(step for step in LOOKS if step < steps), steps)
    loss = _finite(F.cross_entropy(logits, rows.target[early]).item())
    return Run(arm, seed, peak_lr, at, ratios, losses, loss, train_error, test_error, tuple(hurt), intact)


def look(net: Stack, rows: Calls, batch: Tensor) -> tuple[float | None, float | None]:
    """First block over last, and the loss, of a copy of `net` in float64 and training mode; `net` stays as it is."""
    copied = copy.deepcopy(net).double().train()
    numeric, categorical = rows.numeric[batch].double(), rows.categorical[batch]
    names = [f"blocks.{n}" for n in range(len(net.blocks))]
    profile = gradient_profile(
        copied, lambda: F.cross_entropy(copied(numeric, categorical), rows.target[batch]), outputs=names
    )
    last = profile.outputs[-1].norm
    return _finite(profile.first_over_last if last else math.nan), _finite(profile.loss)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


@torch.no_grad()
def _logits(net: Stack, rows: Calls, some: slice | Tensor) -> Tensor:
    logits: Tensor = net(rows.numeric[some], rows.categorical[some])
    return logits


def _error(logits: Tensor, target: Tensor) -> float:
    return 100 * (logits.argmax(dim=1) != target).float().mean().item()


def chosen(runs: Iterable[Run]) -> dict[Arm, float]:
    """The rate at which each arm of the seed that chooses ends with the least training loss."""
    tried = [run for run in runs if run.seed == CHOICE_SEED and run.train_loss is not None]
    return {run.arm: run.peak_lr for run in sorted(tried, key=lambda run: run.train_loss or 0.0, reverse=True)}


def record(out: Path, seeds: Sequence[int] = SEEDS) -> None:
    """Choose each arm's rate, then train it from other seeds; write `out` after each run, and go on where cut off."""
    runs = read(out) if out.exists() else []
    command = f"residual-book rows-depth --out results/{out.name} --seeds {listed(seeds)}"

    def add(arm: Arm, seed: int, peak_lr: float) -> None:
        if any((run.arm, run.seed, run.peak_lr) == (arm, seed, peak_lr) for run in runs):
            return
        runs.append(train(arm, seed, peak_lr, lesions=seed != CHOICE_SEED and arm in HURT_ARMS))
        write_record(out, {"command": command, "provenance": provenance(), "runs": [asdict(run) for run in runs]})

    for arm in ARMS:
        for rate in RATES[arm.optimizer]:
            add(arm, CHOICE_SEED, rate)
    rates = chosen(runs)
    for seed in seeds:
        for arm in ARMS:
            add(arm, seed, rates[arm])


def read(path: Path = RESULT) -> list[Run]:
    """The runs that `record` wrote."""
    return [replace(run, arm=Arm(**run.arm)) for run in recorded_runs(path, Run)]  # type: ignore[arg-type]  # as JSON has it


def of(runs: Iterable[Run], arm: Arm) -> list[Run]:
    """The runs of an arm by seed, without the one that chose its rate."""
    return sorted((run for run in runs if run.arm == arm and run.seed != CHOICE_SEED), key=lambda run: run.seed)
