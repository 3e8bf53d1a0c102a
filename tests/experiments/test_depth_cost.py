import pytest
import torch
from torch import nn

from residual.experiments.depth_cost import kept_for_backward, measure, sweep


def test_a_linear_layer_keeps_its_input_and_a_relu_its_output() -> None:
    x = torch.randn(5, 3)
    linear = nn.Linear(3, 7)
    assert kept_for_backward(lambda: linear(x), list(linear.parameters())) == 4 * 5 * 3
    assert kept_for_backward(lambda: linear(x), []) == 4 * (
        5 * 3
    )  # its weight is not needed: no one asks for x's gradient
    assert kept_for_backward(lambda: linear(x).relu(), list(linear.parameters())) == 4 * (5 * 3 + 5 * 7)


def test_what_two_layers_keep_counts_once() -> None:
    x = torch.randn(5, 3, requires_grad=True)
    assert kept_for_backward(lambda: x.exp() + 0, []) == 4 * 15
    assert kept_for_backward(lambda: (y := x.exp()) * y, []) == 4 * 15


def test_nothing_is_kept_without_gradients() -> None:
    with torch.no_grad():
        assert kept_for_backward(lambda: nn.Linear(3, 7)(torch.randn(5, 3)), []) == 0


def test_resnet_20_costs_what_it_is_known_to_and_images_do_not_matter() -> None:
    found = measure(20)
    assert (found.multiply_adds, found.depth) == (40_551_040, 20)
    # Each batch norm keeps a mean and a deviation a channel, which a larger batch shares.
    assert measure(20, images=8).kept == pytest.approx(found.kept, rel=0.01)


def test_each_block_costs_as_much_as_the_one_before() -> None:
    costs = sweep((8, 14, 20, 26))
    for field in ("multiply_adds", "parameters", "kept"):
        values = [getattr(c, field) for c in costs]
        assert values[1] - values[0] == values[2] - values[1] == values[3] - values[2] > 0
