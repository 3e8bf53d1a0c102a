"""Batch norm over a batch that is split over processes. Torch's own, `SyncBatchNorm`, refuses tensors on CPUs.

Told in `book/part2/training.md`.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _MeanOverProcesses(torch.autograd.Function):
    """Mean of a tensor over all processes. What each gets depends on each, so gradients are averaged the same way."""

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

    (N, C, H, W) -> (N, C, H, W). Every process must hold equally many values a channel. In evaluation mode, and where
    no group of processes is joined, it is `BatchNorm2d`; its state dict always is.
    """

    @classmethod
    def like(cls, norm: nn.BatchNorm2d) -> "GlobalBatchNorm2d":
        """One that holds the very parameters and buffers of `norm`.

        Raises:
            ValueError: for a batch norm without weights, running statistics or a constant momentum.
        """
        if not norm.affine or not norm.track_running_stats or norm.momentum is None:
            raise ValueError(f"norm must have weights, running statistics and a constant momentum, got {norm}")
        new = cls(norm.num_features, eps=norm.eps, momentum=norm.momentum)
        new.weight, new.bias = norm.weight, norm.bias
        new.running_mean, new.running_var = norm.running_mean, norm.running_var
        new.num_batches_tracked = norm.num_batches_tracked
        return new.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not dist.is_initialized():
            return super().forward(x)
        self._check_input_dim(x)
        variance, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)
        # One exchange serves both. The square of a mean is lost by subtraction again, so these few numbers are float64.
        mean, variance = mean.double(), variance.double()
        mean, square = _MeanOverProcesses.apply(torch.stack([mean, variance + mean.square()]))
        variance = square - mean.square()
        self._remember(mean.detach(), variance.detach(), dist.get_world_size() * x.numel() // x.shape[1])
        scale = self.weight.double() / torch.sqrt(variance + self.eps)
        shift = self.bias.double() - mean * scale
        channel = (1, -1, 1, 1)
        return torch.addcmul(shift.to(x.dtype).view(channel), x, scale.to(x.dtype).view(channel))

    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics; the variance they keep is the unbiased one of `count` values a channel."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_((variance * count / (count - 1)).to(self.running_var.dtype), self.momentum)


def synchronize(model: nn.Module) -> None:
    """Put a `GlobalBatchNorm2d` in the place of each `BatchNorm2d` inside `model`."""
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.BatchNorm2d) and not isinstance(module, GlobalBatchNorm2d):
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, GlobalBatchNorm2d.like(module))
