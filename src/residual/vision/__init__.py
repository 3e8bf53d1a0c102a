"""Networks for images, and the images they are trained on."""

from residual.vision.basic import BasicBlock
from residual.vision.bottleneck import Bottleneck
from residual.vision.cifar import CifarNet
from residual.vision.fusion import fuse
from residual.vision.normfree import NormFreeBlock
from residual.vision.preactivation import PreActBlock
from residual.vision.resnet import ResNet, resnet18, resnet34, resnet50, resnet101, resnet152
from residual.vision.weights import load_weights, save_weights

__all__ = [
    "BasicBlock",
    "Bottleneck",
    "CifarNet",
    "NormFreeBlock",
    "PreActBlock",
    "ResNet",
    "fuse",
    "load_weights",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "save_weights",
]
