from typing import Any

import jax
import numpy as np
import pytest
import torch

from residual import nnx as jax_nets
from residual import vision

SMALL: dict[str, Any] = {"num_classes": 5, "width": 4}
NETS_OF_ALL_KINDS = {
    "basic, B": lambda: vision.ResNet(vision.BasicBlock, (2, 1), **SMALL),
    "basic, A, small images": lambda: vision.ResNet(
        vision.BasicBlock, (1, 2), shortcut="A", small_images=True, in_channels=1, **SMALL
    ),
    "basic, C": lambda: vision.ResNet(vision.BasicBlock, (2, 1), shortcut="C", **SMALL),
    "basic, plain": lambda: vision.ResNet(vision.BasicBlock, (1, 1), shortcut=None, **SMALL),
    "bottleneck": lambda: vision.ResNet(vision.Bottleneck, (2, 1), **SMALL),
    "bottleneck, v1": lambda: vision.ResNet(vision.Bottleneck, (1, 2), v1=True, **SMALL),
    "bottleneck, A": lambda: vision.ResNet(vision.Bottleneck, (1, 1), shortcut="A", **SMALL),
    "bottleneck, plain": lambda: vision.ResNet(vision.Bottleneck, (1, 1), shortcut=None, **SMALL),
    "pre-activation, plain": lambda: vision.ResNet(vision.PreActBlock, (1, 1), shortcut=None, **SMALL),
    "pre-activation, B": lambda: vision.ResNet(vision.PreActBlock, (1, 2), **SMALL),
    "pre-activation, A": lambda: vision.ResNet(vision.PreActBlock, (1, 1), shortcut="A", **SMALL),
    "pre-activation, C": lambda: vision.ResNet(vision.PreActBlock, (2, 1), shortcut="C", **SMALL),
    "CIFAR": lambda: vision.CifarNet(8, **SMALL),
    "CIFAR, plain": lambda: vision.CifarNet(8, residual=False, **SMALL),
    "CIFAR, bottleneck, B": lambda: vision.CifarNet(11, block=vision.Bottleneck, shortcut="B", **SMALL),
}


def lived_in(make: Any, seed: int = 0) -> vision.ResNet:
    """A net none of whose tensors is as a new net has it, and no two channels of it alike."""
    torch.manual_seed(seed)
    model = make()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    model.train()(torch.randn(4, model.in_channels, 16, 16))
    return model.eval()


@pytest.mark.parametrize("name", NETS_OF_ALL_KINDS)
def test_jax_copy_computes_what_torch_computes_and_goes_back_unchanged(name: str) -> None:
    model = lived_in(NETS_OF_ALL_KINDS[name])
    before = {key: value.clone() for key, value in model.state_dict().items()}
    images = torch.randn(2, model.in_channels, 17, 15)
    ours = jax_nets.from_torch(model)
    with torch.no_grad():
        np.testing.assert_allclose(
            np.asarray(ours(images.permute(0, 2, 3, 1).numpy())), model(images).numpy(), atol=1e-5, rtol=1e-5
        )

    back = jax_nets.to_torch(ours)
    assert type(back) is type(model)
    assert type(ours).__name__ == type(model).__name__
    assert list(map(str, back.children())) == list(map(str, model.children()))
    assert list(back.state_dict()) == list(before)
    for key, value in back.state_dict().items():
        assert value.dtype == before[key].dtype
        assert torch.equal(value, before[key]), key
        assert torch.equal(model.state_dict()[key], before[key]), key
    with torch.no_grad():
        assert torch.equal(back(images), model(images))
    assert all(parameter.requires_grad for parameter in back.parameters())


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_in_double_precision_the_two_are_one_function(depth: int) -> None:
    """Without rounding to hide behind, at every depth of the paper."""
    with jax.enable_x64(True):
        model = lived_in(lambda: getattr(vision, f"resnet{depth}")(**SMALL)).double()
        images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
        logits = model(images).detach().numpy()
        np.testing.assert_allclose(
            np.asarray(jax_nets.from_torch(model)(images.permute(0, 2, 3, 1).numpy())),
            logits,
            rtol=0,
            atol=1e-10 * abs(logits).max(),
        )


@pytest.mark.parametrize("training", [True, False])
def test_mode_goes_along(training: bool) -> None:
    model = vision.CifarNet(8).train(training)
    ours = jax_nets.from_torch(model)
    assert ours.bn1.use_running_average is not training
    assert jax_nets.to_torch(ours).training is training


def test_conversion_leaves_torchs_random_numbers_alone() -> None:
    ours = jax_nets.from_torch(vision.CifarNet(8))
    before = torch.random.get_rng_state()
    jax_nets.to_torch(ours)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_fused_nets_are_refused() -> None:
    with pytest.raises(ValueError, match=r"not fused or changed; keys that differ: bn1\.bias"):
        jax_nets.from_torch(vision.fuse(vision.CifarNet(8)))


def test_a_block_that_jax_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="BasicBlock, Bottleneck, PreActBlock, got NormFreeBlock"):
        jax_nets.from_torch(vision.CifarNet(8, block=vision.NormFreeBlock, **SMALL))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_weights_that_jax_would_round_are_refused(dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=rf"conv1\.weight must be float32, .* got {dtype}"):
        jax_nets.from_torch(vision.CifarNet(8).to(dtype))
