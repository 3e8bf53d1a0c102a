"""The networks of `residual.vision` in JAX, with Flax NNX: images have their channels last, (N, H, W, C).

Blocks and nets have the names and arguments of `residual.vision`. `from_torch` and `to_torch` carry weights over,
`sgd`, `train_step` and `predict` are compiled, and `residual.nnx.parallel` spreads a batch over devices. Told in
`book/appendix/jax.md`.
"""

from residual.extras import need

need("residual.nnx", "nnx", "jax", "flax", "optax")

from residual.nnx.blocks import BasicBlock, Bottleneck, PreActBlock
from residual.nnx.resnet import CifarNet, ResNet, resnet18, resnet34, resnet50, resnet101, resnet152
from residual.nnx.training import predict, sgd, train_step
from residual.nnx.weights import from_torch, to_torch

__all__ = [
    "BasicBlock",
    "Bottleneck",
    "CifarNet",
    "PreActBlock",
    "ResNet",
    "from_torch",
    "predict",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "sgd",
    "to_torch",
    "train_step",
]
