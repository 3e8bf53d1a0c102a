"""One training step of ResNet-20 on 128 images of 3x32x32: the memory layout of `residual.training` beside torch's own.

The peer is the same network as torch makes it: float32, channels first. Arms take turns, so that a machine that slows
down slows all of them; the median of the ratios is what to quote. bfloat16 is timed only where the processor has
instructions for it, for without them a step takes ten times as long.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F

from residual.vision.cifar import CifarNet

ROUNDS = 9


def has_bf16() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text() if cpuinfo.exists() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


def step(layout: torch.memory_format, bf16: bool) -> Callable[[], None]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(128, 3, 32, 32, generator=generator).contiguous(memory_format=layout)
    labels = torch.randint(10, (128,), generator=generator)
    net = CifarNet(20).to(memory_format=layout)  # type: ignore[call-overload]  # torch's stub lacks this form
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

    def run() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            loss = F.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return run


def main() -> None:
    arms = {
        "torch's defaults": step(torch.contiguous_format, False),
        "channels last": step(torch.channels_last, False),
    }
    if has_bf16():
        arms["channels last, bfloat16"] = step(torch.channels_last, True)
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(ROUNDS + 1):  # the first round warms up
        for name, run in arms.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    peer = seconds["torch's defaults"][1:]
    print(f"ResNet-20, 128 images a step, {torch.get_num_threads()} threads, {ROUNDS} rounds in turn")
    for name, times in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(times[1:], peer, strict=True))
        print(f"{name:26} {1000 * statistics.median(times[1:]):8.0f} ms a step, {ratio:.2f} of torch's defaults")


if __name__ == "__main__":
    main()
