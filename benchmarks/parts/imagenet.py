"""ResNet-18 and ResNet-50 beside torchvision's and timm's, from the same weights: a training step.

The networks themselves, with which `inference` is measured, too.
"""

import copy
from collections.abc import Callable
from types import ModuleType

import torch
import torch.nn.functional as F
from parts.peers import has_bf16
from parts.turns import Arms, Comparison, take_turns
from torch import nn

from residual import vision

SIZE = 224
NETS = ("resnet18", "resnet50")
TRAINING_IMAGES = 8


def networks(name: str, torchvision: ModuleType, timm: ModuleType) -> dict[str, nn.Module]:
    """One network as three libraries have it, with the same weights and the running statistics of an image batch."""
    torch.manual_seed(0)
    peer = getattr(torchvision.models, name)()
    for module in peer.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        peer.train()(torch.randn(8, 3, SIZE, SIZE))
    nets = {"torchvision": getattr(torchvision.models, name)(), "timm": timm.create_model(name), "ours": None}
    nets["ours"] = getattr(vision, name)()
    for net in nets.values():
        net.load_state_dict(peer.state_dict())
    return nets


def channels_last(net: nn.Module) -> nn.Module:
    return copy.deepcopy(net).to(memory_format=torch.channels_last)


def training_step(name: str, torchvision: ModuleType, timm: ModuleType, rounds: int) -> Comparison:
    """Forward, loss, backward and SGD with momentum, on two threads."""
    nets = networks(name, torchvision, timm)
    arms: Arms = {library: _training(net, torch.contiguous_format) for library, net in nets.items()}
    arms["ours, channels last"] = _training(channels_last(nets["ours"]), torch.channels_last)
    if has_bf16():
        arms["ours, channels last, bfloat16"] = _training(channels_last(nets["ours"]), torch.channels_last, bf16=True)
    return Comparison("training step", name, TRAINING_IMAGES, 2, take_turns(arms, rounds, threads=2))


def _training(net: nn.Module, layout: torch.memory_format, *, bf16: bool = False) -> Callable[[], object]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(TRAINING_IMAGES, 3, SIZE, SIZE, generator=generator).contiguous(memory_format=layout)
    labels = torch.arange(TRAINING_IMAGES)
    optimizer = torch.optim.SGD(net.train().parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

    def run() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            loss = F.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return run
