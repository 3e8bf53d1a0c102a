"""How many of a residual net's skips its last ReLUs stop, block by block, before and after training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from residual.vision import BasicBlock, CifarNet
from residual_book.nets import DIGITS_RECIPE, trained
from residual_book.recording import alone, images_of, spread

DEPTH = 56
SEEDS = (0, 1, 2)
NETS = ("new", "trained", "trained from zeroed branches")
IMAGES = 360


@dataclass(frozen=True)
class Closed:
    """The ReLUs after the additions of one net, on digits, with batch norm over the batch; one share per block.

    Attributes:
        net: one of `NETS`.
        seed: of the net.
        outputs: share of the block's outputs that are zero.
        skips: share of the positive values on the skip that the ReLU stops, because the branch is more negative.
    """

    net: str
    seed: int
    outputs: tuple[float, ...]
    skips: tuple[float, ...]


def closed(net: str, seed: int) -> Closed:
    """Count the closed ReLUs of a net, one of `NETS`, on training images."""
    data, recipe = images_of(None), replace(DIGITS_RECIPE, seed=seed)
    with alone(seed):
        if net == "new":
            model = CifarNet(DEPTH, in_channels=data.channels)
        else:
            model, _ = trained(DEPTH, True, recipe, zero_init=net == NETS[2])
        outputs, skips = [], []

        def count(block: torch.nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            assert isinstance(block, BasicBlock)
            skip = inputs[0] if block.downsample is None else block.downsample(inputs[0])
            outputs.append(float((output == 0).double().mean()))
            skips.append(float((output[skip > 0] == 0).double().mean()))

        for block in model.blocks():
            block.register_forward_hook(count)
        model.train()
        with torch.no_grad():
            model(data.train_images[:IMAGES])
    return Closed(net, seed, tuple(outputs), tuple(skips))


def in_nets(seeds: Sequence[int] = SEEDS) -> list[Closed]:
    """`closed` of every net from every seed."""
    return spread(closed, [(net, seed) for net in reversed(NETS) for seed in seeds], bar="nets looked into")
