"""The gradients of our backpropagation beside those of autograd and finite differences; and what it learns on digits.

Told in `book/primers/neuron.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression

from residual.experiments.backpropagation import (
    Array,
    Labels,
    Layer,
    backward,
    cross_entropy,
    error,
    forward,
    initialize,
    jacobian,
    train,
)
from residual.vision.data import digits

SEEDS = tuple(range(10))
SHAPES = ((5, 3), (5, 4, 3), (16, 12, 10), (7, 6, 5, 4), (3, 8, 8, 8, 2))  # widths, from input to classes
DIGITS = (64, 64, 64, 10)


@dataclass(frozen=True)
class Check:
    """How far our derivatives are from other people's, for a network of `widths` from one seed.

    Distances are norms of differences over norms, over all parameters together.

    Attributes:
        autograd: of `backward` from torch's automatic differentiation.
        differences: of `backward` from central finite differences, a parameter at a time.
        product: of `jacobian` from torch's.
    """

    widths: tuple[int, ...]
    seed: int
    autograd: float
    differences: float
    product: float


def check(widths: Sequence[int], seed: int, *, inputs: int = 6, nudge: float = 1e-6) -> Check:
    """Compare the derivatives of one network, biases not zero, on random inputs and labels; all in float64."""
    rng = np.random.default_rng(seed)
    layers = [Layer(w, rng.normal(0, 0.1, b.shape)) for w, b in initialize(widths, seed)]
    x, labels = rng.normal(size=(inputs, widths[0])), rng.integers(widths[-1], size=inputs)
    ours = _flat(backward(layers, forward(layers, x), labels))

    tensors = [torch.from_numpy(array.copy()).requires_grad_() for layer in layers for array in layer]
    loss = F.cross_entropy(_torch_logits(tensors, torch.from_numpy(x)), torch.from_numpy(labels))
    theirs = np.concatenate([g.numpy().ravel() for g in torch.autograd.grad(loss, tensors)])
    found = torch.autograd.functional.jacobian(lambda z: _torch_logits(tensors, z), torch.from_numpy(x[0]))
    return Check(
        widths=tuple(widths),
        seed=seed,
        autograd=_distance(ours, theirs),
        differences=_distance(ours, _finite_differences(layers, x, labels, nudge)),
        product=_distance(jacobian(layers, x[0]), found.numpy()),
    )


def _torch_logits(tensors: Sequence[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    for i in range(0, len(tensors), 2):
        x = F.linear(F.relu(x) if i else x, tensors[i], tensors[i + 1])
    return x


def _finite_differences(layers: Sequence[Layer], x: Array, labels: Labels, nudge: float) -> Array:
    layers = [Layer(w.copy(), b.copy()) for w, b in layers]
    slopes = []
    for array in (array for layer in layers for array in layer):
        for place in np.ndindex(array.shape):
            was, losses = array[place], []
            for moved in (was + nudge, was - nudge):
                array[place] = moved
                losses.append(cross_entropy(forward(layers, x)[-1], labels))
            array[place] = was
            slopes.append((losses[0] - losses[1]) / (2 * nudge))
    return np.array(slopes)


def _flat(layers: Sequence[Layer]) -> Array:
    return np.concatenate([array.ravel() for layer in layers for array in layer])


def _distance(a: Array, b: Array) -> float:
    apart = float(np.linalg.norm(a - b))
    return apart / float(np.linalg.norm(b)) if apart else 0.0  # a small net's ReLUs can all be closed: zero equals zero


@dataclass(frozen=True)
class DigitsRun:
    """Errors in percent on one random split of the digits, four fifths to train on: of our network and the baseline.

    Attributes:
        net_test: of the network of widths `DIGITS`, trained by `train`.
        net_train: the same on what it was trained with.
        logistic_test: of scikit-learn's logistic regression; of two strengths of its penalty the one with fewer test
            errors, which favors it.
    """

    seed: int
    net_test: float
    net_train: float
    logistic_test: float


def learn_digits(seed: int, *, epochs: int = 30) -> DigitsRun:
    """Train the network and the baseline on the same split. The seed decides split, weights and order."""
    data = digits()
    images = np.concatenate([data.train_images, data.test_images]).reshape(-1, 64).astype(np.float64)
    labels = np.concatenate([data.train_labels, data.test_labels])
    order = np.random.default_rng(seed).permutation(len(images))
    known, new = order[: len(data.train_images)], order[len(data.train_images) :]
    layers = train(initialize(DIGITS, seed), images[known], labels[known], seed=seed, epochs=epochs, rate=0.1)
    logistic = [LogisticRegression(C=c, max_iter=1000).fit(images[known], labels[known]) for c in (1.0, 0.1)]
    return DigitsRun(
        seed=seed,
        net_test=error(layers, images[new], labels[new]),
        net_train=error(layers, images[known], labels[known]),
        logistic_test=min(100 * (1 - float(model.score(images[new], labels[new]))) for model in logistic),
    )
