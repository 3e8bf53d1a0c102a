"""The networks of `residual.vision` in JAX, with Flax NNX. Told in `book/part2/jax.md`."""

from residual.nnx.basic import BasicBlock
from residual.nnx.bottleneck import Bottleneck
from residual.nnx.cifar import CifarNet
from residual.nnx.preactivation import PreActBlock
from residual.nnx.resnet import ResNet, resnet18, resnet34, resnet50, resnet101, resnet152
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
