import math

import pytest
import torch

from residual.experiments import limits
from residual.experiments.limits import Field, Steps, fields, first_steps, measure_field, thousand_layers


def gaussian(side: int, sigma: float) -> Field:
    place = torch.arange(side, dtype=torch.float64) - side // 2
    line = torch.exp(-(place**2) / (2 * sigma**2))
    energy = torch.outer(line, line)
    return Field("ResNet-18", 0, side, energy / energy.sum())


def test_a_gaussian_field_is_its_own_gaussian() -> None:
    field = gaussian(121, 12)
    assert field.gaussian == pytest.approx(field.within, abs=1e-3)
    # 95 % of a plane in a square: 97.5 % of each axis, 2.236 standard deviations to either side.
    assert field.effective == pytest.approx(2 * 2.236 * 12, abs=2)


def test_a_uniform_field_is_no_gaussian() -> None:
    field = Field("ResNet-18", 0, 31, torch.full((31, 31), 1 / 31**2, dtype=torch.float64))
    assert max(abs(a - b) for a, b in zip(field.within, field.gaussian, strict=True)) > 0.1


def test_measured_field_is_a_distribution_that_the_seed_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FIELD_IMAGE", (3, 65, 65))
    state = torch.random.get_rng_state()
    first, again, other = (measure_field("ResNet-18", seed) for seed in (0, 0, 1))
    assert torch.equal(first.energy, again.energy)
    assert not torch.equal(first.energy, other.energy)
    assert first.energy.shape == (65, 65)
    assert first.energy.sum().item() == pytest.approx(1)
    assert first.theoretical == 435
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_image_of_the_page_holds_the_whole_field_and_has_a_middle_unit() -> None:
    _, height, width = limits.FIELD_IMAGE
    assert height == width > 435
    assert (height - 1) % 32 == 0  # the stride: the middle unit looks at the middle pixel
    assert ((height - 1) // 32 + 1) % 2 == 1


@pytest.mark.parametrize("arm", limits.ARMS)
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


def test_the_page_has_more_than_a_thousand_layers() -> None:
    assert limits.DEPTH > 1000


def test_every_arm_from_every_seed_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "measure_field", lambda net, seed: Field(net, seed, 1, torch.ones(1, 1)))
    monkeypatch.setattr(limits, "first_steps", lambda arm, seed: Steps(arm, seed, (1.0,), (1.0,)))
    found = fields((4, 2), workers=1, progress=False)
    assert [(f.net, f.seed) for f in found] == [(n, s) for n in limits.NETS for s in (4, 2)]
    runs = thousand_layers((4, 2), workers=1, progress=False)
    assert [(r.arm, r.seed) for r in runs] == [(a, s) for a in limits.ARMS for s in (4, 2)]


def test_unknown_names_are_named() -> None:
    with pytest.raises(ValueError, match="got 'ResNet-19'"):
        measure_field("ResNet-19", 0)
    with pytest.raises(ValueError, match="got 'wide'"):
        first_steps("wide", 0)
