"""Training of ResNet-20 and ResNet-56 on CIFAR's shapes by `residual.training.fit`, beside the usual script's.

Pictures are random, which no time depends on. All that an epoch does is counted: loading, augmentation, steps.
"""

import shutil
import time
import warnings
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from parts import baseline
from parts.peers import has_bf16
from parts.turns import Arms, Comparison, take_turns
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from residual.training import Recipe, fit
from residual.vision import CifarNet
from residual.vision.data import ImageData, crop_and_flip

STEPS = {20: 12, 56: 4}  # of an epoch, by depth
CONVOLUTIONS = ("aten::mkldnn_convolution", "aten::convolution_backward")
RECIPE = Recipe(epochs=1, batch_size=baseline.BATCH, schedule="constant", momentum=0.9, weight_decay=1e-4)


def training(depth: int, rounds: int) -> Comparison:
    """An epoch of `STEPS` steps, by the step, on two threads."""
    warnings.filterwarnings("ignore", "This DataLoader will create 4 worker")  # it is that script's default
    steps, random = STEPS[depth], np.random.default_rng(0)
    pictures = random.integers(0, 256, (steps * baseline.BATCH, 32, 32, 3), dtype=np.uint8)
    labels = random.integers(0, 10, len(pictures))
    torch.manual_seed(0)
    peer = baseline.Net(depth)
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous().float() / 128 - 1
    data = ImageData("random", images, torch.from_numpy(labels), images, torch.from_numpy(labels), tuple("0123456789"))

    def ours(*, compiled: bool = False, bf16: bool = False) -> Any:
        model = CifarNet(depth)
        model.load_state_dict(peer.state_dict())
        if compiled:
            model.compile()
        return lambda: fit(model, data, RECIPE, augment=crop_and_flip, bf16=bf16, progress=False)

    arms: Arms = {"usual script": baseline.Trainer(peer, pictures, labels).epoch, "ours": ours()}
    if shutil.which("c++") and depth == min(STEPS):  # the deeper net takes minutes to compile
        arms["ours, compiled"] = ours(compiled=True)
    if has_bf16():
        arms["ours, bfloat16"] = ours(bf16=True)
    seconds = take_turns(arms, rounds, threads=2)
    by_step = {arm: [second / steps for second in times] for arm, times in seconds.items()}
    comparison = Comparison("CIFAR training", f"resnet{depth}", baseline.BATCH, 2, by_step)
    comparison.notes |= bound(depth)
    return comparison


def layouts(rounds: int) -> Comparison:
    """A step of ResNet-20 without loading: what the memory layout alone does, beside torch's default."""
    images, labels = torch.randn(baseline.BATCH, 3, 32, 32), torch.randint(10, (baseline.BATCH,))

    def in_layout(layout: torch.memory_format, *, bf16: bool = False) -> Any:
        net = CifarNet(20).to(memory_format=layout)
        batch, optimizer = images.contiguous(memory_format=layout), torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)

        def run() -> None:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                loss = F.cross_entropy(net(batch), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return run

    arms: Arms = {
        "torch's default": in_layout(torch.contiguous_format),
        "channels last": in_layout(torch.channels_last),
    }
    if has_bf16():
        arms["channels last, bfloat16"] = in_layout(torch.channels_last, bf16=True)
    return Comparison("memory layout", "resnet20", baseline.BATCH, 2, take_turns(arms, rounds, threads=2))


def bound(depth: int) -> dict[str, Any]:
    """What keeps a step from being quicker: its convolutions, and how near they are to the processor's limit."""
    net = CifarNet(depth).to(memory_format=torch.channels_last)
    images = torch.randn(baseline.BATCH, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(10, (baseline.BATCH,))
    _step(net, images, labels)
    with FlopCounterMode(display=False) as counter:
        _step(net, images, labels)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(3):
            _step(net, images, labels)
    of_operation = {event.key: event.self_cpu_time_total / 3000 for event in profiled.key_averages()}
    convolutions_ms = sum(of_operation[name] for name in CONVOLUTIONS)
    gflop = counter.get_total_flops() / 1e9
    return {
        "share of our step inside convolutions": round(convolutions_ms / sum(of_operation.values()), 3),
        "convolutions of our step, ms": round(convolutions_ms, 1),
        "GFLOP of them": round(gflop, 2),
        "GFLOP/s of them": round(1000 * gflop / convolutions_ms, 1),
        "GFLOP/s of a large matrix product": round(matrix_gflops(), 1),
    }


def _step(net: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> None:
    net.zero_grad()
    F.cross_entropy(net(images), labels).backward()


def matrix_gflops(n: int = 2048) -> float:
    """Of the best of ten float32 products of two n x n matrices."""
    a, b = torch.randn(n, n), torch.randn(n, n)
    times = []
    for _ in range(10):
        start = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - start)
    return 2 * n**3 / min(times) / 1e9
