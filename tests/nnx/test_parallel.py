import jax
import numpy as np
import pytest
import torch
from flax import nnx

from residual import nnx as jax_nets
from residual import vision
from residual.nnx.parallel import data_mesh, replicate, shard, use_host_devices

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(16, 8, 8, 3)).astype(np.float32)
LABELS = RNG.integers(10, size=16)


@pytest.fixture(scope="module")
def model() -> vision.ResNet:
    torch.manual_seed(0)
    return vision.CifarNet(8, width=4)


def trained(model: vision.ResNet, devices: int, steps: int) -> tuple[list[float], jax_nets.ResNet]:
    ours = jax_nets.from_torch(model)
    optimizer = jax_nets.sgd(ours, lr=0.1, momentum=0.9)
    mesh = data_mesh(devices)
    replicate(mesh, ours, optimizer)
    images, labels = shard(mesh, IMAGES, LABELS)
    return [float(jax_nets.train_step(ours, optimizer, images, labels)) for _ in range(steps)], ours


def test_the_batch_is_really_sharded() -> None:
    images, labels = shard(data_mesh(4), IMAGES, LABELS)
    for whole, spread in ((IMAGES, images), (LABELS, labels)):
        parts = spread.addressable_shards
        assert len({part.device for part in parts}) == 4
        assert all(part.data.shape == (4, *whole.shape[1:]) for part in parts)
        np.testing.assert_array_equal(np.concatenate([np.asarray(part.data) for part in parts]), whole)


def test_loss_and_statistics_do_not_depend_on_the_number_of_devices(model: vision.ResNet) -> None:
    (one, first), (four, second) = (trained(model, devices, steps=1) for devices in (1, 4))
    assert four == pytest.approx(one, abs=1e-5)
    ours, theirs = jax_nets.to_torch(first).state_dict(), jax_nets.to_torch(second).state_dict()
    for key, value in ours.items():
        assert float((value - theirs[key]).abs().max()) < 1e-5, key


def test_statistics_are_those_of_the_whole_batch(model: vision.ResNet) -> None:
    """Not of one device's part: the first batch norm's running mean is a tenth of the mean over all images."""
    _, ours = trained(model, 4, steps=1)
    with torch.no_grad():
        seen = model.conv1(torch.from_numpy(IMAGES.transpose(0, 3, 1, 2)))
    np.testing.assert_allclose(np.asarray(ours.bn1.mean[...]), 0.1 * seen.mean((0, 2, 3)).numpy(), atol=1e-6)
    part = 0.1 * seen[:4].mean((0, 2, 3)).numpy()
    assert abs(np.asarray(ours.bn1.mean[...]) - part).max() > 1e-4


def test_weights_stay_whole_on_every_device(model: vision.ResNet) -> None:
    _, ours = trained(model, 4, steps=2)
    for leaf in jax.tree.leaves(nnx.state(ours)):
        assert len(leaf.devices()) == 4
        assert leaf.is_fully_replicated


def test_a_batch_that_cannot_be_shared_out_is_refused() -> None:
    with pytest.raises(ValueError, match="the batch must be a multiple of the 4 devices, got 15"):
        shard(data_mesh(4), IMAGES[:15], LABELS[:15])


@pytest.mark.parametrize("count", [0, 5])
def test_devices_that_are_not_there_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"count must be from 1 to the 4 devices that JAX has, got {count}"):
        data_mesh(count)


def test_host_devices_can_be_asked_for_again_but_not_more() -> None:
    assert len(jax.devices()) == 4
    use_host_devices(4)
    with pytest.raises(RuntimeError, match="JAX has started with 4 devices, 8 are wanted"):
        use_host_devices(8)
    assert len(jax.devices()) == 4
