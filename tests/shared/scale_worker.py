"""What the tests of `residual.scale` run on several processes, and the network and images that they run it on."""

import json
import os
import signal
import sys
from dataclasses import asdict
from datetime import timedelta
from itertools import product
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import Tensor

from residual.scale import GlobalBatchNorm2d, Processes, fit_together, processes
from residual.training import Recipe
from residual.vision import BasicBlock, CifarNet, PreActBlock, save_weights
from residual.vision.data import ImageData, crop_and_flip

# Four steps per epoch on `images`: all of momentum, weight decay and label smoothing have steps to act in.
RECIPE = Recipe(epochs=2, batch_size=8, peak_lr=0.1, momentum=0.9, weight_decay=5e-4, label_smoothing=0.1, seed=3)
NETS = {"basic": BasicBlock, "preactivated": PreActBlock}
CHECKPOINT = "run.safetensors"
DTYPES = (torch.float32, torch.float64)


def images(dtype: torch.dtype = torch.float32) -> ImageData:
    """Random images of ten classes; three more than four batches of eight."""
    generator = torch.Generator().manual_seed(0)
    pixels, labels = torch.randn(35, 1, 8, 8, generator=generator).to(dtype), torch.arange(35) % 10
    return ImageData("small", pixels, labels, pixels[:10], labels[:10], tuple("0123456789"))


def net(block: str = "basic", *, seed: int = 0) -> CifarNet:
    """With batch norm in the stem or before the head, in the blocks, and for "basic" in the projections."""
    torch.manual_seed(seed)
    return CifarNet(8, block=NETS[block], shortcut="B", in_channels=1, width=4)


def batches(dtype: torch.dtype) -> list[tuple[Tensor, Tensor]]:
    """Two batches for a batch norm of three channels, one far from zero, each with a gradient for its output."""
    generator = torch.Generator().manual_seed(0)
    offset = torch.tensor([0.0, 10.0, -3.0]).view(1, 3, 1, 1)
    shape = (2, 6, 3, 5, 4)
    values = torch.randn(2, *shape, generator=generator)
    return [((x + offset).to(dtype), g.to(dtype)) for x, g in zip(*values, strict=True)]


class KilledInStep:
    """Crops and flips; in a step of the run (from 0), the last process is killed as a kernel short of memory would."""

    def __init__(self, step: int, here: Processes) -> None:
        self.left = step if here.rank == here.count - 1 else -1

    def __call__(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1
        return crop_and_flip(batch, generator)


def _poisoned(batch: Tensor, generator: torch.Generator) -> Tensor:
    """The last image, which is the last process's, is not a number."""
    batch = crop_and_flip(batch, generator)
    batch[-1] = torch.nan
    return batch


def normalized(folder: Path, here: Processes) -> None:
    """Write what each process's share of `batches` becomes."""
    for dtype in DTYPES:
        norm, found = GlobalBatchNorm2d(3).to(dtype), {}
        with torch.no_grad():
            norm.weight.copy_(torch.tensor([0.5, 2.0, -1.0]))
        for i, (x, gradient) in enumerate(batches(dtype)):
            share = x.chunk(here.count)[here.rank].clone().requires_grad_()
            out = norm(share)
            out.backward(gradient.chunk(here.count)[here.rank])
            assert share.grad is not None
            found |= {f"out.{i}": out.detach(), f"grad.{i}": share.grad}
        found |= {f"{name}.grad": parameter.grad for name, parameter in norm.named_parameters()}
        save_file({**found, **norm.state_dict()}, folder / f"norm-{dtype}-{here.rank}.safetensors")


def trained(folder: Path, here: Processes) -> None:
    """Write weights and history of nets trained together, and what is said of a loss that is not finite."""
    for block, dtype in product(NETS, DTYPES):
        model = net(block, seed=here.rank).to(dtype)  # the first process's weights are everybody's
        history = fit_together(model, images(dtype), RECIPE, here, augment=crop_and_flip, progress=False)
        save_weights(model, folder / f"{block}-{dtype}-{here.rank}.safetensors")
        (folder / f"{block}-{dtype}-{here.rank}.json").write_text(json.dumps(asdict(history)))
    try:
        fit_together(net(), images(), RECIPE, here, augment=_poisoned, progress=False)
    except FloatingPointError as error:
        (folder / f"poisoned-{here.rank}.txt").write_text(str(error))


def hangs() -> None:
    """The second process waits for nothing, alive, once the two have met; the first waits for it."""
    with processes(timeout=timedelta(seconds=6)) as here:
        numbers = torch.ones(1)
        dist.all_reduce(numbers)
        print("first exchange done", flush=True)
        if here.rank == 1:
            signal.pause()
        dist.all_reduce(numbers)
        print("second exchange done", flush=True)


def main(what: str, folder: Path) -> None:
    if what == "hangs":
        hangs()
        return
    with processes() as here:
        augment = KilledInStep(6, here) if what == "killed" else crop_and_flip
        fit_together(net(), images(), RECIPE, here, augment=augment, checkpoint=folder / CHECKPOINT, progress=False)
        normalized(folder, here)
        trained(folder, here)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1], Path(sys.argv[2]))
