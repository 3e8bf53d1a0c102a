"""How much each pixel matters to a unit of a network: its effective receptive field (Luo et al. 2016).

Told in `book/part2/next.md`. `residual.probes.receptive_field` says which pixels can matter at all.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from residual.probes.gradients import recorded_outputs


def effective_field(model: nn.Module, layer: str, shape: Sequence[int], *, samples: int, seed: int) -> Tensor:
    """Mean squared gradient of the middle unit of a layer at each pixel, as shares of their sum: float64 (H, W).

    Inputs are standard normal noise. A sample weights the layer's channels with random signs, so that one squared
    gradient has the sum of those of all channels as its expectation, at the cost of one backward pass. Channels of the
    input are summed.

    Args:
        model: with its batch norms in evaluation mode: in training mode every pixel reaches every unit through the
            statistics. Parameters' `grad` fields are not touched.
        layer: name of a module, as in `model.named_modules()`, whose output is one map (N, C, H', W'); "" for the
            model.
        shape: of one input, (C, H, W). The middle unit of a map looks at the middle pixel where H and W are a multiple
            of the layer's stride, plus one, and the map has odd sides.
        samples, seed: how many inputs, each with its own signs, and the seed of both.

    Raises:
        ValueError: for another rank of `shape` or of the layer's output, fewer than one sample, batch norm in training
            mode, an unknown layer, or a unit that no pixel reaches.
    """
    if len(shape) != 3:
        raise ValueError(f"shape must be (C, H, W), got {tuple(shape)}")
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm) and module.training:
            raise ValueError(f"model must have its batch norms in evaluation mode, {name!r} is in training mode")
    generator = torch.Generator().manual_seed(seed)
    energy = torch.zeros(*shape[1:], dtype=torch.float64)
    dtype = next((p.dtype for p in model.parameters()), torch.get_default_dtype())
    for _ in range(samples):
        images = torch.randn(1, *shape, generator=generator, dtype=dtype).requires_grad_()
        with recorded_outputs(model, [layer]) as outputs:
            model(images)
        maps = outputs[layer]
        if maps.ndim != 4:
            raise ValueError(f"layer {layer!r} must put out one map (N, C, H, W), got shape {tuple(maps.shape)}")
        unit = maps[0, :, maps.shape[2] // 2, maps.shape[3] // 2]
        signs = torch.randint(0, 2, unit.shape, generator=generator).to(unit) * 2 - 1
        (gradient,) = torch.autograd.grad((unit * signs).sum(), images)
        energy += gradient[0].double().square().sum(0)
    if not energy.any():
        raise ValueError(f"layer {layer!r} must depend on the input, its middle unit has a gradient of zero")
    return energy / energy.sum()


def shares_within(field: Tensor) -> Tensor:
    """Shares of a field (H, W) in the squares of side 1, 3, 5, ... around its middle, up to the whole: float64.

    Raises:
        ValueError: for a field that is not a square of odd side, which has no middle pixel.
    """
    if field.ndim != 2 or field.shape[0] != field.shape[1] or field.shape[0] % 2 == 0:
        raise ValueError(f"field must be a square of odd side, got shape {tuple(field.shape)}")
    middle = field.shape[0] // 2
    distance = (torch.arange(field.shape[0]) - middle).abs()
    ring = torch.maximum(distance[:, None], distance[None, :])
    sums = torch.zeros(middle + 1, dtype=torch.float64)
    sums.index_add_(0, ring.flatten(), field.double().flatten())
    return sums.cumsum(0) / sums.sum()


def side_holding(field: Tensor, share: float) -> int:
    """Side, in pixels, of the smallest square around the middle of a field (H, W) that holds this share of it.

    Raises:
        ValueError: for a share outside 0 to 1, and as `shares_within`.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must be between 0 and 1, got {share}")
    return 2 * int((shares_within(field) < share).sum()) + 1
