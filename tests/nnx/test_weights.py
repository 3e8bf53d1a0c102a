from typing import Any

import jax
import numpy as np
import pytest
import torch
from flax import nnx

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
    with pytest.raises(ValueError, match=r"not fused or changed: .*bn1 is torch's Identity, not torch's BatchNorm2d"):
        jax_nets.from_torch(vision.fuse(vision.CifarNet(8)))


def test_a_block_that_jax_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="BasicBlock, Bottleneck, PreActBlock, got NormFreeBlock"):
        jax_nets.from_torch(vision.CifarNet(8, block=vision.NormFreeBlock, **SMALL))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_weights_that_jax_would_round_are_refused(dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=rf"conv1\.weight must be float32, .* got {dtype}"):
        jax_nets.from_torch(vision.CifarNet(8).to(dtype))


def head(model: Any) -> None:
    model.fc = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Linear(16, 3))


CHANGES: dict[str, tuple[Any, str]] = {
    "stride": (lambda m: setattr(m.conv1, "stride", (2, 2)), r"conv1\.stride is \(2, 2\), not \(1, 1\)$"),
    "eps": (lambda m: setattr(m.layer2[0].bn2, "eps", 0.1), r"layer2\.0\.bn2\.eps is 0\.1, not 1e-05$"),
    "momentum": (lambda m: setattr(m.layer2[0].bn2, "momentum", 0.5), r"layer2\.0\.bn2\.momentum is 0\.5, not 0\.1$"),
    "a frozen norm": (lambda m: setattr(m.bn1, "training", False), r"bn1\.training is False, not True"),
    "head": (head, r"changed: fc is torch's Sequential, not torch's Linear$"),
    "classes": (lambda m: setattr(m, "fc", torch.nn.Linear(16, 3)), r"fc\.out_features is 3, not 5$"),
    "bias": (
        lambda m: setattr(m.conv1, "bias", torch.nn.Parameter(torch.ones(4))),
        r"conv1\.bias is \(4,\), not None$",
    ),
    "skip": (
        lambda m: setattr(m.layer1[0], "downsample", torch.nn.ReLU()),
        r"layer1\.0\.downsample is torch's ReLU, not None$",
    ),
    "no skip": (lambda m: setattr(m.layer1[0], "residual", False), r"layer1\.0\.residual is False, not True$"),
    "weight": (
        lambda m: setattr(m.fc, "weight", torch.nn.Parameter(torch.ones(3, 16))),
        r"fc\.weight is \(3, 16\), not",
    ),
    "method": (lambda m: setattr(m, "stem", m.conv1.forward), r"changed: stem is <bound"),
    "hook": (lambda m: m.fc.register_forward_hook(lambda *_: None), r"fc\._forward_hooks is "),
    "parallel": (torch.nn.DataParallel, "must be a ResNet or CifarNet of residual.vision, got DataParallel"),
    "compiled": (lambda m: torch.compile(m, backend="eager"), "got OptimizedModule"),
    "meta": (lambda m: m.to("meta"), r"conv1\.weight must have values, but is on torch's meta device"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_in_torch_is_named(name: str) -> None:
    change, said = CHANGES[name]
    model = vision.CifarNet(8, **SMALL)
    changed = change(model)
    with pytest.raises(ValueError, match=said):
        jax_nets.from_torch(changed if isinstance(changed, torch.nn.Module) else model)


def test_momentum_counts_only_where_statistics_run() -> None:
    """A net that evaluates computes the same whatever its momentum, so it is converted."""
    model = lived_in(lambda: vision.CifarNet(8, **SMALL))
    model.layer2[0].bn2.momentum = 0.5
    images = torch.randn(2, 3, 16, 16)
    ours = jax_nets.from_torch(model)(images.permute(0, 2, 3, 1).numpy())
    np.testing.assert_allclose(np.asarray(ours), model(images).numpy(force=True), atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match=r"layer2\.0\.bn2\.momentum is 0\.5, not 0\.1$"):
        jax_nets.from_torch(model.train())


JAX_CHANGES: dict[str, tuple[Any, str]] = {
    "head": (
        lambda n: setattr(n, "fc", nnx.Linear(16, 3, rngs=nnx.Rngs(0))),
        r"fc\.kernel is \(16, 3\), not \(16, 5\); fc\.out_features is 3, not 5$",
    ),
    "stride": (lambda n: setattr(n.conv1, "strides", 2), r"conv1\.strides is 2, not 1$"),
    "epsilon": (lambda n: setattr(n.layer2[0].bn2, "epsilon", 0.1), r"layer2\.0\.bn2\.epsilon is 0\.1, not 1e-05$"),
    "a frozen norm": (lambda n: n.layer1[0].bn1.eval(), r"layer1\.0\.bn1\.use_running_average is True, not False$"),
    "norm": (
        lambda n: setattr(n, "bn1", nnx.BatchNorm(4, rngs=nnx.Rngs(0))),
        "bn1 is flax's BatchNorm, not residual's BatchNorm",
    ),
}


@pytest.mark.parametrize("name", JAX_CHANGES)
def test_what_was_changed_in_jax_is_named(name: str) -> None:
    change, said = JAX_CHANGES[name]
    ours = jax_nets.CifarNet(8, **SMALL, rngs=nnx.Rngs(0))
    change(ours)
    with pytest.raises(ValueError, match=said):
        jax_nets.to_torch(ours)


def test_what_is_no_jax_net_is_named() -> None:
    with pytest.raises(ValueError, match=r"must be a ResNet or CifarNet of residual\.nnx, got Linear"):
        jax_nets.to_torch(nnx.Linear(2, 2, rngs=nnx.Rngs(0)))  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_weights_keep_their_dtype_on_the_way_to_torch(dtype: str) -> None:
    with jax.enable_x64(True):
        ours = jax_nets.CifarNet(8, **SMALL, rngs=nnx.Rngs(0))
        state = nnx.state(ours)
        nnx.update(ours, jax.tree.map(lambda a: a.astype(dtype) if a.dtype == np.float32 else a, state))
        model = jax_nets.to_torch(ours)
        assert {value.dtype for value in model.state_dict().values()} == {getattr(torch, dtype), torch.int64}
        ours_first = np.asarray(ours.conv1.kernel[...].astype("float64")).transpose(3, 2, 0, 1)
        np.testing.assert_array_equal(model.conv1.weight.double().numpy(force=True), ours_first)
