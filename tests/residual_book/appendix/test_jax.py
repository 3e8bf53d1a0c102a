import math
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import pytest
import torch
from flax import nnx

from residual.nnx import parallel
from residual_book.appendix.jax import claims, experiment, figures
from residual_book.appendix.jax.experiment import Blocks, Logits, Training, settled_net
from residual_book.claims import ClaimError
from residual_book.recording import RESULTS
from residual_book.speeds import Speed, recorded_speeds
from residual_book.stats import Interval

parallel.use_host_devices(experiment.DEVICES)  # before any test makes JAX start

BLOCKS = [Blocks(jax=[1e-7] * 17 + [ratio * 1e-6], rounding=[1e-7] * 17 + [1e-6]) for ratio in (0.9, 1.0, 1.1)]
LOGITS = [Logits(depth, 1e-6, 1e-6, 0.8) for depth in experiment.DEPTHS for _ in experiment.SEEDS]
RUNS = [Training([2.3, 2.0], [2.3, 2.0], [2.3, 2.1], [2.3, 2.1], 1e-7, loss) for loss in (2.32, 2.33, 2.34)]
SPEEDS = [
    Speed(job, "resnet50", 4, 2, "torch", arm, 1000 * second, Interval(1 / second, 1, 2, 6), (second,) * 6)
    for job in ("prediction", "training step")
    for arm, second in {"torch": 1.0, "torch, fused": 0.9, "JAX": 0.5}.items()
]
ERRORS = {
    "a list of blocks": "ValueError: a list",
    "a part that is no module": "no error; tracked: fc",
    "update(gradients)": "TypeError: one is missing",
}


def test_settled_nets_fit_their_input_and_depend_on_the_seed_alone() -> None:
    """Running statistics are those of one batch, so that in evaluation mode activations keep their size."""
    model, again, other = (settled_net(18, seed, scaled=False) for seed in (0, 0, 1))
    assert not model.training
    assert len(set(model.bn1.weight.tolist())) == 64
    with torch.no_grad():
        logits, same = (net(torch.ones(2, 3, experiment.SIZE, experiment.SIZE)) for net in (model, again))
    assert 0.1 < float(logits.abs().max()) < 100
    assert torch.equal(logits, same)
    assert not torch.equal(model.fc.weight, other.fc.weight)


def test_scaling_divides_the_end_of_every_branch() -> None:
    plain, scaled = (settled_net(18, 0, scaled=scaled).blocks() for scaled in (False, True))
    for block, smaller in zip(plain, scaled, strict=True):
        assert torch.equal(block.bn1.weight, smaller.bn1.weight)
        assert torch.equal(block.bn2.weight / math.sqrt(8), smaller.bn2.weight)


def test_jax_is_as_far_from_torch_as_rounding() -> None:
    blocks = experiment.compare_blocks(0, depth=18)
    assert len(blocks.jax) == len(blocks.rounding) == 1 + 8 + 1
    assert 0 < min(blocks.jax) < max(blocks.jax) < 1e-4
    assert blocks.jax[-1] < 5 * blocks.rounding[-1]
    logits = experiment.compare_logits(18, 0)
    assert logits.scale > 0.5, "a comparison of zeros would say nothing"
    assert 0 < logits.jax < 1e-4


def test_training_agrees_at_first_and_on_any_number_of_devices() -> None:
    run = experiment.compare_training(0, steps=2)
    assert len(run.torch) == len(run.exact) == len(run.jax) == len(run.sharded) == 2
    assert [run.jax[0], run.exact[0], run.sharded[0]] == pytest.approx([run.torch[0]] * 3, abs=1e-5)
    assert 0 < run.weights < 1e-4
    assert abs(run.by_parts - run.jax[0]) > 1e-3, "parts of a batch have other statistics"


def test_times_are_compared_round_by_round() -> None:
    """A machine that slows down half-way slows both arms, and their ratio stays."""
    slower = (1.0, 1.0, 1.0, 9.0, 9.0, 9.0)
    ratio = replace(SPEEDS[1], seconds=tuple(2 * s for s in slower)).time_over(replace(SPEEDS[0], seconds=slower))
    assert (ratio.estimate, ratio.low, ratio.high) == (2, 2, 2)


def test_the_record_is_complete() -> None:
    speeds = recorded_speeds(RESULTS / "twin-speed.json")
    assert {(s.net, s.job) for s in speeds} == {
        (net, job) for net in ("resnet18", "resnet50") for job in ("prediction", "training step")
    }
    assert {s.arm for s in speeds} == {"torch", "torch, channels last", "torch, fused", "JAX"}


def test_figures_say_what_they_show() -> None:
    for drawing, words in (
        (figures.block_distances(BLOCKS), ("JAX copy from PyTorch", "stem", "logits")),
        (figures.logits_by_depth(LOGITS), ("what we allow", "layers of the ResNet", ">152<")),
        (figures.training(RUNS), ("JAX, four devices", "one device and four")),
        (figures.times(SPEEDS), ("ResNet-50, prediction", "(PyTorch: 1000 ms)", "torch, fused")),
    ):
        assert all(word in drawing.svg() for word in words)


class PlainPart:  # no module, so Flax does not see the layer in it
    def __init__(self) -> None:
        self.layer = nnx.Linear(2, 2, rngs=nnx.Rngs(0))


class Net(nnx.Module):
    def __init__(self, part: Any) -> None:
        self.part, self.fc = part, nnx.Linear(16, 2, rngs=nnx.Rngs(0))


def test_claims_hold_for_good_results() -> None:
    (images,) = parallel.shard(parallel.data_mesh(4), jnp.ones((8, 1)))
    claims.on_logits(LOGITS, BLOCKS)
    claims.on_flax(ERRORS, Net(PlainPart()))
    claims.on_training(RUNS, images)
    claims.speed_numbers(SPEEDS)


@pytest.mark.parametrize(
    ("id", "logits", "blocks"),
    [
        ("twin-logits", [*LOGITS, Logits(50, 1e-4, 1e-6, 0.8)], BLOCKS),
        ("twin-logits", [*LOGITS, Logits(50, 1e-6, 1e-6, 0.5)], BLOCKS),
        ("twin-rounding", LOGITS, [replace(run, jax=[3.5 * value for value in run.jax]) for run in BLOCKS]),
    ],
)
def test_logits_too_far_apart_stop_the_page(id: str, logits: list[Logits], blocks: list[Blocks]) -> None:
    with pytest.raises(ClaimError, match=id):
        claims.on_logits(logits, blocks)


def test_mistakes_that_flax_takes_stop_the_page() -> None:
    with pytest.raises(ClaimError, match="twin-list"):
        claims.on_flax(ERRORS | {"a list of blocks": "no error"}, Net(PlainPart()))
    with pytest.raises(ClaimError, match="twin-update"):
        claims.on_flax(ERRORS | {"update(gradients)": "no error"}, Net(PlainPart()))
    with pytest.raises(ClaimError, match="twin-module"):
        claims.on_flax(ERRORS, Net(nnx.Linear(2, 2, rngs=nnx.Rngs(0))))


@pytest.mark.parametrize(
    ("id", "change", "devices"),
    [
        ("twin-first-step", {"weights": 1e-4}, 4),
        ("twin-devices", {"sharded": [2.30002, 2.1]}, 4),
        ("twin-devices", {}, 2),
        ("twin-global-statistics", {"by_parts": 2.3}, 4),
    ],
)
def test_training_that_disagrees_stops_the_page(id: str, change: dict[str, Any], devices: int) -> None:
    (images,) = parallel.shard(parallel.data_mesh(devices), jnp.ones((8, 1)))
    with pytest.raises(ClaimError, match=id):
        claims.on_training([replace(RUNS[0], **change), *RUNS[1:]], images)
