"""Files that are written whole or not at all; tensors and arrays in the safetensors format, where nothing is pickled.

Told in `book/part1/degradation.md`, where a killed run resumes.
"""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

_KEY = "residual"  # the one entry of a state's metadata
_BEGINNINGS = {  # in lower case
    b"version https://git-lfs": "a Git LFS pointer; `git lfs pull` fetches the file it names",
    b"<": "a web page, as a failed download leaves",
    b"pk\x03\x04": "a zip archive, as torch.save writes",
    b"\x80": "a pickle, as torch.save used to write",
    b"\x1f\x8b": "packed by gzip",
    b"\x89hdf": "HDF5, as Keras writes",
}


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `path`, flush it to disk, then rename it over `path`.

    A reader, or a process killed half-way, sees the old file or the new one, never a part.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_tensors(path: Path, tensors: Mapping[str, Any], metadata: dict[str, str] | None = None) -> None:
    """Write torch's tensors, or numpy's arrays, by name to a safetensors file, whole or not at all.

    Tensors need not be contiguous, nor on the CPU. `metadata` holds texts by name, which are kept beside them.
    """
    if all(isinstance(value, np.ndarray) for value in tensors.values()):  # then nobody waits for torch
        from safetensors.numpy import save

        content = save({name: np.asarray(value, order="C") for name, value in tensors.items()}, metadata=metadata)
    else:
        from safetensors.torch import save as save_torch

        content = save_torch({name: value.contiguous() for name, value in tensors.items()}, metadata=metadata)
    write_atomically(path, content)


def read_tensors(path: Path, *, what: str, library: str = "pt") -> tuple[dict[str, Any], dict[str, str]]:
    """Read the tensors and the metadata of a safetensors file, as `write_tensors` writes it.

    Args:
        path: of the file.
        what: the content that is expected, for errors, such as "a file with weights".
        library: "pt" for torch's tensors, on the CPU, or "np" for numpy's arrays.

    Raises:
        ValueError: for a file that is missing or damaged, or that is no safetensors file.
    """
    if not path.is_file():
        raise ValueError(f"{path} is {'a folder' if path.is_dir() else 'missing'}: expected {what}")
    try:
        with safe_open(path, framework=library) as file:
            return {name: file.get_tensor(name) for name in file.offset_keys()}, file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path}: expected {what}, got {foreign(path)}: {error}") from error


def foreign(path: Path) -> str:
    """What a file that cannot be read is, as far as its beginning tells; in words for an error."""
    with path.open("rb") as file:
        start = file.read(512)
    begins = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    kinds = [kind for beginning, kind in _BEGINNINGS.items() if begins.startswith(beginning)]
    if not start:
        kinds = ["it is empty"]
    elif start[8:10] == b'{"':  # after the length of this header
        kinds = ["a safetensors file"]
    elif not kinds and re.fullmatch(rb"[\s -~]+", start):
        kinds = [f"text, {start[:40].decode()!r}"]
    return "a damaged or foreign file" + (f" ({kinds[0]})" if kinds else "")


def write_state(path: Path, kind: str, version: int, state: Mapping[str, Any]) -> None:
    """Write JSON values and numpy arrays, mixed, by name to a safetensors file, whole or not at all.

    Equal states are equal bytes, in whatever order their names come. `kind` says what the state is of, and `version`
    is that of its layout; `read_state` must be told the same.
    """
    arrays = {name: np.ascontiguousarray(value) for name, value in state.items() if isinstance(value, np.ndarray)}
    values = {name: value for name, value in state.items() if name not in arrays}
    header = json.dumps({"kind": kind, "version": version, "values": values}, sort_keys=True)
    write_tensors(path, arrays, {_KEY: header})


def read_state(path: Path, kind: str, version: int) -> dict[str, Any]:
    """Read what `write_state` wrote.

    Raises:
        ValueError: for a file that is missing or damaged, of another kind or of another version.
    """
    expected = f"the saved state of a {kind}"
    arrays, metadata = read_tensors(path, what=expected, library="np")
    try:
        header = json.loads(metadata[_KEY])
        saved_kind, saved_version, values = str(header["kind"]), int(header["version"]), dict(header["values"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected {expected}, got a safetensors file of another origin") from error
    if saved_kind != kind:
        raise ValueError(f"{path}: expected {expected}, got that of {saved_kind}")
    if saved_version != version:
        age = "older" if saved_version < version else "newer"
        raise ValueError(
            f"{path}: its state has version {saved_version}, {age} than version {version}, the only one that this"
            " package reads; fit again, or use the package that wrote it"
        )
    return values | arrays
