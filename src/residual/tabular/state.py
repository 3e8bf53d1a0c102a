"""What was learned, in one file: JSON and arrays, versioned, nothing pickled. Told in `book/part3/encoding.md`."""

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from residual.files import write_atomically
from residual.tabular.cells import State

_KEY = "residual"  # the one entry of the file's metadata, so that equal states are equal bytes


def write_state(path: Path, kind: str, version: int, state: State) -> None:
    """Write JSON values and numpy arrays, mixed, to a safetensors file, whole or not at all.

    Args:
        path: of the file.
        kind: what the state is of; `read_state` must be told the same.
        version: of its layout.
        state: values by name.
    """
    arrays = {name: np.ascontiguousarray(value) for name, value in state.items() if isinstance(value, np.ndarray)}
    values = {name: value for name, value in state.items() if name not in arrays}
    header = json.dumps({"kind": kind, "version": version, "values": values}, sort_keys=True)
    write_atomically(path, save(arrays, metadata={_KEY: header}))


def read_state(path: Path, kind: str, version: int) -> State:
    """Read what `write_state` wrote.

    Raises:
        ValueError: for a file that is missing or damaged, of another kind or of another version.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing: expected the saved state of a {kind}")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
    except SafetensorError as error:
        raise ValueError(
            f"{path}: expected the saved state of a {kind}, got a damaged or foreign file: {error}"
        ) from error
    try:
        header = json.loads(metadata[_KEY])
        found, values = (str(header["kind"]), int(header["version"])), dict(header["values"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: expected the saved state of a {kind}, got a safetensors file of another origin"
        ) from error
    if found[0] != kind:
        raise ValueError(f"{path}: expected the saved state of a {kind}, got that of {found[0]}")
    if found[1] != version:
        age = "older" if found[1] < version else "newer"
        raise ValueError(
            f"{path}: its state has version {found[1]}, {age} than version {version}, the only one that this"
            " package reads; fit again, or use the package that wrote it"
        )
    return {**values, **arrays}
