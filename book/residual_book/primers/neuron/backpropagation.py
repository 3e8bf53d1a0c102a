"""Backpropagation for a small network, written out in numpy."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


class Layer(NamedTuple):
    """Weights (outputs, inputs) and bias (outputs,) of a linear layer; or gradients in their shape."""

    weights: Array
    bias: Array


def initialize(widths: Sequence[int], seed: int) -> list[Layer]:
    """Linear layers from width to width with He's initialization (He et al. 2015, section 2.2) and biases of zero."""
    rng = np.random.default_rng(seed)
    return [
        Layer(rng.normal(0, np.sqrt(2 / inputs), (outputs, inputs)), np.zeros(outputs))
        for inputs, outputs in pairwise(widths)
    ]


def forward(layers: Sequence[Layer], x: Array) -> list[Array]:
    """What each layer puts out, the input first and the logits last; (N, inputs) -> (N, width) each.

    A ReLU follows every layer but the last. All of it is kept: the way back needs it.
    """
    outputs = [x]
    for i, layer in enumerate(layers):
        z = outputs[-1] @ layer.weights.T + layer.bias
        outputs.append(z if i == len(layers) - 1 else np.maximum(z, 0))
    return outputs


def softmax(logits: Array) -> Array:
    """Probabilities of the classes, (N, classes) -> (N, classes)."""
    raised = np.exp(logits - logits.max(1, keepdims=True))  # the same quotient, and no overflow
    return np.asarray(raised / raised.sum(1, keepdims=True))


def cross_entropy(logits: Array, labels: Labels) -> float:
    """Mean negative logarithm of the probability that each input's own class gets."""
    return float(-np.log(softmax(logits)[np.arange(len(labels)), labels]).mean())


def backward(layers: Sequence[Layer], outputs: Sequence[Array], labels: Labels) -> list[Layer]:
    """Gradients of `cross_entropy` for weights and biases, from what `forward` kept: the chain rule, from the end."""
    n = len(labels)
    arriving = (softmax(outputs[-1]) - np.eye(outputs[-1].shape[1])[labels]) / n  # at the logits: (N, classes)
    gradients = []
    for i in reversed(range(len(layers))):
        gradients.append(Layer(weights=arriving.T @ outputs[i], bias=arriving.sum(0)))
        if i > 0:
            arriving = arriving @ layers[i].weights  # through the linear layer ...
            arriving = arriving * (outputs[i] > 0)  # ... and the ReLU before it: open where its output is positive
    return gradients[::-1]


def step(layers: Sequence[Layer], x: Array, labels: Labels, *, rate: float) -> list[Layer]:
    """The layers after one step of gradient descent: forward, backward, and a little down the slope."""
    gradients = backward(layers, forward(layers, x), labels)
    return [
        Layer(layer.weights - rate * gradient.weights, layer.bias - rate * gradient.bias)
        for layer, gradient in zip(layers, gradients, strict=True)
    ]


def train(layers: Sequence[Layer], x: Array, labels: Labels, *, seed: int, epochs: int, rate: float) -> list[Layer]:
    """The layers after `epochs` rounds of `step`, on batches of 32 whose order the seed decides."""
    rng = np.random.default_rng(seed)
    trained = list(layers)
    for _ in range(epochs):
        for batch in np.split(rng.permutation(len(x)), range(32, len(x), 32)):
            trained = step(trained, x[batch], labels[batch], rate=rate)
    return trained


def error(layers: Sequence[Layer], x: Array, labels: Labels) -> float:
    """Percent of inputs whose largest logit is not their label's."""
    return 100 * float((forward(layers, x)[-1].argmax(1) != labels).mean())


def jacobian(layers: Sequence[Layer], x: Array) -> Array:
    """Derivatives of the logits by one input: (inputs,) -> (classes, inputs).

    The product W_L D_{L-1} W_{L-1} ... D_1 W_1, where D has a one for each open ReLU and a zero for each closed one.
    """
    outputs = forward(layers, x[None])
    product = layers[0].weights
    for layer, output in zip(layers[1:], outputs[1:], strict=False):
        product = layer.weights @ ((output[0] > 0)[:, None] * product)
    return product
