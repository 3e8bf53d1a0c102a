"""Prediction and a training step of ResNet-18 and ResNet-50: the JAX copy beside torch, from the same weights.

Arms take turns, so that a machine that slows down slows all of them; the median of the ratios is what to quote.
Compiling is not counted: every arm has run once before the first round. The machine must be idle: where others use its
cores, torch's threads wait for each other and lose far more than JAX's. Takes two to three minutes on two cores.
`--out results/twin-speed.json` records what `book/appendix/jax.md` shows.
"""

import argparse
import copy
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from parts.turns import Arms, Comparison, take_turns
from torch import Tensor

from residual import nnx as jax_nets
from residual import vision
from residual_book.recording import provenance, write_record

ROUNDS = 6
SIZE = 224
IMAGES = 4  # of the larger batch


def prediction(model: vision.ResNet, images: Tensor) -> Arms:
    model = copy.deepcopy(model).eval()
    last = images.contiguous(memory_format=torch.channels_last)
    channels_last = copy.deepcopy(model).to(memory_format=torch.channels_last)
    fused = vision.fuse(model)
    jax_net = jax_nets.from_torch(model)
    array = np.ascontiguousarray(images.permute(0, 2, 3, 1).numpy())

    def timed(net: torch.nn.Module, batch: Tensor) -> Callable[[], object]:
        def run() -> Tensor:
            with torch.inference_mode():
                return net(batch)

        return run

    return {
        "torch": timed(model, images),
        "torch, channels last": timed(channels_last, last),
        "torch, fused": timed(fused, last),
        "JAX": lambda: np.asarray(jax_nets.predict(jax_net, array)),
    }


def training_step(model: vision.ResNet, images: Tensor) -> Arms:
    labels = torch.arange(len(images))
    jax_net = jax_nets.from_torch(model.train())
    jax_optimizer = jax_nets.sgd(jax_net, lr=0.01, momentum=0.9, weight_decay=1e-4)
    array = np.ascontiguousarray(images.permute(0, 2, 3, 1).numpy())

    def timed(layout: torch.memory_format) -> Callable[[], object]:
        net = copy.deepcopy(model).to(memory_format=layout)  # type: ignore[call-overload]  # torch's stub lacks this form
        batch = images.contiguous(memory_format=layout)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

        def run() -> float:
            loss = F.cross_entropy(net(batch), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.item()

        return run

    return {
        "torch": timed(torch.contiguous_format),
        "torch, channels last": timed(torch.channels_last),
        "JAX": lambda: float(jax_nets.train_step(jax_net, jax_optimizer, array, labels.numpy())),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="JSON file to record the times in")
    out = parser.parse_args().out
    load = round(os.getloadavg()[0], 2)  # mean number of processes at work in the last minute
    made = {**provenance(), **{package: version(package) for package in ("jax", "flax")}}
    runs = []
    print(f"{SIZE}x{SIZE} pixels, {torch.get_num_threads()} threads, {ROUNDS} rounds in turn, load before: {load}")
    for net, make in {"resnet18": vision.resnet18, "resnet50": vision.resnet50}.items():
        torch.manual_seed(0)
        model = make()
        for job, images, arms_of in (
            ("prediction", 1, prediction),
            ("prediction", IMAGES, prediction),
            ("training step", IMAGES, training_step),
        ):
            arms, threads = arms_of(model, torch.randn(images, 3, SIZE, SIZE)), torch.get_num_threads()
            comparison = Comparison(job, net, images, threads, take_turns(arms, ROUNDS, threads=threads))
            print(comparison, flush=True)
            runs.append(comparison.record())
    if out:
        write_record(
            out,
            {
                "command": "python benchmarks/twin.py --out results/twin-speed.json",
                "provenance": made,
                "load_before": load,
                "pixels": SIZE,
                "runs": runs,
            },
        )


if __name__ == "__main__":
    main()
