"""The CIFAR networks of He et al. (2015), section 4.2: plain and residual from the same code.

Told in `book/part1/degradation.md`.
"""

from typing import Any

from residual.vision.arguments import blocks_a_stage
from residual.vision.basic import BasicBlock
from residual.vision.resnet import Block, ResNet
from residual.vision.shortcuts import SHORTCUTS


class CifarNet(ResNet):
    """The CIFAR net of He et al. (2015), section 4.2: a 3x3 stem and three stages of n blocks.

    (N, in_channels, H, W) -> logits (N, num_classes). Stages have `width`, 2 `width` and 4 `width` channels; the
    second and third halve height and width.

    Args:
        depth: weighted layers, 6n + 2 (20, 32, 44, 56, 110, ...); with bottlenecks 9n + 2 (29, 164, ...).
        block: the kind of block.
        residual: add each block's input to its output; without it the same layers make the plain net.
        shortcut: where a block changes shape, "A" (zero padding) or "B" (1x1 convolution); "C" projects everywhere.
        zero_init_residual: as in `ResNet`.
        in_channels: channels of the images.
        num_classes: number of logits.
        width: channels of the first stage.

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
    ) -> None:
        if shortcut not in SHORTCUTS:  # in a plain net, too, where it would go unused
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
        )
        self.residual = residual


def resnet20(**options: Any) -> CifarNet:
    """ResNet-20 for CIFAR, 269,722 parameters with shortcut A. Options as in `CifarNet`."""
    return CifarNet(20, **options)


def resnet32(**options: Any) -> CifarNet:
    """ResNet-32 for CIFAR, 464,154 parameters with shortcut A. Options as in `CifarNet`."""
    return CifarNet(32, **options)


def resnet44(**options: Any) -> CifarNet:
    """ResNet-44 for CIFAR, 658,586 parameters with shortcut A. Options as in `CifarNet`."""
    return CifarNet(44, **options)


def resnet56(**options: Any) -> CifarNet:
    """ResNet-56 for CIFAR, 853,018 parameters with shortcut A. Options as in `CifarNet`."""
    return CifarNet(56, **options)


def resnet110(**options: Any) -> CifarNet:
    """ResNet-110 for CIFAR, 1,727,962 parameters with shortcut A. Options as in `CifarNet`."""
    return CifarNet(110, **options)
