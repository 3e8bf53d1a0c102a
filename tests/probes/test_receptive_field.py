from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from residual.probes.receptive_field import ReceptiveFields, Span
from residual.vision.shortcuts import PadShortcut, ProjectionShortcut

WINDOWS = st.tuples(*(st.integers(1, n) for n in (5, 3)), st.integers(0, 4), st.integers(1, 3))  # kernel, stride, ...


def spans(function: Callable[[Tensor], Tensor], *shape: int) -> tuple[Span, ...]:
    x = torch.zeros(1, *shape, requires_grad=True).clone()
    return ReceptiveFields(x)[function(x)]


def extents(function: Callable[[Tensor], Tensor], unit: tuple[int, ...], *shape: int) -> list[tuple[int, int]]:
    """First and last input position on each axis on which the output `unit` depends, by its gradient.

    The functions here have positive weights only, so that nothing cancels.
    """
    x = torch.rand(1, *shape, requires_grad=True)
    function(x)[0, 0][unit].backward()
    assert x.grad is not None
    where = x.grad[0].sum(0).nonzero()
    return [(int(column.min()), int(column.max())) for column in where.T]


def positive(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.ones_(parameter)
    return module.eval()


@given(st.lists(WINDOWS, min_size=1, max_size=3))
@settings(deadline=None, max_examples=60)
def test_a_row_of_convolutions_by_formula_and_by_gradient(windows: list[tuple[int, int, int, int]]) -> None:
    net = positive(nn.Sequential(*(nn.Conv1d(1, 1, k, s, p, d, bias=False) for k, s, p, d in windows)))
    (span,) = spans(net, 1, 500)
    size, jump = 1, 1
    for kernel, stride, _, dilation in windows:
        size, jump = size + (kernel - 1) * dilation * jump, jump * stride
    assert (span.size, span.jump) == (size, jump)
    unit = 200 // jump  # its field begins and ends inside the input
    assert extents(net, (unit,), 1, 500) == [(span.low + unit * jump, span.high + unit * jump)]


@given(WINDOWS, st.sampled_from([1, 2, 3]), st.booleans())
@settings(deadline=None, max_examples=40)
def test_a_sum_sees_what_either_operand_sees(window: tuple[int, int, int, int], stride: int, pooled: bool) -> None:
    """The operands need not be aligned: an even kernel reaches farther to one side than to the other."""
    kernel, _, _, dilation = window
    reach = (kernel - 1) * dilation
    branch = positive(nn.Conv2d(2, 2, kernel, stride, dilation=dilation, bias=False))
    skip = nn.AvgPool2d(min(2, stride), stride) if pooled else PadShortcut(0, stride)

    def block(x: Tensor) -> Tensor:
        return (
            branch(F.pad(x, (reach // 2, reach - reach // 2) * 2)) + skip(F.pad(x, (0, stride - 1) * 2))[:, :, :n, :n]
        )

    n = 60 // stride
    fields = spans(block, 2, 60, 60)
    unit = n // 2
    assert extents(block, (unit, unit), 2, 60, 60) == [(s.low + unit * s.jump, s.high + unit * s.jump) for s in fields]


@pytest.mark.parametrize(
    "layer",
    [
        nn.AvgPool2d((1, 4)),
        nn.Conv2d(4, 4, (1, 7), padding=(0, 3), groups=4),
        nn.Conv2d(4, 4, 3, padding="same", dilation=2),
        nn.AdaptiveAvgPool2d(10),
        nn.BatchNorm2d(4),
        PadShortcut(4, 2),
        ProjectionShortcut(4, 6, 2),
        ProjectionShortcut(8, 6, 3, normalize=False),
        nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU(inplace=True), nn.Dropout(), nn.SiLU()),
    ],
    ids=str,
)
def test_layers_by_gradient(layer: nn.Module) -> None:
    shape = (8 if isinstance(layer, ProjectionShortcut) and layer.subsample == 1 else 4, 40, 40)
    positive(layer)
    fields = spans(layer, *shape)
    unit = tuple(20 // span.jump for span in fields)

    def summed(x: Tensor) -> Tensor:
        return layer(x).sum(1, keepdim=True)  # zero channels of padding have no gradient

    seen = [(s.low + u * s.jump, s.high + u * s.jump) for s, u in zip(fields, unit, strict=True)]
    assert extents(summed, unit, *shape) == seen


@pytest.mark.parametrize("layer", [nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(2, dilation=2)])
def test_maxima_by_change(layer: nn.Module) -> None:
    """A maximum has a gradient for one entry only. So one row or column of the input at a time is raised above zero."""
    for axis, span in enumerate(spans(layer, 4, 40, 40)):
        seen = []
        for position in range(40):
            x = torch.zeros(1, 4, 40, 40)
            x.select(2 + axis, position).fill_(1)
            if layer(x).select(2 + axis, 5).max() > 0:
                seen.append(position)
        assert (seen[0], seen[-1]) == (span.low + 5 * span.jump, span.high + 5 * span.jump)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.adaptive_avg_pool2d(x, 1),
        lambda x: x.mean((-1, -2), keepdim=True),
        lambda x: torch.flatten(x, 1),
        lambda x: x * F.adaptive_avg_pool2d(x, 1),
        lambda x: F.group_norm(x, 2),
        lambda x: F.batch_norm(x, None, None, training=True),
        lambda x: F.linear(torch.flatten(x, 1), torch.ones(3, 4 * 64)),
    ],
)
def test_what_looks_at_the_whole_map_sees_everything(function: Callable[[Tensor], Tensor]) -> None:
    assert all(span.size == float("inf") for span in spans(function, 4, 8, 8))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: torch.cat((x, nn.Conv2d(2, 2, 3, padding=1)(x)), 1), (Span(-1, 1, 1), Span(-1, 1, 1))),
        (lambda x: x[:, 1:, :, -3:], (Span(), Span(5, 5, 1))),
        (lambda x: torch.zeros(8) + F.hardswish(x.double()), (Span(), Span())),
    ],
)
def test_maps_that_are_joined_cut_and_moved(function: Callable[[Tensor], Tensor], expected: tuple[Span, ...]) -> None:
    assert spans(function, 2, 8, 8) == expected


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: x[:, :, ::2, ::2] + x[:, :, :4, :4], "maps of one stride"),
        (lambda x: F.conv_transpose2d(x, torch.ones(2, 2, 2, 2)), r"ConvolutionBackward\d with output \(1, 2, 9, 9\)"),
        (lambda x: F.adaptive_avg_pool2d(x, 3), "AdaptiveAvgPool2DBackward"),
        (lambda x: x.mean(2), "MeanBackward"),
        (lambda x: x.mean((1, 2)), "MeanBackward"),
        (lambda x: x.view(1, 2, 4, 16), r"ViewBackward\d with output \(1, 2, 4, 16\)"),
        (lambda x: torch.cat((x, x), 2), "CatBackward"),
        (lambda x: torch.bmm(x[0], x[0]), "Backward"),
        (lambda x: F.interpolate(x, scale_factor=2), "UpsampleNearest2DBackward"),
        (lambda x: x.softmax(3), "SoftmaxBackward"),
        (lambda x: x.detach() + torch.ones(1, requires_grad=True), "must depend on the inputs"),
        (lambda x: torch.zeros(2), "must depend on the inputs"),
    ],
)
def test_what_cannot_be_followed_is_refused(function: Callable[[Tensor], Tensor], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        spans(function, 2, 8, 8)
