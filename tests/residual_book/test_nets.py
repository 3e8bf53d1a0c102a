"""Nets that pages share: the first steps of a very deep one end where its gradient does."""

import math

import pytest

from residual_book.nets import ARMS, THOUSAND, first_steps


@pytest.mark.parametrize("arm", ARMS)
def test_twenty_layers_take_steps_with_any_block(arm: str) -> None:
    run = first_steps(arm, 0, depth=20, steps=12)
    assert run.finite
    assert (len(run.losses), len(run.gradients)) == (13, 12)
    assert min(run.losses) < run.losses[0]
    assert run == first_steps(arm, 0, depth=20, steps=12)
    assert run != first_steps(arm, 1, depth=20, steps=12)


def test_a_run_ends_at_the_first_gradient_that_is_not_finite() -> None:
    """600 plain layers: a factor of about 1.2 each, which is more than float32 holds."""
    run = first_steps("plain", 0, depth=602)
    assert not run.finite
    assert len(run.losses) == len(run.gradients) == 1
    assert math.isfinite(run.losses[0])


def test_a_thousand_layers_are_more_than_that() -> None:
    assert THOUSAND > 1000
    assert (THOUSAND - 2) % 6 == 0  # a depth that `CifarNet` has


def test_an_unknown_arm_is_named() -> None:
    with pytest.raises(ValueError, match="got 'wide'"):
        first_steps("wide", 0)
