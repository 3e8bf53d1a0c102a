"""Weights and running statistics from a torch net to its JAX copy, and back, without a bit lost.

Told in `book/appendix/jax.md`.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from flax import nnx

from residual import vision
from residual.nnx.blocks import BasicBlock, Bottleneck, PreActBlock
from residual.nnx.resnet import Block, CifarNet, ResNet
from residual.vision.architecture import arguments
from residual.vision.resnet import Block as TorchBlock

BLOCKS: dict[type[TorchBlock], type[Block]] = {
    vision.BasicBlock: BasicBlock,
    vision.Bottleneck: Bottleneck,
    vision.PreActBlock: PreActBlock,
}
NAMES = {  # of JAX's variables and modules in torch's state dict; others are the same
    "kernel": "weight",
    "scale": "weight",
    "mean": "running_mean",
    "var": "running_var",
    "batches": "num_batches_tracked",
    "conv": "0",
    "norm": "1",
}


def from_torch(model: vision.ResNet) -> ResNet:
    """The JAX copy of `model` with its weights, running statistics and mode. `model` is left as it is.

    Raises:
        ValueError: for weights that JAX would change (it holds float32, and float64 where `jax_enable_x64` is on), or a
            net whose batch norm was folded away by `vision.fuse`; for blocks that JAX does not have, by name.
    """
    if model.block not in BLOCKS:
        known = ", ".join(block.__name__ for block in BLOCKS)
        raise ValueError(f"model must be made of blocks that JAX has, too, {known}, got {model.block.__name__}")
    weights = model.state_dict()
    doubles = jax.dtypes.canonicalize_dtype(np.float64) == np.float64
    exact = {torch.float32, torch.float64} if doubles else {torch.float32}
    for key, value in weights.items():
        if value.is_floating_point() and value.dtype not in exact:
            raise ValueError(f"{key} must be float32, or float64 where jax_enable_x64 is on, got {value.dtype}")
    make: Any = CifarNet if isinstance(model, vision.CifarNet) else ResNet
    # Shapes only: random weights would be made in vain.
    jax_net: ResNet = nnx.eval_shape(lambda: make(block=BLOCKS[model.block], rngs=_Unused(), **arguments(model)))
    state = dict(nnx.to_flat_state(nnx.state(jax_net)))
    keys = {path: torch_key(path) for path in state}
    if set(keys.values()) != weights.keys():
        differing = ", ".join(sorted(set(keys.values()) ^ weights.keys()))
        raise ValueError(f"model must be as it was built, not fused or changed; keys that differ: {differing}")
    for path, variable in state.items():
        array = _order(weights[keys[path]].numpy(force=True), to_torch=False)
        state[path] = variable.replace(jnp.array(array, jnp.int32 if array.dtype.kind == "i" else array.dtype))
    nnx.update(jax_net, nnx.from_flat_state(state))
    jax_net.train() if model.training else jax_net.eval()
    return jax_net


def to_torch(jax_net: ResNet) -> vision.ResNet:
    """The torch net of `jax_net` with its weights, running statistics and mode. `jax_net` is left as it is."""
    block = next(torch_block for torch_block, block in BLOCKS.items() if block is jax_net.block)
    make: Any = vision.CifarNet if isinstance(jax_net, CifarNet) else vision.ResNet
    with torch.device("meta"):  # shapes only
        model: vision.ResNet = make(block=block, **arguments(jax_net))
    shapes = model.state_dict()
    weights = {}
    for path, variable in nnx.to_flat_state(nnx.state(jax_net)):
        key = torch_key(path)
        weights[key] = torch.from_numpy(_order(np.array(variable[...]), to_torch=True)).to(shapes[key].dtype)
    model.load_state_dict(weights, assign=True)
    return model.train(not jax_net.bn1.use_running_average)


def torch_key(path: Sequence[Any]) -> str:
    """The name in torch's state dict of the JAX copy's variable at `path`."""
    return ".".join(NAMES.get(part, str(part)) for part in path)


def _order(array: np.ndarray, *, to_torch: bool) -> np.ndarray:
    """Axes from torch's order (out, in, height, width) to Flax's (height, width, in, out), or back."""
    axes = {4: (3, 2, 0, 1) if to_torch else (2, 3, 1, 0), 2: (1, 0)}.get(array.ndim)
    return np.ascontiguousarray(array.transpose(axes)) if axes else array


class _Unused(nnx.Rngs):
    """Asked for random numbers, of which none is drawn: counting how often makes deep nets slow to trace."""

    def params(self) -> jax.Array:
        return jax.random.key(0)
