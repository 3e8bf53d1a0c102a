"""Take a gradient apart into the paths it came along: at each block through the branch, or past it (Veit et al. 2016).

Told in `book/part1/after-training.md`. n blocks have 2^n paths; the gradient is the sum over all of them.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from residual.probes.blocks import Block, find_blocks
from residual.probes.frozen import check_frozen


class PathGradients:
    """The gradient of a loss at the input of a network's first block, by paths.

    Runs `loss` once; the forward pass is that of the whole network. Parameters' `grad` fields are left alone.

    Args:
        model: in evaluation mode. The output of each block must be the next block's input, as it is in ResNets.
        loss: runs `model` and returns a scalar.

    Attributes:
        names: of the blocks, in order; a path has one of 2^n choices from them.

    Raises:
        ValueError: for a model in training mode, without blocks, or with plain blocks, which have one path only; for a
            loss that does not depend on the last block; where something stands between two blocks.
    """

    def __init__(self, model: nn.Module, loss: Callable[[], Tensor]) -> None:
        check_frozen(model)
        self._blocks = list(find_blocks(model).values())
        self.names = tuple(block.name for block in self._blocks)
        plain = [block.name for block in self._blocks if not block.residual]
        if plain:
            raise ValueError(f"model must have residual blocks only, got the plain block {plain[0]!r}")
        self._inputs, end, value = _run(self._blocks, loss)
        if value.numel() != 1 or not value.requires_grad:
            raise ValueError(f"loss must return a scalar that depends on {self.names[-1]!r}, the last block")
        (self._at_end,) = torch.autograd.grad(value, end)

    def along(self, paths: Sequence[Collection[str]]) -> Tensor:
        """The part of each path: through the branches it names and past all others. (len(paths), *input of block 1).

        Raises:
            ValueError: for an unknown name.
        """
        unknown = [name for path in paths for name in path if name not in self.names]
        if unknown:
            raise ValueError(f"paths must name blocks, such as {self.names[0]!r}, got {unknown[0]!r}")
        gradients = self._at_end.expand(len(paths), *self._at_end.shape)
        for block, x in self._backwards():
            through = torch.tensor([block.name in path for path in paths], dtype=torch.bool)
            before = x.new_empty(len(paths), *x.shape)
            before[through] = _back(_branch_only, block, x, gradients[through])
            before[~through] = _back(_skip_only, block, x, gradients[~through])
            gradients = before
        return gradients

    def by_length(self) -> Tensor:
        """The part of all paths through exactly k branches, k from 0 to n: (n + 1, *input of block 1).

        Their sum is the gradient. No path is sampled: what comes through k branches of the last m blocks is what came
        through k of the last m - 1 and past this one, and what came through k - 1 and through it.
        """
        gradients = self._at_end[None]
        for block, x in self._backwards():
            past, through = (_back(only, block, x, gradients) for only in (_skip_only, _branch_only))
            none = torch.zeros_like(past[:1])
            gradients = torch.cat([past, none]) + torch.cat([none, through])
        return gradients

    def _backwards(self) -> Iterator[tuple[Block, Tensor]]:
        return zip(reversed(self._blocks), reversed(self._inputs), strict=True)


def _run(blocks: Sequence[Block], loss: Callable[[], Tensor]) -> tuple[list[Tensor], Tensor, Tensor]:
    """Inputs of the blocks, output of the last one (a leaf of the graph), and the loss."""
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []

    def before(module: nn.Module, given: Any) -> None:
        if outputs and given[0] is not outputs[-1]:
            raise ValueError(
                "model: each block must read what the one before it put out, "
                f"{blocks[len(inputs) % len(blocks)].name!r} reads something else"
            )
        inputs.append(given[0].detach())

    def after(module: nn.Module, given: Any, output: Tensor) -> Tensor:
        outputs.append(output.detach().requires_grad_() if module is blocks[-1].module else output)
        return outputs[-1]

    handles = [block.module.register_forward_pre_hook(before) for block in blocks]
    handles += [block.module.register_forward_hook(after) for block in blocks]
    try:
        value = loss()
    finally:
        for handle in handles:
            handle.remove()
    if len(inputs) != len(blocks):
        raise ValueError(f"loss must run each of the {len(blocks)} blocks once, it ran {len(inputs)}")
    return inputs, outputs[-1], value


def _back(only: Callable[[Block], Any], block: Block, x: Tensor, gradients: Tensor) -> Tensor:
    """Gradients (P, *output) at the block's output, carried to its input along one way: (P, *input)."""
    if len(gradients) == 0:
        return x.new_empty(0, *x.shape)
    x = x.clone().requires_grad_()
    with torch.enable_grad(), only(block):
        output = block.module(x)
    (carried,) = torch.autograd.grad(output, x, gradients, is_grads_batched=True)
    return carried


def _cut(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    return output.detach()


@contextmanager
def _skip_only(block: Block) -> Iterator[None]:
    """The block's values stay; gradients pass through its skip alone."""
    handle = block.last.register_forward_hook(_cut)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _branch_only(block: Block) -> Iterator[None]:
    """The block's values stay; gradients pass through its branch alone.

    The block gets a detached input, and the branch's first layer the true one. What a projection makes is detached too:
    that of a pre-activation block reads what the branch's first layers made.
    """
    true: list[Tensor] = []
    cut: list[Tensor] = []

    def detach(module: nn.Module, inputs: Any) -> tuple[Any, ...]:
        true.append(inputs[0])
        cut.append(inputs[0].detach())
        return (cut[-1], *inputs[1:])

    def put_back(module: nn.Module, inputs: Any) -> tuple[Any, ...]:
        if inputs[0] is not cut[-1]:
            raise ValueError(
                f"block {block.name!r}: the first layer of its branch must read the block's input as it is"
            )
        return (true[-1], *inputs[1:])

    handles = [block.module.register_forward_pre_hook(detach), block.first.register_forward_pre_hook(put_back)]
    if block.downsample is not None:
        handles.append(block.downsample.register_forward_hook(_cut))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
