"""Our gradients beside those of autograd and finite differences; and what our backpropagation learns on digits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from residual.vision.data import digits
from residual_book.primers.neuron import backpropagation as ours
from residual_book.primers.neuron.backpropagation import Array, Labels, Layer

SHAPES = ((5, 3), (5, 4, 3), (16, 12, 10), (7, 6, 5, 4), (3, 8, 8, 8, 2))  # widths, from input to classes


@dataclass(frozen=True)
class Distances:
    """How far our derivatives of one network are from others: the norm of the difference over the norm.

    Of the gradient from torch's `autograd` and from finite `differences`; of the Jacobian, a `product`, from torch's.
    """

    autograd: float
    differences: float
    product: float


def compare(widths: Sequence[int], seed: int) -> Distances:
    """Compare the derivatives of one network, biases not zero, on random inputs and labels; all in float64."""
    rng = np.random.default_rng(seed)
    layers = [Layer(w, rng.normal(0, 0.1, b.shape)) for w, b in ours.initialize(widths, seed)]
    x, labels = rng.normal(size=(6, widths[0])), rng.integers(widths[-1], size=6)
    gradient = list(chain(*ours.backward(layers, ours.forward(layers, x), labels)))
    tensors = [torch.from_numpy(array.copy()).requires_grad_() for array in chain(*layers)]
    loss = F.cross_entropy(_torch_logits(tensors, torch.from_numpy(x)), torch.from_numpy(labels))
    jacobian: Tensor = torch.autograd.functional.jacobian(lambda z: _torch_logits(tensors, z), torch.from_numpy(x[0]))
    return Distances(
        autograd=_distance(gradient, [g.numpy() for g in torch.autograd.grad(loss, tensors)]),
        differences=_distance(gradient, _finite_differences(layers, x, labels)),
        product=_distance([ours.jacobian(layers, x[0])], [jacobian.numpy()]),
    )


def _torch_logits(tensors: Sequence[Tensor], x: Tensor) -> Tensor:
    for i in range(0, len(tensors), 2):
        x = F.linear(F.relu(x) if i else x, tensors[i], tensors[i + 1])
    return x


def _finite_differences(layers: Sequence[Layer], x: Array, labels: Labels) -> list[Array]:
    """Central differences of the loss, one parameter at a time; each is nudged in place and put back."""
    nudge, losses = 1e-6, []
    for array in chain(*layers):
        for index in np.ndindex(array.shape):
            was = array[index]
            for moved in (was + nudge, was - nudge):
                array[index] = moved
                losses.append(ours.cross_entropy(ours.forward(layers, x)[-1], labels))
            array[index] = was
    return [np.subtract(losses[::2], losses[1::2]) / (2 * nudge)]


def _distance(arrays: Iterable[Array], references: Iterable[Array]) -> float:
    a, b = (np.concatenate([array.ravel() for array in parts]) for parts in (arrays, references))
    apart = float(np.linalg.norm(a - b))
    return apart / float(np.linalg.norm(b)) if apart else 0.0  # a small net's ReLUs can all be closed: zero equals zero


@dataclass(frozen=True)
class DigitsRun:
    """Errors in percent on one random split of the digits, four fifths to train on: of our network and the baseline.

    The baseline is logistic regression, of two strengths of its penalty that with fewer test errors, which favors it.
    """

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
    start = ours.initialize((64, 64, 64, 10), seed)
    layers = ours.train(start, images[known], labels[known], seed=seed, epochs=epochs, rate=0.1)
    logistic = [LogisticRegression(C=c, max_iter=1000).fit(images[known], labels[known]) for c in (1.0, 0.1)]
    return DigitsRun(
        net_test=ours.error(layers, images[new], labels[new]),
        net_train=ours.error(layers, images[known], labels[known]),
        logistic_test=min(100 * (1 - float(model.score(images[new], labels[new]))) for model in logistic),
    )
