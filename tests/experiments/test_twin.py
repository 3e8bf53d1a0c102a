import math

import pytest
import torch

from residual.experiments import twin
from residual.experiments.twin import compare_all_logits, compare_blocks, compare_training, settled_net
from residual.nnx.parallel import use_host_devices

use_host_devices(twin.DEVICES)  # before any test makes JAX start


def test_settled_nets_fit_their_input() -> None:
    """Running statistics are those of one batch, so that in evaluation mode activations keep their size."""
    model = settled_net(18, 0, scaled=False)
    assert not model.training
    assert int(model.bn1.num_batches_tracked) == 1
    assert len(set(model.bn1.weight.tolist())) == 64
    assert model.bn1.momentum == 0.1
    with torch.no_grad():
        logits = model(torch.randn(2, 3, twin.SIZE, twin.SIZE))
    assert 0.1 < float(logits.abs().max()) < 100


def test_settled_nets_depend_on_the_seed_alone() -> None:
    before = torch.random.get_rng_state()
    first, again, other = (settled_net(18, seed, scaled=True).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["fc.weight"], other["fc.weight"])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_scaling_divides_the_end_of_every_branch() -> None:
    plain, scaled = (settled_net(18, 0, scaled=scaled).blocks() for scaled in (False, True))
    for one, other in zip(plain, scaled, strict=True):
        assert torch.equal(one.bn1.weight, other.bn1.weight)
        assert torch.equal(one.bn2.weight / math.sqrt(8), other.bn2.weight)


def test_twin_is_as_far_from_torch_as_rounding() -> None:
    found = compare_blocks(0, depth=18)
    assert len(found.twin) == len(found.rounding) == 1 + 8 + 1
    assert min(found.twin) > 0
    assert max(found.twin) < 1e-4
    assert found.twin[-1] < 5 * found.rounding[-1]


def test_training_agrees_at_first_and_on_any_number_of_devices() -> None:
    found = compare_training(0, steps=2)
    assert len(found.torch) == len(found.exact) == len(found.one) == len(found.several) == 2
    assert found.one[0] == pytest.approx(found.torch[0], abs=1e-5)
    assert found.several[0] == pytest.approx(found.one[0], abs=1e-5)
    assert found.weights < 1e-4
    assert found.statistics < 1e-4
    assert abs(found.by_parts - found.one[0]) > 1e-3, "parts of a batch have other statistics"


def test_all_logits_are_of_every_depth_and_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twin, "compare_logits", lambda depth, seed: (depth, seed))
    assert compare_all_logits((3, 4), progress=False) == [
        (depth, seed) for depth in (18, 34, 50, 101, 152) for seed in (3, 4)
    ]
