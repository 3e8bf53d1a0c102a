"""Take blocks out of a trained network, or let them change places, for as long as a `with` lasts (Veit et al. 2016).

Told in `book/part1/after-training.md`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from residual.probes.blocks import Block, find_blocks
from residual.probes.frozen import check_frozen


@contextmanager
def removed(model: nn.Module, names: Sequence[str]) -> Iterator[None]:
    """Within the `with`, the blocks in `names` do nothing (Veit et al. 2016, section 4.1).

    The branch of a residual block gives zeros, and its skip stays, with its projection where it has one. A plain block
    has no skip: it hands its input on.

    Args:
        model: in evaluation mode.
        names: of blocks, as in `find_blocks`.

    Raises:
        ValueError: for a model in training mode or without blocks, or an unknown name; while the model runs, for a
            plain block whose output has another shape than its input.
    """
    check_frozen(model)
    blocks = find_blocks(model)
    chosen = [_block(blocks, name) for name in names]
    with ExitStack() as undo:
        for block in chosen:
            handle = (
                block.last.register_forward_hook(_zeros)
                if block.residual
                else block.module.register_forward_hook(_handed_on(block.name))
            )
            undo.callback(handle.remove)
        yield


def _zeros(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    return torch.zeros_like(output)


def _handed_on(name: str) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    def hook(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        given: Tensor = inputs[0]
        if given.shape != output.shape:
            raise ValueError(
                f"names: plain block {name!r} must keep its input's shape to be removed, "
                f"it makes {tuple(output.shape)} of {tuple(given.shape)}"
            )
        return given

    return hook


@contextmanager
def swapped(model: nn.Module, pairs: Sequence[tuple[str, str]]) -> Iterator[None]:
    """Within the `with`, the two blocks of each pair stand in each other's place (Veit et al. 2016, section 4.3).

    Pairs are swapped one after the other, so that a block may move more than once. A name is that of a place.

    Args:
        model: in evaluation mode.
        pairs: of names of blocks, as in `find_blocks`.

    Raises:
        ValueError: for a model in training mode or without blocks, an unknown name, or two blocks that differ in type
            or in the shape of a layer.
    """
    check_frozen(model)
    blocks = find_blocks(model)
    for pair in pairs:
        one, other = (_block(blocks, name).module for name in pair)
        if repr(one) != repr(other):  # a module's text has its type and its layers' sizes, strides and padding
            raise ValueError(
                f"pairs must be blocks of one type and shape, got {pair[0]!r}: {one}, {pair[1]!r}: {other}"
            )
    with ExitStack() as undo:
        for pair in pairs:
            _exchange(model, *pair)
            undo.callback(_exchange, model, *pair)
        yield


def _exchange(model: nn.Module, one: str, other: str) -> None:
    first, second = model.get_submodule(one), model.get_submodule(other)
    model.set_submodule(one, second)
    model.set_submodule(other, first)


def _block(blocks: dict[str, Block], name: str) -> Block:
    if name not in blocks:
        raise ValueError(f"names must be blocks, such as {next(iter(blocks))!r}, got {name!r}")
    return blocks[name]
