"""The CIFAR networks of He et al. (2015), section 4.2: plain and residual from the same code.

Told in `book/part1/degradation.md`.
"""

from residual.vision.basic import BasicBlock
from residual.vision.resnet import Block, ResNet
from residual.vision.shortcuts import SHORTCUTS


def blocks_a_stage(depth: int, layers: int) -> int:
    """Blocks in each of a CIFAR net's three stages, for a block of so many weighted layers.

    Raises:
        ValueError: for a depth that is not that of three equal stages, a stem and a head; with the nearest ones.
    """
    step = 3 * layers
    if depth < step + 2 or (depth - 2) % step:
        low = max(step + 2, depth - (depth - 2) % step)
        raise ValueError(f"depth must be {step}n+2 with n of at least 1, got {depth}; nearest: {low} and {low + step}")
    return (depth - 2) // step


class CifarNet(ResNet):
    """The CIFAR net of He et al. (2015), section 4.2: a 3x3 stem and three stages of n blocks.

    (N, in_channels, H, W) -> logits (N, num_classes). Stages have `width`, 2 `width` and 4 `width` channels; the
    second and third halve height and width.

    Args:
        depth: weighted layers, 6n + 2 (20, 32, 44, 56, 110, ...); with bottlenecks 9n + 2 (29, 164, ...).
        block: the kind of block.
        residual: add each block's input to its output; otherwise the same layers make the plain net.
        shortcut: where a block changes shape, "A" (zero padding) or "B" (1x1 convolution); "C" projects everywhere.
        zero_init_residual, in_channels, num_classes, width, v1: as in `ResNet`.

    Raises:
        ValueError: for a depth that does not fit the block, an unknown shortcut, or `zero_init_residual` without skips.
    """

    def __init__(
        self,
        depth: int,
        *,
        block: type[Block] = BasicBlock,
        residual: bool = True,
        shortcut: str = "A",
        zero_init_residual: bool = False,
        in_channels: int = 3,
        num_classes: int = 10,
        width: int = 16,
        v1: bool = False,
    ) -> None:
        if shortcut not in SHORTCUTS:  # also in a plain net, which has no use for it
            raise ValueError(f"shortcut must be one of {SHORTCUTS}, got {shortcut!r}")
        super().__init__(
            block,
            [blocks_a_stage(depth, block.layers)] * 3,
            num_classes=num_classes,
            in_channels=in_channels,
            width=width,
            shortcut=shortcut if residual else None,
            zero_init_residual=zero_init_residual,
            small_images=True,
            v1=v1,
        )
        self.residual = residual
