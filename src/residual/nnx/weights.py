"""Weights and running statistics from a torch net to its twin, and back, without a bit lost.

Told in `book/part2/jax.md`.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from flax import nnx

from residual import vision
from residual.nnx.basic import BasicBlock
from residual.nnx.bottleneck import Bottleneck
from residual.nnx.cifar import CifarNet
from residual.nnx.preactivation import PreActBlock
from residual.nnx.resnet import Block, ResNet
from residual.vision.resnet import Block as TorchBlock
from residual.vision.shortcuts import PadShortcut, ProjectionShortcut

TWINS: dict[type[TorchBlock], type[Block]] = {
    vision.BasicBlock: BasicBlock,
    vision.Bottleneck: Bottleneck,
    vision.PreActBlock: PreActBlock,
}
NAMES = {  # of the twin's variables and modules in torch's state dict; others are the same
    "kernel": "weight",
    "scale": "weight",
    "mean": "running_mean",
    "var": "running_var",
    "batches": "num_batches_tracked",
    "conv": "0",
    "norm": "1",
}


def from_torch(model: vision.ResNet) -> ResNet:
    """The twin of `model` with its weights, running statistics and mode. `model` is left as it is.

    Raises:
        ValueError: for weights that JAX would change (it holds float32, and float64 where `jax_enable_x64` is on), or a
            net whose batch norm was folded away by `vision.fuse`; for blocks that have no twin, by name.
    """
    weights = model.state_dict()
    doubles = jax.dtypes.canonicalize_dtype(np.float64) == np.float64
    for key, value in weights.items():
        if (
            value.is_floating_point()
            and value.dtype != torch.float32
            and not (doubles and value.dtype == torch.float64)
        ):
            raise ValueError(f"{key} must be float32, or float64 where jax_enable_x64 is on, got {value.dtype}")
    twin = nnx.eval_shape(lambda: _build_twin(model))  # shapes only: random weights would be made in vain
    state = dict(nnx.to_flat_state(nnx.state(twin)))
    keys = {path: torch_key(path) for path in state}
    if set(keys.values()) != weights.keys():
        differing = sorted(set(keys.values()) ^ weights.keys())
        raise ValueError(
            f"model must be as it was built, not fused or changed; keys that differ: {', '.join(differing)}"
        )
    for path, variable in state.items():
        array = _order(weights[keys[path]].numpy(force=True), to_torch=False)
        state[path] = variable.replace(jnp.array(array, jnp.int32 if array.dtype.kind == "i" else array.dtype))
    nnx.update(twin, nnx.from_flat_state(state))
    twin.train() if model.training else twin.eval()
    return twin


def to_torch(twin: ResNet) -> vision.ResNet:
    """The torch net of `twin` with its weights, running statistics and mode. `twin` is left as it is."""
    block = next(torch_block for torch_block, block in TWINS.items() if block is twin.block)
    options: dict[str, Any] = {name: getattr(twin, name) for name in ("num_classes", "in_channels", "width")}
    with torch.device("meta"):  # shapes only
        if isinstance(twin, CifarNet):
            shortcut = {"shortcut": twin.shortcut} if twin.residual else {"residual": False}
            model: vision.ResNet = vision.CifarNet(twin.depth, block=block, **shortcut, **options)
        else:
            options |= {name: getattr(twin, name) for name in ("shortcut", "small_images", "v1")}
            model = vision.ResNet(block, twin.layers, **options)
    shapes = model.state_dict()
    weights = {}
    for path, variable in nnx.to_flat_state(nnx.state(twin)):
        key = torch_key(path)
        weights[key] = torch.from_numpy(_order(np.array(variable[...]), to_torch=True)).to(shapes[key].dtype)
    model.load_state_dict(weights, assign=True)
    return model.train(not twin.bn1.use_running_average)


def torch_key(path: Sequence[Any]) -> str:
    """The name in torch's state dict of the twin's variable at `path`."""
    return ".".join(NAMES.get(part, str(part)) for part in path)


def _order(array: np.ndarray, *, to_torch: bool) -> np.ndarray:
    """Axes from torch's order (out, in, height, width) to Flax's (height, width, in, out), or back."""
    axes = {4: (3, 2, 0, 1) if to_torch else (2, 3, 1, 0), 2: (1, 0)}.get(array.ndim)
    return np.ascontiguousarray(array.transpose(axes)) if axes else array


class _Unused(nnx.Rngs):
    """Asked for random numbers, of which none is drawn: counting how often makes deep nets slow to trace."""

    def params(self) -> jax.Array:
        return jax.random.key(0)


def _build_twin(model: vision.ResNet) -> ResNet:
    blocks = model.blocks()
    options: dict[str, Any] = {
        "num_classes": model.fc.out_features,
        "in_channels": model.in_channels,
        "width": model.conv1.out_channels,
        "rngs": _Unused(),
    }
    kind = type(blocks[0])
    if kind not in TWINS:
        known = ", ".join(block.__name__ for block in TWINS)
        raise ValueError(f"model must be made of blocks that have a twin, {known}, got {kind.__name__}")
    block, shortcut = TWINS[kind], _shortcut(blocks)
    if isinstance(model, vision.CifarNet):
        option = {"shortcut": shortcut} if shortcut else {"residual": False}
        return CifarNet(model.depth, block=block, **option, **options)
    layers = [len(list(model.get_submodule(stage).children())) for stage in model.stages]
    v1 = any(isinstance(b, vision.Bottleneck) and b.conv1.stride != (1, 1) for b in blocks)
    return ResNet(block, layers, shortcut=shortcut, small_images=model.small_images, v1=v1, **options)


def _shortcut(blocks: Sequence[TorchBlock]) -> str | None:
    """The shortcut option that a torch net was built with; where two build the same net, either."""
    if not blocks[0].residual:
        return None
    kinds = {type(block.downsample) for block in blocks}
    if PadShortcut in kinds:
        return "A"
    return "C" if kinds == {ProjectionShortcut} else "B"
