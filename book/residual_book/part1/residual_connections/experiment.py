"""Two questions to a residual block: does its Jacobian hold "+ I", and is the identity easier to learn with a skip?"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from residual.probes.jacobian import jacobian
from residual.vision import BasicBlock, PreActBlock
from residual_book.recording import alone

SEEDS = tuple(range(10))
BLOCKS: dict[str, type[BasicBlock | PreActBlock]] = {"original": BasicBlock, "pre-activation": PreActBlock}


@dataclass(frozen=True)
class JacobianCheck:
    """How far a block's Jacobian J is from two formulas, as relative Frobenius errors.

    Attributes:
        block: a key of `BLOCKS`: "original" (a ReLU after the addition) or "pre-activation" (nothing after it).
        seed: of weights and input.
        plus_identity: distance of J from J_F + I, over the norm of J.
        masked: distance of J from D (J_F + I), where D keeps the rows whose last ReLU is open; D = I without that ReLU.
        closed: share of the block's outputs whose last ReLU is closed.
    """

    block: str
    seed: int
    plus_identity: float
    masked: float
    closed: float


def check_jacobian(block: str, seed: int, *, channels: int = 4, size: int = 6, images: int = 3) -> JacobianCheck:
    """Compare a block's Jacobian with J_F + I on inputs like those inside a net: non-negative, batch norm in use."""
    with alone(seed):
        module = BLOCKS[block](channels, channels)
        x = F.relu(torch.randn(images, channels, size, size, dtype=torch.float64))
        module.double()
        whole, plus_identity = jacobian(module, x), jacobian(module.branch, x) + torch.eye(x.numel(), dtype=x.dtype)
        is_open = (module(x) > 0).flatten() if block == "original" else torch.ones(x.numel(), dtype=torch.bool)

    def error(formula: Tensor) -> float:
        return float((whole - formula).norm() / whole.norm())

    closed = float((~is_open).double().mean())
    return JacobianCheck(block, seed, error(plus_identity), error(plus_identity * is_open[:, None]), closed)


@dataclass(frozen=True)
class IdentityRun:
    """A block trained to return its input; `errors` has the relative squared error before each step, and the last."""

    residual: bool
    seed: int
    errors: tuple[float, ...]


def learn_identity(residual: bool, seed: int, *, steps: int = 100, channels: int = 8) -> IdentityRun:
    """Train one block, from its usual initialization, to be the identity on non-negative inputs (Adam, 0.01).

    Fresh inputs every step, so that the block cannot learn a fixed set by heart. Errors are mean squared distances over
    the inputs' mean square: 1 is as good as returning zeros.
    """
    with alone(seed):
        block = BasicBlock(channels, channels, shortcut="A" if residual else None)
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.Adam(block.parameters(), lr=0.01)
        errors = []
        for _ in range(steps + 1):
            x = F.relu(torch.randn(32, channels, 8, 8, generator=generator))
            error = F.mse_loss(block(x), x) / x.square().mean()
            errors.append(error.item())
            optimizer.zero_grad()
            error.backward()
            optimizer.step()
    return IdentityRun(residual, seed, tuple(errors))


def check_jacobians(seeds: Sequence[int] = SEEDS) -> list[JacobianCheck]:
    """`check_jacobian` of both blocks from every seed."""
    return [check_jacobian(block, seed) for block in BLOCKS for seed in seeds]


def learn_identities(seeds: Sequence[int] = SEEDS) -> list[IdentityRun]:
    """`learn_identity` of the plain and the residual block from every seed."""
    return [learn_identity(residual, seed) for residual in (False, True) for seed in seeds]
