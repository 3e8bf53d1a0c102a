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
from residual.nnx.changes import check_unchanged
from residual.nnx.resnet import Block, CifarNet, ResNet
from residual.vision.architecture import arguments
from residual.vision.resnet import Block as TorchBlock

BLOCKS: dict[type[TorchBlock], type[Block]] = {
    vision.BasicBlock: BasicBlock,
    vision.Bottleneck: Bottleneck,
    vision.PreActBlock: PreActBlock,
}
NETS: dict[type[vision.ResNet], type[ResNet]] = {vision.ResNet: ResNet, vision.CifarNet: CifarNet}
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
        ValueError: for what is no `vision.ResNet`, as one in DataParallel; for blocks that JAX does not have, by name;
            for a net that was changed after it was built, or fused by `vision.fuse`, naming what differs; and for
            weights that JAX would change (it holds float32, and float64 where `jax_enable_x64` is on).
    """
    if type(model) not in NETS:
        raise ValueError(f"model must be a ResNet or CifarNet of residual.vision, got {type(model).__name__}")
    if model.block not in BLOCKS:
        known = ", ".join(block.__name__ for block in BLOCKS)
        raise ValueError(f"model must be made of blocks that JAX has, too, {known}, got {model.block.__name__}")
    check_unchanged(model, _torch_net(type(model), model.block, model).train(model.training))
    weights = model.state_dict()
    doubles = jax.dtypes.canonicalize_dtype(np.float64) == np.float64
    exact = {torch.float32, torch.float64} if doubles else {torch.float32}
    for key, value in weights.items():
        if value.is_meta:
            raise ValueError(f"{key} must have values, but is on torch's meta device")
        if value.is_floating_point() and value.dtype not in exact:
            raise ValueError(f"{key} must be float32, or float64 where jax_enable_x64 is on, got {value.dtype}")
    jax_net = _jax_net(NETS[type(model)], BLOCKS[model.block], model)
    state = dict(nnx.to_flat_state(nnx.state(jax_net)))
    for path, variable in state.items():
        array = _order(weights[torch_key(path)].numpy(force=True), to_torch=False)
        state[path] = variable.replace(jnp.array(array, jnp.int32 if array.dtype.kind == "i" else array.dtype))
    nnx.update(jax_net, nnx.from_flat_state(state))
    jax_net.train() if model.training else jax_net.eval()
    return jax_net


def to_torch(jax_net: ResNet) -> vision.ResNet:
    """The torch net of `jax_net` with its weights, running statistics, dtype and mode. `jax_net` is left as it is.

    Raises:
        ValueError: for what is no `ResNet`, blocks of another origin, or a net that was changed after it was built,
            naming what differs.
    """
    kind = next((theirs for theirs, ours in NETS.items() if ours is type(jax_net)), None)
    if kind is None:
        raise ValueError(f"jax_net must be a ResNet or CifarNet of residual.nnx, got {type(jax_net).__name__}")
    block = next((theirs for theirs, ours in BLOCKS.items() if ours is jax_net.block), None)
    if block is None:
        raise ValueError(f"jax_net must be made of blocks of residual.nnx, got {jax_net.block.__name__}")
    training = not getattr(jax_net.bn1, "use_running_average", False)
    as_built = _jax_net(type(jax_net), jax_net.block, jax_net)
    as_built.train() if training else as_built.eval()
    check_unchanged(jax_net, as_built)
    model = _torch_net(kind, block, jax_net)
    state = nnx.to_flat_state(nnx.state(jax_net))
    model.load_state_dict({torch_key(path): _tensor(np.array(value[...])) for path, value in state}, assign=True)
    return model.train(training)


def _torch_net(kind: type[vision.ResNet], block: type[TorchBlock], like: vision.ResNet | ResNet) -> vision.ResNet:
    """A torch net with the arguments of `like`, without values."""
    make: Any = kind
    with torch.device("meta"):
        model: vision.ResNet = make(block=block, **arguments(like))
    return model


def _jax_net(kind: type[ResNet], block: type[Block], like: vision.ResNet | ResNet) -> ResNet:
    """A JAX net with the arguments of `like`, without values: random ones would be made in vain."""
    make: Any = kind
    jax_net: ResNet = nnx.eval_shape(lambda: make(block=block, rngs=_Unused(), **arguments(like)))
    return jax_net


def _tensor(array: np.ndarray) -> torch.Tensor:
    dtype = torch.int64 if array.dtype.kind == "i" else getattr(torch, array.dtype.name)
    exact = array if array.dtype.kind in "if" else array.astype(np.float32)  # torch takes no bfloat16 from NumPy
    return torch.from_numpy(_order(exact, to_torch=True)).to(dtype)


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
