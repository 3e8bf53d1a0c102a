"""How large each block's branch is beside its skip (De & Smith 2020).

Told in `book/part1/before-training.md`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from residual.probes.blocks import Block, find_blocks


@dataclass(frozen=True)
class BranchSize:
    """Root mean squares over the batch and all entries of what a block adds: its branch, and its skip.

    Attributes:
        name: of the block.
        branch: of the branch's output.
        skip: of the skip's, behind its projection where it has one.
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
            raise ValueError(
                f"model: block {block.name!r} must add what its last layer puts out, it has {own!r} besides"
            )
    branches: dict[str, list[float]] = {block.name: [] for block in blocks}
    skips: dict[str, list[float]] = {block.name: [] for block in blocks}

    # Measured in the hook, not kept: a block may add in place to what its branch returned.
    def output_into(sizes: list[float]) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda module, given, output: sizes.append(_rms(output))

    def input_into(sizes: list[float]) -> Callable[[nn.Module, Any], None]:
        return lambda module, given: sizes.append(_rms(given[0]))

    handles = []
    for block in blocks:
        handles.append(block.last.register_forward_hook(output_into(branches[block.name])))
        skip = skips[block.name]
        handles.append(
            block.module.register_forward_pre_hook(input_into(skip))
            if block.downsample is None
            else block.downsample.register_forward_hook(output_into(skip))
        )
    try:
        model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return [_size(block, branches[block.name], skips[block.name]) for block in blocks]


def _size(block: Block, branch: list[float], skip: list[float]) -> BranchSize:
    if len(branch) != 1 or len(skip) != 1:
        raise ValueError(f"model: block {block.name!r} must run once, it ran {len(branch)} times")
    return BranchSize(block.name, branch[0], skip[0])


def _rms(values: Tensor) -> float:
    return values.double().square().mean().sqrt().item()
