"""Data parallelism: each device holds every weight and a part of the batch. Told in `book/appendix/jax.md`."""

from typing import Any

import jax
import numpy as np
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec


def use_host_devices(count: int) -> None:
    """Let JAX divide this machine's processor into `count` devices. It must come before anything is computed.

    Raises:
        RuntimeError: where JAX has started with fewer.
    """
    try:
        jax.config.update("jax_num_cpu_devices", count)
    except RuntimeError as error:
        started = len(jax.devices("cpu"))
        if started < count:
            raise RuntimeError(
                f"JAX has started with {started} devices, {count} are wanted: ask before anything is computed"
            ) from error


def data_mesh(count: int) -> Mesh:
    """The first `count` devices in a line, whose one axis is named "batch".

    Raises:
        ValueError: for fewer than one device, or more than there are.
    """
    devices = jax.devices()
    if not 1 <= count <= len(devices):
        raise ValueError(f"count must be from 1 to the {len(devices)} devices that JAX has, got {count}")
    return Mesh(np.array(devices[:count]), ("batch",))


def shard(mesh: Mesh, *arrays: Any) -> tuple[jax.Array, ...]:
    """Each of `arrays`, cut along its first axis into equal parts, one per device.

    Raises:
        ValueError: where an array's first axis is not a multiple of the number of devices.
    """
    for array in arrays:
        if len(array) % mesh.size:
            raise ValueError(f"the batch must be a multiple of the {mesh.size} devices, got {len(array)}")
    return tuple(jax.device_put(array, NamedSharding(mesh, PartitionSpec("batch"))) for array in arrays)


def replicate(mesh: Mesh, *modules: nnx.Module | nnx.Optimizer[Any]) -> None:
    """Put a copy of everything that `modules` hold on each device, in place."""
    for module in modules:
        nnx.update(module, jax.device_put(nnx.state(module), NamedSharding(mesh, PartitionSpec())))
