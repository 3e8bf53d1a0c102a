"""Batch norm over a batch that is split among processes. Torch's own, `SyncBatchNorm`, refuses tensors on CPUs.

Told in `book/part2/training.md`.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _MeanOverProcesses(torch.autograd.Function):
    """Mean of a tensor over all processes. Each result depends on all tensors, so gradients are averaged, too."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        mean = values / dist.get_world_size()
        dist.all_reduce(mean)
        return mean

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return _MeanOverProcesses.apply(gradient)


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """`BatchNorm2d` whose training statistics are those of the images of all processes (Ioffe & Szegedy 2015).

    (N, C, H, W) -> (N, C, H, W). Every process must hold equally many values per channel. In evaluation mode, and
    where no group of processes is joined, it is `BatchNorm2d`; its state dict always is.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not dist.is_initialized():
            return super().forward(x)
        self._check_input_dim(x)
        variance, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)
        # One exchange serves both. The square of a mean is subtracted again, so these few numbers are float64.
        mean, variance = mean.double(), variance.double()
        mean, square = _MeanOverProcesses.apply(torch.stack([mean, variance + mean.square()]))
        variance = square - mean.square()
        self._update(mean.detach(), variance.detach(), dist.get_world_size() * x.numel() // x.shape[1])
        scale = self.weight.double() / torch.sqrt(variance + self.eps)
        shift = self.bias.double() - mean * scale
        channel = (1, -1, 1, 1)
        return torch.addcmul(shift.to(x.dtype).view(channel), x, scale.to(x.dtype).view(channel))

    def _update(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics; the variance they keep is the unbiased one of `count` values per channel."""
        self.get_buffer("num_batches_tracked").add_(1)
        for name, value in (("running_mean", mean), ("running_var", variance * count / (count - 1))):
            buffer = self.get_buffer(name)
            buffer.lerp_(value.to(buffer.dtype), self.momentum or 0.0)


def synchronize(model: nn.Module) -> None:
    """Turn each `BatchNorm2d` inside `model` into a `GlobalBatchNorm2d`, which keeps its very parameters and buffers.

    Raises:
        ValueError: for a batch norm without weights, running statistics or a constant momentum.
    """
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            if not norm.affine or not norm.track_running_stats or norm.momentum is None:
                raise ValueError(f"norm must have weights, running statistics and a constant momentum, got {norm}")
            norm.__class__ = GlobalBatchNorm2d
