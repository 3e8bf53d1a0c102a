import numpy as np
import pytest

from residual.experiments.edges import (
    HAND,
    MARGIN,
    Neuron,
    by_hand,
    contrast,
    learn,
    learn_both_sides,
    learn_edge,
    patches,
)

STEP = np.array([[0.0, 0, 3]] * 3)  # ink begins


def test_patches_are_all_windows() -> None:
    image = np.arange(20.0).reshape(1, 4, 5)
    found = patches(image)
    assert found.shape == (2 * 3, 9)
    assert found[0].tolist() == [0, 1, 2, 5, 6, 7, 10, 11, 12]
    assert found[-1].tolist() == [7, 8, 9, 12, 13, 14, 17, 18, 19]


def test_contrast_is_the_difference_of_the_columns_means() -> None:
    flat = np.stack([STEP, STEP[:, ::-1], STEP.T, np.ones((3, 3))]).reshape(-1, 9)
    assert contrast(flat) == pytest.approx([3, -3, 0, 0])


def test_the_neuron_made_by_hand_answers_one_half_at_the_margin() -> None:
    at_margin = (MARGIN / 3 * STEP).reshape(1, 9)
    assert by_hand()(at_margin) == pytest.approx(0.5)
    assert by_hand()(1.5 * at_margin) > 0.9
    assert by_hand()(0.5 * at_margin) < 0.1
    assert by_hand().cosine == pytest.approx(1)


def test_cosine_and_error_of_known_neurons() -> None:
    assert Neuron(-HAND.ravel(), 0.0).cosine == pytest.approx(-1)
    assert Neuron(HAND.T.ravel(), 0.0).cosine == pytest.approx(0)
    x = np.stack([STEP.ravel(), STEP[:, ::-1].ravel()])
    assert by_hand().error(x, np.array([True, False])) == 0
    assert by_hand().error(x, np.array([True, True])) == 50


def test_learning_goes_down_the_slope_of_the_loss() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 9))
    edges = contrast(x) > 0

    def loss(neuron: Neuron) -> float:
        y = neuron(x)
        return float(-np.log(np.where(edges, y, 1 - y)).mean())

    first, second = learn(x, edges, 0, steps=1, rate=1e-6)
    nudged = [Neuron(first.weights + 1e-6 * np.eye(9)[i], first.bias) for i in range(9)]
    slope = [(loss(neuron) - loss(first)) / 1e-6 for neuron in nudged]
    assert (first.weights - second.weights) / 1e-6 == pytest.approx(slope, abs=1e-4)
    losses = [loss(neuron) for neuron in learn(x, edges, 0, steps=30)]
    assert losses == sorted(losses, reverse=True)


def test_the_direction_is_found_from_the_seed_alone() -> None:
    run = learn_edge(0, count=500, steps=100)
    assert len(run.cosines) == 101
    assert run.cosines[-1] > 0.9
    assert run.error < 5
    assert run.means.cosine > 0.9
    assert run.cosines == learn_edge(0, count=500, steps=100).cosines
    assert run.cosines != learn_edge(1, count=500, steps=100).cosines


def test_one_neuron_never_answers_a_trio() -> None:
    run = learn_both_sides(0, count=1000, steps=50, epochs=10)
    assert run.neuron_trios == 0
    assert run.layers_trios > 50
    assert run.layers_error < run.neuron_error < run.none_error
    assert len(run.contrasts) == len(run.neuron_outputs) == len(run.layers_outputs)
