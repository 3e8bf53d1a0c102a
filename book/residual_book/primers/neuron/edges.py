"""One neuron as a detector of vertical edges: weights by hand, weights learned, and the edge that it cannot detect."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from residual.vision.data import digits
from residual_book.primers.neuron.backpropagation import Array, forward, initialize, softmax, train

SEEDS = tuple(range(10))
# Mean of the right column minus mean of the left: a vertical edge from dark to bright.
HAND = np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]) / 3
MARGIN = 1.0  # how much brighter makes an edge, in standard deviations of the digits' pixels


def patches(images: Array) -> Array:
    """All 3x3 windows of the images, row by row: (N, H, W) -> (N (H - 2) (W - 2), 9)."""
    return np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(1, 2)).reshape(-1, 9)


def contrast(x: Array) -> Array:
    """Mean of the right column minus mean of the left, of patches (N, 9)."""
    return x @ HAND.ravel()


@dataclass(frozen=True)
class Neuron:
    """A weighted sum, a bias, and a nonlinearity: the logistic function, whose value is between 0 and 1.

    It has one weight per pixel of a patch, (9,). The larger the bias, the readier the neuron.
    """

    weights: Array
    bias: float

    def __call__(self, x: Array) -> Array:
        """The neuron's output for patches (N, 9): (N,)."""
        return np.asarray(1 / (1 + np.exp(-(x @ self.weights + self.bias))))

    @property
    def cosine(self) -> float:
        """Cosine of the angle between its weights and those made by hand."""
        hand = HAND.ravel()
        return float(self.weights @ hand / (np.linalg.norm(self.weights) * np.linalg.norm(hand)))


def by_hand(sharpness: float = 8.0) -> Neuron:
    """The neuron that answers one half where the contrast is `MARGIN`, and more where it is larger."""
    return Neuron(sharpness * HAND.ravel(), -sharpness * MARGIN)


def learn(x: Array, edges: NDArray[np.bool_], seed: int, *, steps: int, rate: float = 1.0) -> list[Neuron]:
    """Gradient descent on the logistic loss from small random weights: the neuron before each step, and the last.

    Args:
        x: patches, (N, 9).
        edges: true where there is an edge, (N,).
        seed: of the first weights.
        steps: how many, each over all patches.
        rate: how far down the slope a step goes.
    """
    neuron = Neuron(np.random.default_rng(seed).normal(0, 0.1, 9), 0.0)
    path = [neuron]
    for _ in range(steps):
        wrong = neuron(x) - edges  # the slope of the loss along the sum: too much is positive
        neuron = Neuron(neuron.weights - rate * x.T @ wrong / len(x), neuron.bias - rate * float(wrong.mean()))
        path.append(neuron)
    return path


@dataclass(frozen=True)
class EdgeRun:
    """A neuron that learns what a vertical edge is, before each step and after the last, and the last one's error.

    The error is in percent of the test images' patches. The baseline, `means`, has the difference of the two classes'
    mean patches as its weights, which takes no learning.
    """

    path: list[Neuron]
    error: float
    means: Neuron


def learn_edge(seed: int) -> EdgeRun:
    """Learn to say where the right column is brighter than the left by `MARGIN`."""
    x, new = _patches_of_digits(seed)
    edges = contrast(x) > MARGIN
    path = learn(x, edges, seed, steps=300)
    wrong = (path[-1](new) > 0.5) != (contrast(new) > MARGIN)
    return EdgeRun(path, 100 * float(wrong.mean()), Neuron(x[edges].mean(0) - x[~edges].mean(0), 0.0))


def _patches_of_digits(seed: int) -> tuple[Array, Array]:
    """Two thousand random patches of the training images, and all patches of the test images."""
    data = digits()
    known = patches(data.train_images[:, 0].double().numpy())
    chosen = np.random.default_rng(seed).choice(len(known), 2000, replace=False)
    return known[chosen], patches(data.test_images[:, 0].double().numpy())


@dataclass(frozen=True)
class Detector:
    """What a neuron or a net answers for the test patches: the percent `error`, and the outputs for some, for a figure.

    `trios` is the percentage of the patches with an edge that are answered right together with their mirror image,
    which has an edge too, and the mean of the two, which has none.
    """

    error: float
    trios: float
    contrasts: Array
    outputs: Array


@dataclass(frozen=True)
class BothSidesRun:
    """Edges of either sign, learned by one neuron and by two layers; `none_error` is the more frequent answer's."""

    neuron: Detector
    layers: Detector
    none_error: float


def learn_both_sides(seed: int, *, hidden: int = 8, epochs: int = 40) -> BothSidesRun:
    """Learn to say where the columns differ by `MARGIN`, whichever is brighter: one neuron, and two layers.

    The first layer has `hidden` neurons, the second two, whose softmax is the answer.
    """
    x, new = _patches_of_digits(seed)
    edges = np.abs(contrast(x)) > MARGIN
    neuron = learn(x, edges, seed, steps=300)[-1]
    layers = train(initialize((9, hidden, 2), seed), x, edges.astype(np.int64), seed=seed, epochs=epochs, rate=0.2)
    truth = np.abs(contrast(new)) > MARGIN
    edge = new[truth]
    mirrored = edge.reshape(-1, 3, 3)[:, :, ::-1].reshape(-1, 9)
    shown = new[np.random.default_rng(seed).choice(len(new), 600, replace=False)]

    def measured(output: Callable[[Array], Array]) -> Detector:
        trios = (output(edge) > 0.5) & (output(mirrored) > 0.5) & (output((edge + mirrored) / 2) <= 0.5)
        wrong = (output(new) > 0.5) != truth
        return Detector(100 * float(wrong.mean()), 100 * float(trios.mean()), contrast(shown), output(shown))

    two_layers = measured(lambda x: softmax(forward(layers, x)[-1])[:, 1])
    return BothSidesRun(measured(neuron), two_layers, 100 * float(min(truth.mean(), 1 - truth.mean())))
