"""ResNet-18 and ResNet-50 beside torchvision's and timm's, from the same weights: inference and a training step."""

import copy
from collections.abc import Callable, Iterator
from types import ModuleType

import torch
import torch.nn.functional as F
from parts.peers import has_bf16
from parts.turns import Arms, Comparison, take_turns
from torch import Tensor, nn

from residual import vision

SIZE = 224
NETS = ("resnet18", "resnet50")
TRAINING_IMAGES = 8
BF16_TOLERANCE = 0.01  # of the largest logit: where bfloat16 is further off, it is not offered


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


def inference(name: str, torchvision: ModuleType, timm: ModuleType, rounds: int) -> Iterator[Comparison]:
    """Batches of 1 and 32 images, on one thread and on two."""
    nets = {library: net.eval() for library, net in networks(name, torchvision, timm).items()}
    fused = vision.fuse(nets["ours"])
    for images, threads in ((1, 1), (1, 2), (32, 1), (32, 2)):
        torch.set_num_threads(threads)  # which a compiled network is compiled for
        x = torch.randn(images, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
        xl = x.contiguous(memory_format=torch.channels_last)
        arms = {
            "torchvision": _predicting(nets["torchvision"], x),
            "timm": _predicting(nets["timm"], x),
            "ours": _predicting(nets["ours"], x),
            "ours, fused": _predicting(fused, xl),
        }
        if has_bf16():
            arms["ours, fused, bfloat16"] = _predicting(copy.deepcopy(fused).bfloat16(), xl.bfloat16())
        expected = arms["torchvision"]()
        off = {arm: _off(run(), expected) for arm, run in arms.items() if arm != "torchvision"}
        arms = {arm: run for arm, run in arms.items() if "bfloat16" not in arm or off[arm] <= BF16_TOLERANCE}
        notes = {"largest difference of a logit, over the largest logit": off}
        yield Comparison("inference", name, images, threads, take_turns(arms, rounds, threads=threads), notes)


def _predicting(net: nn.Module, images: Tensor) -> Callable[[], Tensor]:
    def run() -> Tensor:
        with torch.inference_mode():
            return net(images)

    return run


def _off(logits: Tensor, expected: Tensor) -> float:
    return float((logits.float() - expected).abs().max() / expected.abs().max())


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
