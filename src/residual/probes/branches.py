"""How large each block's branch is, compared with its skip (De & Smith 2020).

Told in `book/part1/before-training.md`.
"""

import math
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from residual.probes.blocks import find_blocks


@dataclass(frozen=True)
class BranchSize:
    """The two terms of a block's sum, branch and skip: root mean squares over the batch and all entries.

    Where the skip has a projection, its size is that of the projection's output.
    """

    name: str
    branch: float
    skip: float

    @property
    def ratio(self) -> float:
        """Branch over skip: 0 where the block is its skip; inf where the skip is zero and the branch is not."""
        if self.skip == 0:
            return math.inf if self.branch else 0.0
        return self.branch / self.skip


@torch.no_grad()
def branch_sizes(model: nn.Module, inputs: Tensor) -> list[BranchSize]:
    """The sizes at each residual block of `model`, in order, in one forward pass on `inputs`.

    The model runs in the mode it is in: batch norm in training mode uses the batch and updates its running statistics,
    as in any forward pass.

    Raises:
        ValueError: for a model without blocks, with none that is residual, or with one that does not run once; for a
            block with a parameter of its own, such as a scale behind the branch's last layer.
    """
    blocks = [block for block in find_blocks(model).values() if block.residual]
    if not blocks:
        raise ValueError(f"model must have residual blocks, all blocks of {type(model).__name__} are plain")
    for block in blocks:
        own = next((name for name, _ in block.module.named_parameters(recurse=False)), None)
        if own is not None:
            raise ValueError(f"block {block.name!r} must add what its last layer puts out, it has {own!r} besides")
    branches: list[list[float]] = [[] for _ in blocks]
    skips: list[list[float]] = [[] for _ in blocks]

    # Measured in the hook, not kept: a block may add in place to what its branch returned.
    def measure(sizes: list[float], _: nn.Module, given: tuple[Tensor], output: Tensor | None = None) -> None:
        """Take the size of a module's output or, called before the module, of its input."""
        values = given[0] if output is None else output
        sizes.append(values.double().square().mean().sqrt().item())

    with ExitStack() as hooks:
        for block, branch, skip in zip(blocks, branches, skips, strict=True):
            hooks.enter_context(block.last.register_forward_hook(partial(measure, branch)))
            if block.downsample is None:
                hooks.enter_context(block.module.register_forward_pre_hook(partial(measure, skip)))
            else:
                hooks.enter_context(block.downsample.register_forward_hook(partial(measure, skip)))
        model(inputs)
    sizes = []
    for block, branch, skip in zip(blocks, branches, skips, strict=True):
        if len(branch) != 1 or len(skip) != 1:
            raise ValueError(f"model: block {block.name!r} must run once, it ran {len(branch)} times")
        sizes.append(BranchSize(block.name, *branch, *skip))
    return sizes
