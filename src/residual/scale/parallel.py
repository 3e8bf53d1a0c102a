"""The training loop on several processes: `residual.training.fit` with the work on each batch split among them.

Told in `book/part2/training.md`. Every process has all images and the same seed, so the same order and the same
augmentation. It runs its share of each batch through its copy of the network. The logits of all shares are put together
again, so that the loss in every process is that of the whole batch.
"""

from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from residual.scale.batchnorm import synchronize
from residual.scale.processes import Processes
from residual.training import Augment, History, Recipe, TrainingImages, fit


class _Gather(torch.autograd.Function):
    """The shares (n, ...) of all processes, by rank, as one batch (count * n, ...)."""

    @staticmethod
    def forward(_: Any, share: Tensor) -> Tensor:
        shares = [torch.empty_like(share) for _ in range(dist.get_world_size())]
        dist.all_gather(shares, share.contiguous())
        return torch.cat(shares)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        # Each process has the gradient of the whole batch's loss. A share's part of it is that of its logits; the parts
        # add up, and DistributedDataParallel takes their mean, hence the factor.
        count = dist.get_world_size()
        return gradient.chunk(count)[dist.get_rank()] * count


class SplitBatch(nn.Module):
    """`model` for training on several processes: images (N, C, H, W) of the whole batch -> logits (N, classes) of it.

    Every process must be given the same images; N must be a multiple of the number of processes. Gradients that reach
    the parameters of `model` are those of the whole batch, and so are the statistics of its batch norms, which
    `synchronize` replaces. All processes begin with the weights of the first. `model` is wrapped, not copied, and moved
    to channels_last order.
    """

    def __init__(self, model: nn.Module, here: Processes) -> None:
        super().__init__()
        self.here = here
        synchronize(model)
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form
        # Statistics are the same everywhere, so the first process's need not be sent around.
        self.network = DistributedDataParallel(model, forward_sync_buffers=False)

    def forward(self, images: Tensor) -> Tensor:
        share = images.chunk(self.here.count)[self.here.rank]
        return _Gather.apply(self.network(share))


def fit_together(
    model: nn.Module,
    data: TrainingImages,
    recipe: Recipe,
    here: Processes,
    *,
    augment: Augment | None = None,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> History:
    """`fit` on all processes of `here`'s group: weights and history are those of one process, up to rounding.

    All of them must call it, with the same arguments. Only the first writes the checkpoint and shows progress; all read
    the checkpoint. A loss that is not finite in one process is not finite in any, and ends all.

    Raises:
        ValueError: for a batch size that the number of processes does not divide; and all errors of `fit`.
        RuntimeError: when another process is lost.
    """
    if recipe.batch_size % here.count:
        raise ValueError(
            f"batch_size must be a multiple of the {here.count} processes, as shares, got {recipe.batch_size}"
        )
    return fit(
        model,
        data,
        recipe,
        augment=augment,
        forward=SplitBatch(model, here) if here.count > 1 else None,
        checkpoint=checkpoint,
        writes=here.rank == 0,
        progress=progress and here.rank == 0,
    )
