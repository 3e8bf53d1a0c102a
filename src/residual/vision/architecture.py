"""What a network is besides its weights: the arguments that make it, as a file can hold them."""

import json
from typing import Any

from residual.vision.basic import BasicBlock
from residual.vision.bottleneck import Bottleneck
from residual.vision.cifar import CifarNet
from residual.vision.normfree import NormFreeBlock
from residual.vision.preactivation import PreActBlock
from residual.vision.resnet import ResNet

NETS = {net.__name__: net for net in (ResNet, CifarNet)}
BLOCKS = {block.__name__: block for block in (BasicBlock, Bottleneck, NormFreeBlock, PreActBlock)}


def arguments(net: Any) -> dict[str, Any]:
    """The arguments that a net, torch's or its JAX copy, was built with; all but its block and its random numbers."""
    given = {name: getattr(net, name) for name in ("num_classes", "in_channels", "width", "v1")}
    if not hasattr(net, "residual"):  # it is no CIFAR net, which is told its depth and not its layers
        return given | {name: getattr(net, name) for name in ("layers", "shortcut", "small_images")}
    return given | {"depth": net.depth, **({"shortcut": net.shortcut} if net.residual else {"residual": False})}


def describe(model: ResNet) -> str:
    """Class, block and arguments of `model` as JSON, from which `build` makes the same network with new weights."""
    return json.dumps({"net": type(model).__name__, "block": model.block.__name__, **arguments(model)})


def build(described: str) -> ResNet:
    """A new network of the kind that `describe` told of.

    Raises:
        ValueError: for a text that tells of no network here.
    """
    try:
        told = json.loads(described)
        net: Any = NETS[told.pop("net")]
        made: ResNet = net(block=BLOCKS[told.pop("block")], **told)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"expected a network of residual.vision, got {described!r}: {error!r}") from error
    return made
