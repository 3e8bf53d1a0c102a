"""Time a step of training against the number of features: our network, and rtdl's MLP and FT-Transformer.

All networks with all numbers of features take turns in each round, so that a machine that slows down slows all of them.
One thread; the machine must be idle. Read by `book/part4/rows.md`.
"""

import argparse
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch
import torch.nn.functional as F
from parts.turns import take_turns
from torch import nn

from residual_book.part4.rows.columns import FEATURES, NETS, outputs
from residual_book.recording import provenance, write_record

BATCH = 16  # FT-Transformer keeps some 60 MB for each row of 500 features
ROUNDS = 10


def training(net: nn.Module, features: int) -> Callable[[], object]:
    """A step: forward, backward, AdamW."""
    generator = torch.Generator().manual_seed(features)
    numeric = torch.randn(BATCH, features, generator=generator)
    target = torch.randn(BATCH, generator=generator)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        loss = F.mse_loss(outputs(net, numeric)[:, 0], target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description="Time networks for tables against the number of features.")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to record the times in")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"(default {ROUNDS})")
    options = parser.parse_args()
    load_before = round(os.getloadavg()[0], 2)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    arms = {f"{name} {n}": training(NETS[name](n).train(), n) for n in FEATURES for name in NETS}
    for run in arms.values():
        run()
    seconds = take_turns(arms, options.rounds, threads=1)
    runs = [{"features": n, "seconds": {name: seconds[f"{name} {n}"] for name in NETS}} for n in FEATURES]
    content = {
        "command": f"python benchmarks/features.py {' '.join(sys.argv[1:])}",
        "provenance": provenance() | {"rtdl_revisiting_models": version("rtdl_revisiting_models")},
        "cores": os.cpu_count(),
        "threads": 1,
        "load_before": load_before,
        "batch": BATCH,
        "runs": runs,
    }
    write_record(options.out, content)


if __name__ == "__main__":
    main()
