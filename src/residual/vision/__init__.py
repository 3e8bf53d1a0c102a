"""Networks for images, and the images they are trained on.

Offers ResNet-18 to ResNet-152 and their blocks, the CIFAR nets (plain and residual), weights from files, batch norm
folded away for inference, and the data sets of `residual.vision.data`. `residual.vision.export` writes a network as
ONNX.
"""

from residual.vision.basic import BasicBlock
from residual.vision.bottleneck import Bottleneck
from residual.vision.cifar import CifarNet
from residual.vision.data import ImageData, cifar10, crop_and_flip, digits
from residual.vision.fusion import fuse
from residual.vision.normfree import NormFreeBlock
from residual.vision.preactivation import PreActBlock
from residual.vision.resnet import ResNet, resnet18, resnet34, resnet50, resnet101, resnet152
from residual.vision.weights import load_network, load_weights, save_weights

__all__ = [
    "BasicBlock",
    "Bottleneck",
    "CifarNet",
    "ImageData",
    "NormFreeBlock",
    "PreActBlock",
    "ResNet",
    "cifar10",
    "crop_and_flip",
    "digits",
    "fuse",
    "load_network",
    "load_weights",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "save_weights",
]
