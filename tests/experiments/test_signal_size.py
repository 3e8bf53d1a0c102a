import math

import pytest
import torch
import torch.nn.functional as F

from residual.experiments.signal_size import STACKS, Signal, measure, sweep, theory_factor


@pytest.mark.parametrize("side", [2, 4, 8])
def test_theory_is_the_growth_of_the_expected_squares(side: int) -> None:
    """He's weights spread squares over 3x3 windows evenly, and a ReLU halves what they double: a box filter, twice."""
    squares = torch.ones(1, 1, side, side, dtype=torch.float64)
    for _ in range(200):
        branch = squares
        for _ in range(2):
            branch = F.avg_pool2d(branch, 3, stride=1, padding=1)
        before, squares = squares.sum(), squares + 0.49 * branch
        factor, squares = squares.sum() / before, squares / squares.sum()
    assert theory_factor(side, 0.7) == pytest.approx(factor.item(), rel=1e-9)


def test_theory_doubles_in_a_wide_map_and_keeps_without_a_branch() -> None:
    assert theory_factor(10_000) == pytest.approx(2, abs=1e-6)
    assert theory_factor(8, 0) == 1
    assert (1 + (theory_factor(8) - 1) / 1e6) ** 1e6 < math.e


def test_factor_is_that_of_an_exponential() -> None:
    signal = Signal("no norm, scale 1", 0, (3.0, 6.0, 12.0, 24.0), (8.0, 4.0, 2.0, 1.0))
    assert signal.factor == pytest.approx(2)
    assert (signal.growth, signal.gradient_growth) == (8, 8)


def test_a_wide_stack_follows_the_theory() -> None:
    factors = [measure("no norm, scale 1", 4, seed, width=128, images=4).factor for seed in range(4)]
    assert sum(factors) / 4 == pytest.approx(theory_factor(8), rel=0.1)


def test_a_silent_stack_changes_nothing_and_a_scaled_one_stays_bounded() -> None:
    silent = measure("no norm, scale 0", 6, 0, width=4, images=4)
    assert silent.growth == silent.gradient_growth == 1
    assert len(silent.activations) == len(silent.gradients) == 7
    scaled = measure("no norm, scale 1/√L", 40, 0, width=16, images=4)
    assert 1 < scaled.growth < math.e * 1.5


def test_the_seed_decides_and_arms_come_in_order() -> None:
    found = sweep((1, 2), (3,), workers=1, progress=False)
    assert list(found) == [(arm, blocks) for arm in STACKS for blocks in (1, 2)]
    assert found[STACKS[0], 2] == [measure(STACKS[0], 2, 3)]
    assert found[STACKS[0], 2] != [measure(STACKS[0], 2, 4)]


def test_unknown_arms_are_named() -> None:
    with pytest.raises(ValueError, match="got 'plain'"):
        measure("plain", 2, 0)
