"""A gradient as the sum of the paths it took: at each block through the branch, or past it (Veit et al. 2016).

Told in `book/part1/after-training.md`. n blocks have 2^n paths.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from residual.probes.blocks import Block, find_blocks
from residual.probes.frozen import check_frozen


class PathGradients:
    """The gradient of a loss at the input of a network's first block, by paths.

    Runs `loss` once, which runs the whole of `model`, in evaluation mode, and returns a scalar. The output of each
    block must be the next block's input, as it is in ResNets. Parameters' `grad` fields are left alone. `names` are
    those of the blocks, in order; a path is one of 2^n choices from them.

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
            before[through] = _back(block, x, gradients[through], branch=True)
            before[~through] = _back(block, x, gradients[~through], branch=False)
            gradients = before
        return gradients

    def by_length(self) -> Tensor:
        """The part of all paths through exactly k branches, k from 0 to n: (n + 1, *input of block 1).

        Their sum is the gradient. No path is sampled: what comes through k branches of the last m blocks is what came
        through k of the last m - 1 and past this one, and what came through k - 1 and through it.
        """
        gradients = self._at_end[None]
        for block, x in self._backwards():
            past, through = (_back(block, x, gradients, branch=branch) for branch in (False, True))
            none = torch.zeros_like(past[:1])
            gradients = torch.cat([past, none]) + torch.cat([none, through])
        return gradients

    def _backwards(self) -> Iterator[tuple[Block, Tensor]]:
        return zip(reversed(self._blocks), reversed(self._inputs), strict=True)


def _run(blocks: Sequence[Block], loss: Callable[[], Tensor]) -> tuple[list[Tensor], Tensor, Tensor]:
    """The inputs of the blocks, the output of the last one (a leaf of the graph), and the loss."""
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []

    def before(module: nn.Module, given: Any) -> None:
        if outputs and given[0] is not outputs[-1]:
            name = blocks[len(inputs) % len(blocks)].name
            raise ValueError(f"model: a block must read what the one before put out, {name!r} reads something else")
        inputs.append(given[0].detach())

    def after(module: nn.Module, given: Any, output: Tensor) -> Tensor:
        outputs.append(output.detach().requires_grad_() if module is blocks[-1].module else output)
        return outputs[-1]

    with ExitStack() as hooks:
        for block in blocks:
            hooks.enter_context(block.module.register_forward_pre_hook(before))
            hooks.enter_context(block.module.register_forward_hook(after))
        value = loss()
    if len(inputs) != len(blocks):
        raise ValueError(f"loss must run each of the {len(blocks)} blocks once, it ran {len(inputs)}")
    return inputs, outputs[-1], value


def _back(block: Block, x: Tensor, gradients: Tensor, *, branch: bool) -> Tensor:
    """Carry gradients (P, *output) at a block's output back to its input x: (P, *input), by its branch or by its skip.

    The block's values stay. For the branch, the block gets a detached input and the branch's first layer the true one.
    A projection's output is detached, too: in a pre-activation block it reads the branch's first layers.
    """
    if len(gradients) == 0:
        return x.new_empty(0, *x.shape)
    x = x.clone().requires_grad_()
    given = x.detach() if branch else x

    def read_input(module: nn.Module, inputs: Any) -> tuple[Any, ...]:
        if inputs[0] is not given:
            raise ValueError(f"block {block.name!r}: the first layer of its branch must read the block's input")
        return (x, *inputs[1:])

    detached = block.downsample if branch else block.last
    with torch.enable_grad(), ExitStack() as hooks:
        if branch:
            hooks.enter_context(block.first.register_forward_pre_hook(read_input))
        if detached is not None:
            hooks.enter_context(detached.register_forward_hook(lambda module, inputs, output: output.detach()))
        output = block.module(given)
    (carried,) = torch.autograd.grad(output, x, gradients, is_grads_batched=True)
    return carried
