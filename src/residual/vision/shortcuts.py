"""What a skip does where its block changes shape: options A, B and C of He et al. (2015), section 4.1.

Told in `book/part2/blocks.md`.
"""

import torch.nn.functional as F
from torch import Tensor, nn

SHORTCUTS = ("A", "B", "C")


class PadShortcut(nn.Module):
    """Option A: subsample, then fill the new channels with zeros. It has no parameters.

    Half of the zero channels go before the old ones and half after, as in the weights published for the CIFAR nets.
    (N, C, H, W) -> (N, C + new_channels, ceil(H / stride), ceil(W / stride)).

    Raises:
        ValueError: for fewer channels out than in; padding can only add.
    """

    def __init__(self, new_channels: int, stride: int) -> None:
        super().__init__()
        if new_channels < 0:
            raise ValueError(f"new_channels must be at least 0, got {new_channels}: shortcut 'A' only adds channels")
        self.before = new_channels // 2
        self.after = new_channels - self.before
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.before, self.after))


class ProjectionShortcut(nn.Sequential):
    """Options B and C: a strided 1x1 convolution, then, with `normalize`, batch norm. Keys `0`, `1` as in torchvision.

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, *, normalize: bool = True) -> None:
        super().__init__()
        # oneDNN's gradient of a strided 1x1 convolution with few input channels, in channels_last order on CPUs, writes
        # outside its memory (oneDNN, issue 6035). So narrow inputs are subsampled first, which is the same map.
        self.subsample = stride if in_channels < 8 else 1
        convolution = nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride // self.subsample, bias=False)
        self.append(convolution)
        if normalize:
            self.append(nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        if self.subsample > 1:
            x = x[:, :, :: self.subsample, :: self.subsample]
        for layer in self:  # `super().forward(x)` is nothing that torch.jit.script can read
            x = layer(x)
        return x


def shortcut_for(
    option: str | None, in_channels: int, out_channels: int, stride: int, *, normalize: bool = True
) -> nn.Module | None:
    """The module on a block's skip, or None where the skip passes the block's input on as it is.

    Args:
        option: "A" pads, "B" projects where the shape changes, "C" projects always, None is for a block without a skip.
        in_channels: of the block's input.
        out_channels: of the block's output.
        stride: of the block.
        normalize: let batch norm follow a projection; a pre-activation block has none there.

    Raises:
        ValueError: for another option, or for "A" with fewer channels out than in.
    """
    if option is None:
        return None
    if option not in SHORTCUTS:
        raise ValueError(f"shortcut must be one of {SHORTCUTS}, or None for no skip, got {option!r}")
    if option != "C" and stride == 1 and in_channels == out_channels:
        return None
    if option == "A":
        return PadShortcut(out_channels - in_channels, stride)
    return ProjectionShortcut(in_channels, out_channels, stride, normalize=normalize)
