"""The recipe: its schedules are torch's, and what it does not know it refuses."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from residual.training import Recipe
from residual.training.recipe import SCHEDULES

TORCHS: dict[str, Callable[[torch.optim.SGD, float, int], torch.optim.lr_scheduler.LRScheduler]] = {
    "one-cycle": lambda sgd, peak, steps: torch.optim.lr_scheduler.OneCycleLR(
        sgd, max_lr=peak, total_steps=steps, cycle_momentum=False
    ),
    "step": lambda sgd, peak, steps: torch.optim.lr_scheduler.MultiStepLR(
        sgd, [math.ceil(steps / 2), math.ceil(steps * 3 / 4)]
    ),
    "cosine": lambda sgd, peak, steps: torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=steps),
}


@pytest.mark.parametrize("name", TORCHS)
@given(steps=st.integers(1, 300), peak=st.floats(1e-4, 10))
def test_schedules_are_torchs(name: str, steps: int, peak: float) -> None:
    recipe = Recipe(epochs=1, peak_lr=peak, schedule=name)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)
    schedule = TORCHS[name](optimizer, peak, steps)
    for step in range(steps):
        assert recipe.learning_rate(step, steps) == pytest.approx(schedule.get_last_lr()[0], rel=1e-6)
        optimizer.step()
        if step + 1 < steps:
            schedule.step()


def test_step_is_the_papers() -> None:
    """He et al. (2015), section 4.2: 0.1, divided by 10 at 32,000 and 48,000 of 64,000 iterations."""
    recipe = Recipe(epochs=1, schedule="step")
    rates = [recipe.learning_rate(step, 64_000) for step in (0, 31_999, 32_000, 47_999, 48_000, 63_999)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


@given(steps=st.integers(-2, 10), step=st.integers(-5, 15), schedule=st.sampled_from(SCHEDULES))
def test_a_learning_rate_for_each_step_of_the_run_and_no_other(steps: int, step: int, schedule: str) -> None:
    recipe = Recipe(epochs=1, schedule=schedule)
    if 0 <= step < steps:
        assert 0 < recipe.learning_rate(step, steps) <= recipe.peak_lr
    else:
        with pytest.raises(ValueError, match=rf"step must be 0 to {steps - 1} in a run of {steps} steps, got {step}$"):
            recipe.learning_rate(step, steps)


@given(steps=st.integers(1, 300), warmup=st.floats(0, 0.99), schedule=st.sampled_from(["step", "cosine", "constant"]))
def test_warm_up_climbs_in_equal_steps_to_what_the_schedule_says(steps: int, warmup: float, schedule: str) -> None:
    recipe = Recipe(epochs=1, peak_lr=0.3, schedule=schedule, warmup=warmup)
    climb = round(warmup * steps)
    rates = [recipe.learning_rate(step, steps) for step in range(steps)]
    assert rates[:climb] == pytest.approx([0.3 * (i + 1) / (climb + 1) for i in range(climb)])
    assert all(a >= b for a, b in zip(rates[climb:], rates[climb + 1 :], strict=False))  # and from there it only falls
    if schedule == "constant":
        assert rates[climb:] == [0.3] * (steps - climb)
    if schedule == "cosine":  # over what the climb has left of the steps
        whole = Recipe(epochs=1, peak_lr=0.3, schedule=schedule)
        assert rates[climb:] == [whole.learning_rate(step, steps - climb) for step in range(steps - climb)]


def test_a_recipe_from_before_warm_up_and_smoothing_is_still_the_same() -> None:
    """The pages of Part I print the numbers they printed."""
    recipe = Recipe(epochs=1)
    assert (recipe.schedule, recipe.warmup, recipe.decay_all, recipe.label_smoothing) == ("one-cycle", 0, True, 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"epochs": 1, "batch_size": -3}, "batch_size must be at least 1, got -3"),
        ({"epochs": 1, "schedule": "linear"}, "schedule must be one of 'one-cycle', .*'constant', got 'linear'"),
        ({"epochs": 1, "warmup": 0.1}, "warmup must be 0 with schedule='one-cycle', which has its own, got 0.1"),
        ({"epochs": 1, "warmup": 1.0, "schedule": "step"}, "warmup must be at least 0 and below 1, got 1.0"),
        ({"epochs": 1, "label_smoothing": -0.1}, "label_smoothing must be at least 0 and below 1, got -0.1"),
    ],
)
def test_bad_recipes(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Recipe(**options)
