"""Batch norm folded into the convolution before it, for inference. Told in `book/part2/resnet.md`."""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from residual.vision.resnet import ResNet
from residual.vision.shortcuts import ProjectionShortcut


def fuse(model: ResNet) -> ResNet:
    """A copy of `model` for inference, with each batch norm that follows a convolution folded into it.

    In evaluation mode batch norm is a constant multiplication and addition for each channel, so the convolution's
    weights can do both: w' = w gamma / sqrt(var + eps), b' = beta - mean gamma / sqrt(var + eps) (Ioffe & Szegedy 2015,
    section 3.1). The copy is in evaluation mode and cannot be trained. It keeps its weights in channels_last order,
    which convolutions on CPUs prefer, and takes images in either. Its logits are those of `model` up to rounding.
    """
    fused = copy.deepcopy(model).eval()
    if not model.preactivated:
        _fold(fused, "conv1", "bn1")
    for block in fused.blocks():
        for convolution, norm in block.folds:
            _fold(block, convolution, norm)
        if isinstance(block.downsample, ProjectionShortcut) and len(block.downsample) == 2:
            _fold(block.downsample, "0", "1")
    fused.requires_grad_(False)
    return fused.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form


def _fold(parent: nn.Module, convolution: str, norm: str) -> None:
    conv, bn = parent.get_submodule(convolution), parent.get_submodule(norm)
    if isinstance(conv, nn.Conv2d) and isinstance(bn, nn.BatchNorm2d):  # otherwise it is folded already
        parent.set_submodule(convolution, fuse_conv_bn_eval(conv, bn))
        parent.set_submodule(norm, nn.Identity())
