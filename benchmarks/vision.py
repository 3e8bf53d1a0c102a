"""The vision core beside its peers: inference, a training step, and training on CIFAR's shapes.

Arms take turns in each round, so that a machine that slows down slows all of them. What to quote is the median over
rounds of how many times as fast an arm was as its peer in the same round, with its 95% interval. The peers are
torchvision and timm for ResNet-18 and ResNet-50, and for ResNet-20 and ResNet-56 the usual script (see
`parts/baseline.py`). Inference also has torch's compiler, ONNX Runtime and OpenVINO. The machine must be idle.

Inference is recorded alone, `--parts inference --out results/inference-benchmark.json`, in about half an hour on two
cores; training is, `--parts training-step cifar --out results/vision-benchmark.json`, in about ten minutes.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from parts.peers import has_bf16, peers
from parts.turns import Comparison

from residual_book.recording import provenance, write_record

PARTS = ("inference", "training-step", "cifar")
PEERS = ("torchvision", "timm", "onnxruntime", "openvino")
ROUNDS = 6  # a median's interval at 95 % needs as many


def comparisons(
    parts: list[str], rounds: int, pixels: int, torchvision: ModuleType, timm: ModuleType
) -> Iterator[Comparison]:
    from parts import cifar, imagenet, inference  # they import what `peers` has found to be installed

    for net in imagenet.NETS:
        if "inference" in parts:
            yield from inference.inference(net, torchvision, timm, rounds, pixels=pixels)
        if "training-step" in parts:
            yield imagenet.training_step(net, torchvision, timm, rounds)
    if "cifar" in parts:
        yield cifar.layouts(rounds)
        for depth in cifar.STEPS:
            yield cifar.training(depth, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the vision core beside its peers.")
    parser.add_argument("--out", type=Path, help="JSON file to record the times in")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"at least 6 (default {ROUNDS})")
    parser.add_argument("--pixels", type=int, default=224, help="a side of the images of inference; fewer for a trial")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    if options.rounds < 6:
        parser.error(f"--rounds must be at least 6, for an interval, got {options.rounds}")
    torchvision, timm = peers()
    content: dict[str, Any] = {
        "command": f"python benchmarks/vision.py {' '.join(sys.argv[1:])}".strip(),
        "provenance": provenance() | {name: version(name) for name in PEERS},
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),  # mean number of processes at work in the last minute
        "bfloat16": has_bf16(),
        "rounds": options.rounds,
        "pixels": options.pixels,
        "runs": [],
    }
    for comparison in comparisons(options.parts, options.rounds, options.pixels, torchvision, timm):
        print(comparison, flush=True)
        content["runs"].append(comparison.record())
        if options.out:
            write_record(options.out, content)


if __name__ == "__main__":
    main()
