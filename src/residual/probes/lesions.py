"""Remove blocks from a trained network, or swap them, for as long as a `with` lasts (Veit et al. 2016).

Told in `book/part1/after-training.md`.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from residual.probes.blocks import Block, find_blocks
from residual.probes.frozen import check_frozen


@contextmanager
def removed(model: nn.Module, names: Sequence[str]) -> Iterator[None]:
    """Within the `with`, the blocks in `names` do nothing (Veit et al. 2016, section 4.1).

    The branch of a residual block returns zeros; its skip stays, with its projection where it has one. A plain block
    has no skip: it returns its input. Names are those of `find_blocks`, and `model` must be in evaluation mode.

    Raises:
        ValueError: for a model in training mode or without blocks, or an unknown name; while the model runs, for a
            plain block whose output has another shape than its input.
    """
    with ExitStack() as hooks:
        for block in _blocks(model, names):
            if block.residual:
                zeros = block.last.register_forward_hook(lambda module, inputs, output: torch.zeros_like(output))
                hooks.enter_context(zeros)
            else:
                hooks.enter_context(block.module.register_forward_hook(partial(_unchanged, block.name)))
        yield


def _unchanged(name: str, module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
    given, made = tuple(inputs[0].shape), tuple(output.shape)
    if given != made:
        raise ValueError(f"names: plain block {name!r} must keep its input's shape, it makes {made} of {given}")
    return inputs[0]


@contextmanager
def swapped(model: nn.Module, pairs: Sequence[tuple[str, str]]) -> Iterator[None]:
    """Within the `with`, the two blocks of each pair have changed positions (Veit et al. 2016, section 4.3).

    Pairs are swapped one after the other, so that a block may move more than once. Names, of positions, are those of
    `find_blocks`, and `model` must be in evaluation mode.

    Raises:
        ValueError: for a model in training mode or without blocks, an unknown name, or two blocks that differ in type
            or in the shape of a layer.
    """
    for pair in pairs:
        texts = [repr(block.module) for block in _blocks(model, pair)]  # type, and layers' sizes, strides and padding
        if texts[0] != texts[1]:
            raise ValueError(f"pairs must be blocks of one type and shape, got {pair}: {texts[0]} and {texts[1]}")
    with ExitStack() as undo:
        for pair in pairs:
            _exchange(model, *pair)
            undo.callback(_exchange, model, *pair)
        yield


def _exchange(model: nn.Module, name: str, other: str) -> None:
    block, other_block = model.get_submodule(name), model.get_submodule(other)
    model.set_submodule(name, other_block)
    model.set_submodule(other, block)


def _blocks(model: nn.Module, names: Sequence[str]) -> list[Block]:
    check_frozen(model)
    blocks = find_blocks(model)
    unknown = [name for name in names if name not in blocks]
    if unknown:
        raise ValueError(f"names must be blocks, such as {next(iter(blocks))!r}, got {unknown[0]!r}")
    return [blocks[name] for name in names]
