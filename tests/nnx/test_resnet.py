import importlib
import sys
from functools import partial
from typing import Any

import jax
import numpy as np
import pytest
import torch
from flax import nnx

from residual import nnx as jax_nets

PARAMETERS = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}
SMALL: dict[str, Any] = {"num_classes": 4, "width": 4, "small_images": True}


def small(**options: Any) -> jax_nets.ResNet:
    return jax_nets.ResNet(jax_nets.BasicBlock, (1, 1), rngs=nnx.Rngs(0), **SMALL, **options)


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(("depth", "parameters"), PARAMETERS.items())
def test_parameters_and_depth(depth: int, parameters: int) -> None:
    """Every parameter is tracked: of the blocks in a stage, and of the projections on the skips."""
    model = nnx.eval_shape(lambda: getattr(jax_nets, f"resnet{depth}")(rngs=nnx.Rngs(0)))
    sizes = [int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))]
    assert (model.depth, sum(sizes)) == (depth, parameters)


def test_features_are_what_the_linear_layer_reads() -> None:
    model = small()
    model.eval()
    x = images(3, 9, 7, 3)
    features = model.features(x)
    assert features.shape == (3, 8)
    np.testing.assert_array_equal(np.asarray(model(x)), np.asarray(model.fc(features)))


@pytest.mark.parametrize("block", [jax_nets.BasicBlock, jax_nets.Bottleneck, jax_nets.PreActBlock])
def test_zeroed_branches_return_zeros(block: Any) -> None:
    model = jax_nets.ResNet(block, (2, 1), zero_init_residual=True, rngs=nnx.Rngs(0), **SMALL)
    x = abs(images(2, 4, 4, 4 * block.expansion))
    inner = model.blocks()[1]
    np.testing.assert_array_equal(np.asarray(inner.branch(x)), np.zeros_like(x))
    np.testing.assert_array_equal(np.asarray(inner(x)), x)


def test_training_changes_statistics_and_evaluation_does_not() -> None:
    model = small()
    before = np.asarray(model.bn1.mean[...])
    model.eval()
    model(images(2, 8, 8, 3))
    np.testing.assert_array_equal(np.asarray(model.bn1.mean[...]), before)
    model.train()
    model(images(2, 8, 8, 3))
    assert float(abs(model.bn1.mean[...] - before).max()) > 0


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (2, 3, 8, 8),
            r"\(N, H, W, 3\), got \(2, 3, 8, 8\); that is torch's order, .* images\.transpose\(0, 2, 3, 1\)",
        ),
        ((2, 8, 8, 1), r"\(N, H, W, 3\), got \(2, 8, 8, 1\)(?!;)"),
        ((8, 8, 3), r"\(N, H, W, 3\), got \(8, 8, 3\)(?!;)"),
    ],
)
def test_shape_of_images_is_checked(shape: tuple[int, ...], message: str) -> None:
    model = small()
    for call in (model, model.features, partial(jax_nets.predict, model)):
        with pytest.raises(ValueError, match=message):
            call(images(*shape))


@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.float16])
def test_dtype_of_images_is_checked(dtype: type) -> None:
    with pytest.raises(ValueError, match=f"weights' dtype, float32, got {np.dtype(dtype)}"):
        small()(np.zeros((2, 8, 8, 3), dtype))


def test_torch_tensors_are_refused() -> None:
    with pytest.raises(ValueError, match="array of JAX or NumPy, got Tensor"):
        small()(torch.zeros(2, 8, 8, 3))


@pytest.mark.parametrize("rngs", [None, 0])
def test_rngs_are_required(rngs: Any) -> None:
    for make in (jax_nets.resnet18, lambda rngs: jax_nets.CifarNet(8, rngs=rngs)):
        with pytest.raises(ValueError, match=f"rngs must be given.*, got {rngs}"):
            make(rngs=rngs)


@pytest.mark.parametrize("package", ["jax", "flax", "optax"])
def test_a_missing_package_is_named_with_its_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as where it is not installed
    with pytest.raises(ImportError, match=rf"residual\.nnx needs {package}: .*residual\[nnx\]"):
        importlib.reload(jax_nets)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ()}, "layers must hold at least one block"),
        ({"layers": (1, 0)}, r"layers must hold at least one block a stage, got \[1, 0\]"),
        ({"num_classes": 0}, "num_classes must be at least 1, got 0"),
        ({"shortcut": "D"}, "shortcut must be one of .* got 'D'"),
        ({"shortcut": None, "zero_init_residual": True}, "zero_init_residual=True needs skips"),
        ({"v1": True}, "v1=True needs block=Bottleneck, got BasicBlock"),
    ],
)
def test_bad_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jax_nets.ResNet(jax_nets.BasicBlock, **{"layers": (1,), "rngs": nnx.Rngs(0), **SMALL, **options})


def test_depth_of_a_cifar_net_is_checked() -> None:
    with pytest.raises(ValueError, match=r"depth must be 6n\+2 .*, got 21; nearest: 20 and 26"):
        jax_nets.CifarNet(21, rngs=nnx.Rngs(0))
