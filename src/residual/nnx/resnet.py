"""The networks of `residual.vision` in Flax NNX: the same names, images with channels last (N, H, W, C).

Told in `book/appendix/jax.md`.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from residual.nnx.blocks import BasicBlock, Bottleneck, PreActBlock
from residual.nnx.layers import BatchNorm, convolution, linear
from residual.vision.cifar import blocks_a_stage
from residual.vision.resnet import check_network, named

Block = BasicBlock | Bottleneck | PreActBlock
Images = jax.Array | np.ndarray


class ResNet(nnx.Module):
    """A residual network for images: (N, H, W, in_channels) -> logits (N, num_classes).

    Arguments and their meaning are those of `residual.vision.ResNet`. A new net is in training mode; `train()` and
    `eval()` change it, as in torch.

    Args:
        rngs: the random numbers that the weights are made from, such as `nnx.Rngs(0)`; JAX has no global generator.

    Raises:
        ValueError: for a bad argument; when called, for images of another kind, rank, dtype or number of channels.
    """

    def __init__(
        self,
        block: type[Block],
        layers: Sequence[int],
        *,
        num_classes: int = 1000,
        in_channels: int = 3,
        width: int = 64,
        shortcut: str | None = "B",
        zero_init_residual: bool = False,
        small_images: bool = False,
        v1: bool = False,
        rngs: nnx.Rngs | None = None,
    ) -> None:
        if not isinstance(rngs, nnx.Rngs):
            raise ValueError(f"rngs must be given, as flax.nnx.Rngs(seed) for the initial weights, got {rngs!r}")
        self.block, self.layers, self.shortcut = block, tuple(layers), shortcut
        self.num_classes, self.in_channels, self.width = num_classes, in_channels, width
        self.small_images, self.v1 = small_images, v1
        check_network(self, zero_init_residual=zero_init_residual)
        self.depth = 2 + block.layers * sum(layers)

        size, stride = (3, 1) if small_images else (7, 2)
        self.conv1 = convolution(in_channels, width, size, stride=stride, rngs=rngs)
        options: dict[str, Any] = {"v1": True} if v1 else {}
        features = width
        self.stages = tuple(f"layer{i + 1}" for i in range(len(layers)))
        for i, (stage, blocks) in enumerate(zip(self.stages, layers, strict=True)):
            of_stage: nnx.List[Block] = nnx.List()  # a bare list would be refused
            for j in range(blocks):
                stride = 2 if i > 0 and j == 0 else 1
                of_stage.append(block(features, width * 2**i, stride=stride, shortcut=shortcut, rngs=rngs, **options))
                features = width * 2**i * block.expansion
            setattr(self, stage, of_stage)
        self.bn1 = BatchNorm(features if block.preactivated else width, rngs=rngs)
        self.fc = linear(features, num_classes, rngs=rngs)
        if zero_init_residual:
            for made in self.blocks():
                made.zero_branch()

    def blocks(self) -> list[Block]:
        """All blocks, from the stem to the head."""
        return [block for stage in self.stages for block in getattr(self, stage)]

    def stem(self, images: jax.Array) -> jax.Array:
        """What the first stage reads: (N, H, W, in_channels) -> (N, H / 4, W / 4, width), or H, W for small images."""
        x = self.conv1(images)
        if not self.block.preactivated:
            x = nnx.relu(self.bn1(x))
        return x if self.small_images else nnx.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))

    def features(self, images: Images) -> jax.Array:
        """The embedding that the linear layer reads: (N, H, W, in_channels) -> (N, fc.in_features)."""
        self._check(images)
        x = self.stem(jnp.asarray(images))
        for block in self.blocks():
            x = block(x)
        if self.block.preactivated:
            x = nnx.relu(self.bn1(x))
        return jnp.mean(x, axis=(1, 2))

    def __call__(self, images: Images) -> jax.Array:
        return self.fc(self.features(images))

    def _check(self, images: Images) -> None:
        if not isinstance(images, Images):
            raise ValueError(f"images must be an array of JAX or NumPy, got {type(images).__name__}")
        if images.ndim != 4 or images.shape[-1] != self.in_channels:
            expected, got = f"(N, H, W, {self.in_channels})", images.shape
            message = f"images must have shape {expected}, got {got}"
            if images.ndim == 4 and images.shape[1] == self.in_channels:
                message += "; that is torch's order, for images.transpose(0, 2, 3, 1)"
            raise ValueError(message)
        if 0 in images.shape[1:3]:
            raise ValueError(f"images must have at least one pixel, got shape {images.shape}")
        dtype = self.conv1.kernel[...].dtype
        if images.dtype != dtype:
            raise ValueError(f"images must have the weights' dtype, {dtype}, got {images.dtype}")


class CifarNet(ResNet):
    """The CIFAR net of He et al. (2015), section 4.2: (N, H, W, in_channels) -> logits (N, num_classes).

    Arguments and errors are those of `residual.vision.CifarNet`, and `rngs` as in `ResNet`.
    """

    def __init__(
        self, depth: int, *, block: type[Block] = BasicBlock, residual: bool = True, shortcut: str = "A", **options: Any
    ) -> None:
        layers, options = [blocks_a_stage(depth, block.layers)] * 3, {"num_classes": 10, "width": 16} | options
        super().__init__(block, layers, shortcut=shortcut if residual else None, small_images=True, **options)
        self.residual = residual


resnet18 = named(ResNet, "resnet18", BasicBlock, (2, 2, 2, 2), 11_689_512)
resnet34 = named(ResNet, "resnet34", BasicBlock, (3, 4, 6, 3), 21_797_672)
resnet50 = named(ResNet, "resnet50", Bottleneck, (3, 4, 6, 3), 25_557_032)
resnet101 = named(ResNet, "resnet101", Bottleneck, (3, 4, 23, 3), 44_549_160)
resnet152 = named(ResNet, "resnet152", Bottleneck, (3, 8, 36, 3), 60_192_808)
