from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from flax import nnx

from residual import nnx as jax_nets
from residual import vision

SMALL: dict[str, Any] = {"num_classes": 5, "width": 8}
LABELS = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2])
STEPS = {
    "plain descent": {"lr": 0.1},
    "momentum and weight decay": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1},
}


def batch(model: vision.ResNet, size: int) -> tuple[torch.Tensor, np.ndarray]:
    images = torch.randn(len(LABELS), model.in_channels, size, size)
    return images, images.permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize(
    ("block", "rule"), [(vision.BasicBlock, "momentum and weight decay"), (vision.Bottleneck, "plain descent")]
)
def test_one_step_is_torchs(block: Any, rule: str) -> None:
    """Loss, every parameter and every running statistic after two steps; the second one has momentum from the first."""
    torch.manual_seed(0)
    model = vision.ResNet(block, (1, 1), **SMALL)
    ours = jax_nets.from_torch(model)
    ours_sgd = jax_nets.sgd(ours, **STEPS[rule])
    torchs_sgd = torch.optim.SGD(model.parameters(), **STEPS[rule])
    for step in range(2):
        images, array = batch(model, 32)
        loss = F.cross_entropy(model(images), LABELS)
        torchs_sgd.zero_grad()
        loss.backward()
        torchs_sgd.step()
        ours_loss = jax_nets.train_step(ours, ours_sgd, array, LABELS.numpy())
        assert float(ours_loss) == pytest.approx(loss.item(), abs=1e-5)
        after = jax_nets.to_torch(ours).state_dict()
        for key, value in model.state_dict().items():
            assert float((value - after[key]).abs().max()) < 1e-4, (step, key)


def test_a_step_changes_the_model_it_is_given() -> None:
    ours = jax_nets.CifarNet(8, rngs=nnx.Rngs(0))
    optimizer = jax_nets.sgd(ours, lr=0.1)
    before = np.asarray(ours.fc.kernel[...])
    losses = [
        float(jax_nets.train_step(ours, optimizer, np.ones((8, 8, 8, 3), np.float32), np.zeros(8, int))) for _ in "123"
    ]
    assert losses[2] < losses[0]
    assert int(ours.bn1.batches[...]) == int(optimizer.step[...]) == 3
    assert float(abs(ours.fc.kernel[...] - before).max()) > 0


def test_the_optimizer_sees_no_running_statistics() -> None:
    ours = jax_nets.CifarNet(8, rngs=nnx.Rngs(0))
    names = {str(path[-1]) for path, _ in nnx.to_flat_state(nnx.state(jax_nets.sgd(ours, lr=0.1, momentum=0.9)))}
    assert {"kernel", "scale", "bias"} <= names
    assert not {"mean", "var", "batches"} & names


def test_a_new_model_and_optimizer_need_no_new_compilation() -> None:
    """What compiled code is kept by is equal for two nets of one kind."""
    first, second = (jax_nets.CifarNet(8, rngs=nnx.Rngs(seed)) for seed in (0, 1))
    assert nnx.graphdef(first) == nnx.graphdef(second)
    assert nnx.graphdef(jax_nets.sgd(first, lr=0.1)) == nnx.graphdef(jax_nets.sgd(second, lr=0.1))
    assert nnx.graphdef(jax_nets.sgd(first, lr=0.1)) != nnx.graphdef(jax_nets.sgd(second, lr=0.2))


def test_predict_is_the_model() -> None:
    ours = jax_nets.CifarNet(8, rngs=nnx.Rngs(0))
    ours.eval()
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(jax_nets.predict(ours, images)), np.asarray(ours(images)), atol=1e-5)


@pytest.mark.parametrize("labels", [np.zeros(3, int), np.zeros((4, 10), int), np.zeros(4, np.float32)])
def test_labels_are_checked(labels: np.ndarray) -> None:
    ours = jax_nets.CifarNet(8, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match=r"labels must be integers of shape \(4,\), got"):
        jax_nets.train_step(ours, jax_nets.sgd(ours, lr=0.1), np.zeros((4, 8, 8, 3), np.float32), labels)
