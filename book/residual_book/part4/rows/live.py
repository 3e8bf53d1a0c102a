"""What the page runs itself: parity with the reference, gradients before training, and a short race."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from rtdl_revisiting_models import ResNet
from torch import nn
from tqdm import tqdm

from residual.tabular.resnet import TabularResNet
from residual_book.part4.rows import experiment
from residual_book.part4.rows.calls import Calls, of_rows, single_columns
from residual_book.part4.rows.experiment import BATCH, Arm, Run
from residual_book.part4.rows.stacks import SIZES, Stack
from residual_book.recording import alone
from residual_book.rows import rows

SEEDS = (0, 1, 2)
USERS, DAYS, FITTED = 10, 4, 3  # of the organizations: much smaller than the recorded ones
BLOCKS = (2, 4, 8, 16, 32)
STEPS = 40
RATE = 3e-3  # peak
DEEP = 32


@dataclass(frozen=True)
class Organization:
    """The calls of an organization.

    Attributes:
        seed: of the organization.
        calls: as tensors.
        singles: how often one column by itself names the operation, the best column first.
        events: all events, and the columns of their table.
    """

    seed: int
    calls: Calls
    singles: dict[str, float]
    events: tuple[int, int]


def organizations(seeds: Sequence[int] = SEEDS) -> list[Organization]:
    """A small organization for each seed."""
    found = []
    for seed in tqdm(seeds, desc="organizations"):
        made = rows(seed, users=USERS, days=DAYS, fitted=FITTED)
        found.append(Organization(seed, of_rows(made, FITTED), single_columns(made, FITTED), made.table.shape))
    return found


def parity(of: Calls) -> dict[str, float]:
    """The largest difference between our outputs and the reference's, in either mode, with the reference's weights.

    On the numbers of the calls alone, for the reference's ResNet takes nothing else.
    """
    sizes: dict[str, Any] = {name: size for name, size in SIZES.items() if name != "d_embedding"}
    d_out, width = len(of.operations), of.numeric.shape[1]
    with alone(0):
        reference = ResNet(d_in=width, d_out=d_out, n_blocks=3, dropout1=0.0, dropout2=0.0, **sizes)
        ours = TabularResNet(width, (), n_blocks=3, dropouts=(0.0, 0.0), d_out=d_out, **SIZES)
        reference.train()(of.numeric[: of.train])  # gives it running statistics that a new network does not have
        ours.load_state_dict(reference.state_dict())
        batch, modes = of.numeric[-BATCH:], {"evaluation": False, "training": True}
        return {
            name: (ours.train(mode)(batch) - reference.train(mode)(batch)).abs().max().item()
            for name, mode in modes.items()
        }


def parameters(net: nn.Module) -> dict[str, int]:
    """How many there are in each part of a network."""
    return {name: sum(p.numel() for p in part.parameters()) for name, part in net.named_children()}


@dataclass(frozen=True)
class Start:
    """The gradient at the first block's output over that at the last one's, before the first step."""

    seed: int
    blocks: int
    residual: bool
    normalized: bool
    ratio: float


def starts(organizations: Sequence[Organization]) -> list[Start]:
    """Stacks of every depth in `BLOCKS`, plain and residual, with and without normalization."""
    found = []
    for org, blocks, residual, normalized in product(organizations, BLOCKS, (False, True), (True, False)):
        with alone(org.seed):
            net = Stack(org.calls, blocks, residual=residual, normalized=normalized)
            ratio, _ = experiment.look(net, org.calls, torch.randperm(org.calls.train)[:BATCH])
        found.append(Start(org.seed, blocks, residual, normalized, ratio or 0.0))
    return found


def race(organizations: Sequence[Organization]) -> list[Run]:
    """A deep plain stack and a deep residual one for a few steps, at one rate."""
    jobs = list(product((Arm(DEEP, residual=False), Arm(DEEP, residual=True)), organizations))
    return [
        experiment.train(arm, org.seed, RATE, rows=org.calls, steps=STEPS, lesions=False)
        for arm, org in tqdm(jobs, desc="deep stacks trained")
    ]


def select(found: Iterable[Start], *, residual: bool, normalized: bool, blocks: int) -> list[Start]:
    """The starts of one kind of stack and one depth."""
    wanted = (residual, normalized, blocks)
    return [start for start in found if (start.residual, start.normalized, start.blocks) == wanted]
