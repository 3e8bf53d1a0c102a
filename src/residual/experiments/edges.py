"""One neuron as a detector of vertical edges: weights by hand, weights learned, and the edge that it cannot detect.

Told in `book/primers/neuron.md`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from residual.experiments.backpropagation import Array, forward, initialize, train
from residual.vision.data import digits

Answers = NDArray[np.bool_]

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

    Attributes:
        weights: (9,), one a pixel of a patch.
        bias: added to the sum; the larger, the readier the neuron.
    """

    weights: Array
    bias: float

    def __call__(self, x: Array) -> Array:
        """The neuron's output for patches (N, 9): (N,)."""
        return np.asarray(1 / (1 + np.exp(-(x @ self.weights + self.bias))))

    @property
    def cosine(self) -> float:
        """Of the angle between its weights and those made by hand."""
        hand = HAND.ravel()
        return float(self.weights @ hand / (np.linalg.norm(self.weights) * np.linalg.norm(hand)))

    def error(self, x: Array, edges: Answers) -> float:
        """Percent of patches on whose side of one half it is wrong; `edges` is true where there is one."""
        return 100 * float(((self(x) > 0.5) != edges).mean())


def by_hand(sharpness: float = 8.0) -> Neuron:
    """The neuron that answers one half where the contrast is `MARGIN`, and more where it is larger."""
    return Neuron(sharpness * HAND.ravel(), -sharpness * MARGIN)


def learn(x: Array, edges: Answers, seed: int, *, steps: int, rate: float = 1.0) -> list[Neuron]:
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
    """A neuron that learned what a vertical edge is, from one seed.

    Attributes:
        seed: of the patches drawn and of the first weights.
        cosines: with the weights made by hand, before each step and after the last.
        learned: the last neuron.
        error: of it, in percent of the test images' patches.
        means: the difference of the two classes' mean patches, which takes no learning: the baseline.
        means_error: of the best neuron that the training patches allow in that direction.
    """

    seed: int
    cosines: tuple[float, ...]
    learned: Neuron
    error: float
    means: Neuron
    means_error: float


@dataclass(frozen=True)
class BothSidesRun:
    """Edges of either sign, learned by one neuron and by two layers, from one seed.

    A trio is an edge, its mirror image and the mean of the two, which has no edge.

    Attributes:
        seed: of the patches drawn and of the first weights.
        none_error: percent of test patches that the more frequent answer gets wrong.
        neuron_error, layers_error: the same of one neuron and of two layers.
        neuron_trios, layers_trios: percent of the test patches with an edge whose trio is answered right, all three.
        contrasts: of some test patches, and what neuron and layers put out for them, for a figure.
    """

    seed: int
    none_error: float
    neuron_error: float
    layers_error: float
    neuron_trios: float
    layers_trios: float
    contrasts: Array
    neuron_outputs: Array
    layers_outputs: Array


def _drawn(seed: int, count: int) -> tuple[Array, Array]:
    """`count` random patches of the training images, and all patches of the test images."""
    data = digits()
    known = patches(data.train_images[:, 0].double().numpy())
    chosen = np.random.default_rng(seed).choice(len(known), count, replace=False)
    return known[chosen], patches(data.test_images[:, 0].double().numpy())


def learn_edge(seed: int, *, count: int = 2000, steps: int = 300) -> EdgeRun:
    """Learn to say where the right column is brighter than the left by `MARGIN`, from `count` patches."""
    x, new = _drawn(seed, count)
    edges = contrast(x) > MARGIN
    path = learn(x, edges, seed, steps=steps)
    direction = x[edges].mean(0) - x[~edges].mean(0)
    sums = x @ direction
    biases = -np.quantile(sums, np.linspace(0, 1, 201))
    means = min((Neuron(direction, float(bias)) for bias in biases), key=lambda neuron: neuron.error(x, edges))
    return EdgeRun(
        seed=seed,
        cosines=tuple(neuron.cosine for neuron in path),
        learned=path[-1],
        error=path[-1].error(new, contrast(new) > MARGIN),
        means=means,
        means_error=means.error(new, contrast(new) > MARGIN),
    )


def learn_both_sides(
    seed: int, *, count: int = 2000, steps: int = 300, hidden: int = 8, epochs: int = 40
) -> BothSidesRun:
    """Learn to say where the columns differ by `MARGIN`, whichever is brighter: one neuron, and two layers.

    The first layer has `hidden` neurons, the second two, whose softmax is the answer.
    """
    x, new = _drawn(seed, count)
    edges = np.abs(contrast(x)) > MARGIN
    neuron = learn(x, edges, seed, steps=steps)[-1]
    layers = train(initialize((9, hidden, 2), seed), x, edges.astype(np.int64), seed=seed, epochs=epochs, rate=0.2)

    def two_layers(x: Array) -> Array:
        logits = forward(layers, x)[-1]
        return np.asarray(1 / (1 + np.exp(logits[:, 0] - logits[:, 1])))  # softmax's share of the second

    truth = np.abs(contrast(new)) > MARGIN
    edge = new[truth]
    mirrored = edge.reshape(-1, 3, 3)[:, :, ::-1].reshape(-1, 9)
    shown = np.random.default_rng(seed).choice(len(new), 600, replace=False)

    def errors(output: Callable[[Array], Array]) -> tuple[float, float]:
        trios = (output(edge) > 0.5) & (output(mirrored) > 0.5) & (output((edge + mirrored) / 2) <= 0.5)
        return 100 * float(((output(new) > 0.5) != truth).mean()), 100 * float(trios.mean())

    neuron_error, neuron_trios = errors(neuron)
    layers_error, layers_trios = errors(two_layers)
    return BothSidesRun(
        seed=seed,
        none_error=100 * float(min(truth.mean(), 1 - truth.mean())),
        neuron_error=neuron_error,
        layers_error=layers_error,
        neuron_trios=neuron_trios,
        layers_trios=layers_trios,
        contrasts=contrast(new[shown]),
        neuron_outputs=neuron(new[shown]),
        layers_outputs=two_layers(new[shown]),
    )
