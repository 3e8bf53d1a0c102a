import math

import pytest
import torch
from torch.nn import functional as F

from residual.experiments.landscape import STEPS, around, plane, planes, surroundings, training_loss
from residual.experiments.solutions import Solution, solve
from residual.training import Recipe
from residual.vision import CifarNet
from residual.vision.data import digits

RECIPE = Recipe(epochs=2, batch_size=64)


@pytest.fixture(scope="module")
def solution() -> Solution:
    return solve("residual-20", 0, recipe=RECIPE)


def test_a_solution_is_trained_frozen_and_the_seed_decides_it(solution: Solution) -> None:
    assert (solution.name, solution.net.depth) == ("residual-20", 20)
    assert not solution.net.training
    assert training_loss(solution.net)().item() < 0.5
    new = CifarNet(20, in_channels=1).eval()
    assert training_loss(new)().item() > 2
    again = solve("residual-20", 0, recipe=RECIPE)
    assert all(torch.equal(a, b) for a, b in zip(again.net.parameters(), solution.net.parameters(), strict=True))
    with pytest.raises(ValueError, match=r"name must be one of .*'plain-20'.*, got 'plain-8'"):
        solve("plain-8", 0)


def test_the_loss_is_that_of_the_first_training_images(solution: Solution) -> None:
    data = digits()
    expected = F.cross_entropy(solution.net(data.train_images[:20]), data.train_labels[:20])
    assert training_loss(solution.net, images=20)().item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_line_goes_through_the_solution_which_lies_lower_than_its_ends(solution: Solution) -> None:
    found = around(solution, directions=2)
    assert (found.name, found.seed) == ("residual-20", 0)
    assert found.line.steps == STEPS
    assert found.loss == pytest.approx(training_loss(solution.net)().item(), rel=1e-6)
    assert min(found.line.losses[0], found.line.losses[-1]) > found.loss
    assert 0 < found.rise < math.inf
    assert around(solution, directions=2).rise == found.rise
    (again,) = surroundings([solution], workers=1, progress=False)
    assert torch.equal(again.line.losses, found.line.losses)


def test_the_plane_holds_the_line_of_its_first_direction(solution: Solution) -> None:
    steps = (-0.5, 0.0, 0.5)
    found = plane(solution, steps=steps)
    line = around(solution, directions=1).line
    at = [line.steps.index(step) for step in steps]
    torch.testing.assert_close(found.losses[:, 1], line.losses[at])


def test_every_plane_in_order(solution: Solution) -> None:
    first, second = planes([solution, solution], workers=1)
    assert first.losses.shape == (11, 11)
    assert torch.equal(first.losses, second.losses)
    assert torch.equal(first.losses, plane(solution).losses)
