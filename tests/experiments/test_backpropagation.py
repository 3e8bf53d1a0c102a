import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from residual.experiments.backpropagation import (
    Layer,
    backward,
    cross_entropy,
    error,
    forward,
    initialize,
    jacobian,
    softmax,
    step,
    train,
)


@given(
    widths=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    inputs=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_gradients_are_those_of_autograd(widths: list[int], inputs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = [Layer(w, rng.normal(size=b.shape)) for w, b in initialize(widths, seed)]
    x, labels = rng.normal(size=(inputs, widths[0])), rng.integers(widths[-1], size=inputs)
    tensors = [Layer(*(torch.from_numpy(a.copy()).requires_grad_() for a in layer)) for layer in layers]
    z = torch.from_numpy(x)
    for i, (weights, bias) in enumerate(tensors):
        z = F.linear(F.relu(z) if i else z, weights, bias)
    loss = F.cross_entropy(z, torch.from_numpy(labels))
    loss.backward()
    outputs = forward(layers, x)
    assert cross_entropy(outputs[-1], labels) == pytest.approx(loss.item(), abs=1e-12)
    for ours, theirs in zip(backward(layers, outputs, labels), tensors, strict=True):
        np.testing.assert_allclose(ours.weights, theirs.weights.grad, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(ours.bias, theirs.bias.grad, rtol=1e-12, atol=1e-12)


def test_one_linear_layer_by_hand() -> None:
    """Two classes with equal logits: half of the belief has to move from the wrong class to the right one."""
    layers = [Layer(np.zeros((2, 1)), np.zeros(2))]
    x, labels = np.array([[3.0]]), np.array([1])
    (gradient,) = backward(layers, forward(layers, x), labels)
    assert gradient.bias.tolist() == [0.5, -0.5]
    assert gradient.weights.tolist() == [[1.5], [-1.5]]
    (moved,) = step(layers, x, labels, rate=0.1)
    assert moved.bias.tolist() == [-0.05, 0.05]


def test_closed_relus_pass_nothing_back() -> None:
    layers = [Layer(-np.eye(2), np.zeros(2)), Layer(np.ones((2, 2)), np.zeros(2))]
    x = np.array([[1.0, 2.0]])  # both hidden sums are negative
    first, last = backward(layers, forward(layers, x), np.array([0]))
    assert not first.weights.any()
    assert not first.bias.any()
    assert last.bias.any()
    assert not jacobian(layers, x[0]).any()


def test_softmax_stands_large_logits() -> None:
    assert softmax(np.array([[1e4, 0.0], [-1e4, -1e4]])).tolist() == [[1, 0], [0.5, 0.5]]


def test_jacobian_of_open_relus_is_the_product_of_the_weights() -> None:
    rng = np.random.default_rng(0)
    layers = [Layer(rng.uniform(size=(3, 3)), np.zeros(3)) for _ in range(3)]
    expected = layers[2].weights @ layers[1].weights @ layers[0].weights
    np.testing.assert_allclose(jacobian(layers, np.ones(3)), expected)


def test_training_lowers_the_loss_and_leaves_the_first_layers_as_they_were() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    labels = (x[:, 0] * x[:, 1] > 0).astype(np.int64)  # no straight border separates them
    first = initialize((2, 16, 2), 0)
    before = [layer.weights.copy() for layer in first]
    trained = train(first, x, labels, seed=0, epochs=200, rate=0.3)
    assert error(trained, x, labels) < 10 < error(first, x, labels)
    assert all(np.array_equal(a, layer.weights) for a, layer in zip(before, first, strict=True))
    again = train(first, x, labels, seed=0, epochs=200, rate=0.3)
    assert all(np.array_equal(a.weights, b.weights) for a, b in zip(trained, again, strict=True))


def test_first_weights_have_hes_size_and_the_seed_decides() -> None:
    (layer,) = initialize((400, 300), 0)
    assert layer.weights.std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    assert not layer.bias.any()
    assert not np.array_equal(layer.weights, initialize((400, 300), 1)[0].weights)


@pytest.mark.parametrize("widths", [(), (3,), (3, 0, 2)])
def test_impossible_widths_are_named(widths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="widths must be two or more"):
        initialize(widths, 0)
