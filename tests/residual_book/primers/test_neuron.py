from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from residual_book.claims import ClaimError
from residual_book.primers.neuron import backpropagation as ours
from residual_book.primers.neuron import checks, claims, edges, figures
from residual_book.primers.neuron.backpropagation import Layer
from residual_book.primers.neuron.edges import HAND, MARGIN, Neuron, by_hand, contrast, learn

STEP = np.array([[0.0, 0, 3]] * 3)  # ink begins
NOISE = np.random.default_rng(0).normal(0, 1, 9)
CONTRASTS = np.array([-2.0, -0.5, 0.5, 2.0])


def edge_run(noise: float) -> edges.EdgeRun:
    path = [Neuron(NOISE, 0.0), Neuron(HAND.ravel() + noise * NOISE, 0.0)]
    return edges.EdgeRun(path, 1.0, Neuron(HAND.ravel() + 4 * noise * NOISE, 0.0))


def both_run(shift: float) -> edges.BothSidesRun:
    neuron = edges.Detector(30 + shift, 0.0, CONTRASTS, np.array([0.6, 0.4, 0.6, 0.4]))
    return edges.BothSidesRun(neuron, edges.Detector(2 + shift / 10, 95 + shift, CONTRASTS, 1.0 * neuron.outputs), 25.0)


RUNS, BOTH = [edge_run(noise) for noise in (0.01, 0.011, 0.012)], [both_run(shift) for shift in (0.0, 0.1, 0.2)]
COMPARED = [checks.Distances(1e-15, 1e-9, 0.0)] * 3
TRAINED = [checks.DigitsRun(2.0 + shift, shift, 3.0 + 1.1 * shift) for shift in (0.0, 0.1, 0.2)]


@given(widths=st.lists(st.integers(1, 6), min_size=2, max_size=5), inputs=st.integers(1, 5), seed=st.integers(0, 1000))
def test_gradients_are_those_of_autograd(widths: list[int], inputs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = [Layer(w, rng.normal(size=b.shape)) for w, b in ours.initialize(widths, seed)]
    x, labels = rng.normal(size=(inputs, widths[0])), rng.integers(widths[-1], size=inputs)
    tensors = [Layer(*(torch.from_numpy(a.copy()).requires_grad_() for a in layer)) for layer in layers]
    z = torch.from_numpy(x)
    for i, (weights, bias) in enumerate(tensors):
        z = F.linear(F.relu(z) if i else z, weights, bias)
    loss = F.cross_entropy(z, torch.from_numpy(labels))
    loss.backward()
    outputs = ours.forward(layers, x)
    assert ours.cross_entropy(outputs[-1], labels) == pytest.approx(loss.item(), abs=1e-12)
    for gradient, theirs in zip(ours.backward(layers, outputs, labels), tensors, strict=True):
        np.testing.assert_allclose(gradient.weights, theirs.weights.grad, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(gradient.bias, theirs.bias.grad, rtol=1e-12, atol=1e-12)


def test_one_linear_layer_by_hand() -> None:
    """Two classes with equal logits: half of the belief has to move from the wrong class to the right one."""
    assert ours.softmax(np.array([[1e4, 0.0], [-1e4, -1e4]])).tolist() == [[1, 0], [0.5, 0.5]], "large logits, too"
    layers = [Layer(np.zeros((2, 1)), np.zeros(2))]
    x, labels = np.array([[3.0]]), np.array([1])
    (gradient,) = ours.backward(layers, ours.forward(layers, x), labels)
    assert (gradient.bias.tolist(), gradient.weights.tolist()) == ([0.5, -0.5], [[1.5], [-1.5]])
    (moved,) = ours.step(layers, x, labels, rate=0.1)
    assert moved.bias.tolist() == [-0.05, 0.05]


def test_jacobians_of_closed_and_of_open_relus() -> None:
    layers = [Layer(-np.eye(2), np.zeros(2)), Layer(np.ones((2, 2)), np.zeros(2))]
    assert not ours.jacobian(layers, np.array([1.0, 2.0])).any()
    np.testing.assert_allclose(ours.jacobian(layers, np.array([-1.0, -2.0])), -np.ones((2, 2)))


def test_training_lowers_the_loss_and_leaves_the_first_layers_as_they_were() -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    labels = (x[:, 0] * x[:, 1] > 0).astype(np.int64)  # no straight border separates them
    first = ours.initialize((2, 16, 2), 0)
    trained, again = (ours.train(first, x, labels, seed=0, epochs=200, rate=0.3) for _ in range(2))
    assert ours.error(trained, x, labels) < 10 < ours.error(first, x, labels)
    for layers, same in ((trained, again), (first, ours.initialize((2, 16, 2), 0))):
        assert all(np.array_equal(a.weights, b.weights) for a, b in zip(layers, same, strict=True))


def test_first_weights_have_hes_size_and_the_seed_decides() -> None:
    (layer,), (other,) = (ours.initialize((400, 300), seed) for seed in (0, 1))
    assert layer.weights.std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    assert not np.array_equal(layer.weights, other.weights)


@pytest.mark.parametrize("widths", checks.SHAPES)
def test_ours_are_autograds_and_finite_differences_derivatives(widths: tuple[int, ...]) -> None:
    compared = checks.compare(widths, 3)
    assert max(compared.autograd, compared.product) < 1e-12
    assert 0 < compared.differences < 1e-6, "a nudge leaves some error"


def test_both_learn_the_digits() -> None:
    run = checks.learn_digits(0, epochs=4)
    assert 0 < run.net_train < run.net_test < 15
    assert 0 < run.logistic_test < 10


def test_patches_are_all_windows_and_contrast_compares_their_columns() -> None:
    windows = edges.patches(np.arange(20.0).reshape(1, 4, 5))
    assert windows.shape == (2 * 3, 9)
    assert windows[[0, -1]].tolist() == [[0, 1, 2, 5, 6, 7, 10, 11, 12], [7, 8, 9, 12, 13, 14, 17, 18, 19]]
    flat = np.stack([STEP, STEP[:, ::-1], STEP.T, np.ones((3, 3))]).reshape(-1, 9)
    assert contrast(flat) == pytest.approx([3, -3, 0, 0])


def test_the_neuron_made_by_hand_answers_one_half_at_the_margin() -> None:
    at_margin = MARGIN / 3 * STEP.reshape(1, 9)
    assert by_hand()(at_margin) == pytest.approx(0.5)
    assert by_hand()(0.5 * at_margin) < 0.1 < 0.9 < by_hand()(1.5 * at_margin)
    weights = (HAND.ravel(), -HAND.ravel(), HAND.T.ravel())
    assert [Neuron(w, 0.0).cosine for w in weights] == pytest.approx([1, -1, 0])


def test_learning_goes_down_the_slope_of_the_loss() -> None:
    x = np.random.default_rng(0).normal(size=(50, 9))
    targets = contrast(x) > 0

    def loss(neuron: Neuron) -> float:
        y = neuron(x)
        return float(-np.log(np.where(targets, y, 1 - y)).mean())

    first, second = learn(x, targets, 0, steps=1, rate=1e-6)
    nudged = [Neuron(first.weights + 1e-6 * np.eye(9)[i], first.bias) for i in range(9)]
    slope = [(loss(neuron) - loss(first)) / 1e-6 for neuron in nudged]
    assert (first.weights - second.weights) / 1e-6 == pytest.approx(slope, abs=1e-4)
    losses = [loss(neuron) for neuron in learn(x, targets, 0, steps=30)]
    assert losses == sorted(losses, reverse=True)


def test_the_direction_is_found_from_the_seed_alone() -> None:
    run, again, other = (edges.learn_edge(seed) for seed in (0, 0, 1))
    assert len(run.path) == 301
    assert min(run.path[-1].cosine, run.means.cosine) > 0.9
    assert run.error < 5
    assert run.path[-1].cosine == again.path[-1].cosine != other.path[-1].cosine


def test_one_neuron_never_answers_a_trio() -> None:
    run = edges.learn_both_sides(0, epochs=10)
    assert run.neuron.trios == 0
    assert run.layers.trios > 50
    assert run.layers.error < run.neuron.error < run.none_error
    assert len(run.layers.contrasts) == len(run.layers.outputs)


def test_figures_say_what_they_show() -> None:
    for drawing, words in (
        (figures.images_and_responses(np.ones((2, 8, 8)), by_hand()), ("image", "response")),
        (figures.weights_and_angles(RUNS), ("by hand", "angle to hand-made")),
        (figures.outputs_by_contrast(BOTH[0]), ("one neuron", "two layers", "wrong")),
        (figures.distances(COMPARED), ("Jacobian, to autograd", "gradient, to differences")),
        (figures.paired_errors(TRAINED), ("our network", "logistic regression")),
    ):
        assert all(word in drawing.svg() for word in words)


def test_claims_hold_for_good_results() -> None:
    claims.check_all(RUNS, BOTH, COMPARED, TRAINED)


@pytest.mark.parametrize(
    ("id", "changed"),
    [
        ("neuron-finds-the-pattern", {"runs": [edge_run(noise) for noise in (0.1, 0.11, 0.12)]}),
        ("neuron-beats-class-means", {"runs": [replace(run, means=run.path[-1]) for run in RUNS]}),
        ("neuron-one-side-only", {"both": [replace(BOTH[0], neuron=replace(BOTH[0].neuron, trios=0.1)), *BOTH[1:]]}),
        ("neuron-two-layers-err-less", {"both": [replace(r, neuron=replace(r.neuron, error=19.0)) for r in BOTH]}),
        ("backpropagation-is-the-gradient", {"compared": [*COMPARED, checks.Distances(1e-15, 1e-6, 0.0)]}),
        ("backpropagation-is-a-product", {"compared": [*COMPARED, checks.Distances(1e-15, 1e-9, 1e-12)]}),
        ("backpropagation-learns-digits", {"trained": [replace(run, logistic_test=2.1) for run in TRAINED]}),
    ],
)
def test_spoiled_results_stop_the_page(id: str, changed: dict[str, Any]) -> None:
    results = {"runs": RUNS, "both": BOTH, "compared": COMPARED, "trained": TRAINED} | changed
    with pytest.raises(ClaimError, match=id):
        claims.check_all(**results)
