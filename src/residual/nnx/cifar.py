"""The CIFAR networks of `residual.vision.cifar` in Flax NNX. Told in `book/part2/jax.md`."""

from flax import nnx

from residual.nnx.basic import BasicBlock
from residual.nnx.resnet import Block, ResNet
from residual.vision.arguments import blocks_a_stage


class CifarNet(ResNet):
    """The CIFAR net of He et al. (2015), section 4.2: (N, H, W, in_channels) -> logits (N, num_classes).

    Arguments and their meaning are those of `residual.vision.CifarNet`, and `rngs` as in `ResNet`.

    Raises:
        ValueError: for a depth that does not fit the block, and as `ResNet`.
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
        rngs: nnx.Rngs | None = None,
    ) -> None:
        super().__init__(
            block,
            [blocks_a_stage(depth, block.layers)] * 3,
            num_classes=num_classes,
            in_channels=in_channels,
            width=width,
            shortcut=shortcut if residual else None,
            zero_init_residual=zero_init_residual,
            small_images=True,
            rngs=rngs,
        )
        self.residual = residual
