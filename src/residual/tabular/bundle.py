"""A trained network as a folder: its weights, and all that stands between an event and them.

`manifest.json` says what the bundle is and names the other files with their hashes; these are safetensors, and nothing
is unpickled. A file's name holds its hash, so the files of a new bundle stand beside those of an old one, and the
manifest, which is replaced last and whole, decides between them.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from residual.ocsf import schema
from residual.storage import read_tensors, write_atomically, write_tensors
from residual.tabular.context import ContextFeatures
from residual.tabular.encode import TableEncoder
from residual.tabular.resnet import TabularResNet

MANIFEST = "manifest.json"
_VERSIONS = {"layout": 1, "ocsf": schema.VERSION}
_PACKAGES = ("residual", "torch", "numpy", "polars", "rtdl_num_embeddings")  # whose versions the manifest has
_WHAT = "a folder with a trained model"
_PART = re.compile(r"(weights|heads|encoder|context)-[0-9a-f]{16}\.safetensors")
_NEW = ".new-"
_ROWS = 1 << 12  # embedded at a time


@dataclass(frozen=True)
class Bundle:
    """A trained network.

    Attributes:
        net: the network.
        encoder: makes its input of a table.
        context: the past as it stood at the end of the data; None where the table has no features of it.
        span: first and last time of the data that it was trained on, in ms since 1970 UTC.
        recipe: how it was trained: what JSON can say.
        heads: what else was trained, on top of the network: parameters of its objective, by name.

    Raises:
        ValueError: for a network of other columns than the encoder gives, or a context of which it knows nothing.
    """

    net: TabularResNet
    encoder: TableEncoder
    context: ContextFeatures | None
    span: tuple[int, int]
    recipe: Mapping[str, Any]
    heads: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = (len(self.encoder.numeric_names_), self.encoder.cardinalities_.tolist())
        if given != (self.net.settings["n_numeric"], self.net.settings["cardinalities"]):
            raise ValueError(f"encoder gives {given[0]} numbers and {len(given[1])} codes, for another network")
        if self.context is not None and not self._of_context():
            raise ValueError("context has no feature that the encoder knows, expected some, or None")

    @torch.no_grad()
    def embed(self, table: pl.DataFrame) -> NDArray[np.float32]:
        """The embeddings of events, float32 (n, d_block): `net.embed` in evaluation mode, on the device that it is on.

        Args:
            table: of dotted columns; where there is a context, with its features, as `batches.with_context` adds them.

        Raises:
            ValueError: for a table that lacks features of the context, or a column which every event of the fit had
                filled. Other columns that it lacks count as null, and a value that the fit did not meet as unknown.
        """
        always = {path for path, column in self.encoder.columns_.items() if column.filled == self.encoder.rows_}
        if lacking := sorted((always | self._of_context()).difference(table.columns)):
            raise ValueError(f"events lack columns of the events that the model was fitted on: {', '.join(lacking)}")
        encoded, device = self.encoder.transform(table), self.net.input_projection.weight.device
        self.net.eval()
        rows = zip(*(torch.from_numpy(x).split(_ROWS) for x in (encoded.numeric, encoded.categorical)), strict=True)
        parts = [self.net.embed(numeric.to(device), codes.to(device)).cpu() for numeric, codes in rows]
        return np.asarray(torch.cat(parts).numpy())

    def _of_context(self) -> set[str]:
        return set() if self.context is None else self.context.features().keys() & self.encoder.columns_.keys()

    def save(self, folder: Path) -> None:
        """Write the bundle, whole or not at all: until it is, and if it cannot be, `folder` holds the one before."""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(dir=folder, prefix=_NEW) as new:
                settings = json.dumps(self.net.settings)
                write_tensors(Path(new, "weights"), self.net.state_dict(), {"settings": settings})
                if self.heads:
                    write_tensors(Path(new, "heads"), self.heads)
                self.encoder.save(Path(new, "encoder"))
                if self.context is not None:
                    self.context.save(Path(new, "context"))
                files = {path.name: _digest(path) for path in sorted(Path(new).iterdir())}
                for part, digest in files.items():
                    os.replace(Path(new, part), folder / _name(part, digest))
            packages = {name: version(name) for name in _PACKAGES}
            content = {"packages": packages, "span": self.span, "recipe": dict(self.recipe), "files": files}
            write_atomically(folder / MANIFEST, _manifest(_VERSIONS | content))
        finally:
            _tidy(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The bundle that `save` wrote, on the CPU.

        Raises:
            ValueError: for a folder without a bundle, one of another version or of another version of OCSF, and for a
                file that is missing or not what the manifest says, byte for byte.
        """
        content = _read_manifest(folder / MANIFEST)
        paths = {part: folder / _name(part, digest) for part, digest in content["files"].items()}
        for part, path in paths.items():
            if not path.is_file() or _digest(path) != content["files"][part]:
                state = "was changed since the model was saved" if path.is_file() else "is missing"
                raise ValueError(f"{path} {state}: expected {_WHAT}, whole; fit again, or copy it again")
        weights, texts = read_tensors(paths["weights"], what="weights")
        net = TabularResNet(**json.loads(texts["settings"]))
        net.load_state_dict(weights)
        context = ContextFeatures.load(paths["context"]) if "context" in paths else None
        encoder = TableEncoder.load(paths["encoder"])
        heads = read_tensors(paths["heads"], what="weights")[0] if "heads" in paths else {}
        return cls(net.eval(), encoder, context, tuple(content["span"]), content["recipe"], heads)


def _manifest(content: Mapping[str, Any]) -> bytes:
    """The content as JSON, with its own hash."""
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    return json.dumps({**content, "sha256": digest}, indent=1).encode()


def _read_manifest(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"{path} is missing: expected {_WHAT}")
    raw = path.read_bytes()
    try:
        content = dict(json.loads(raw))
        found = {name: content[name] for name in _VERSIONS}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected the manifest of a trained model, got a damaged or foreign file") from error
    if found != _VERSIONS:
        raise ValueError(
            f"{path}: expected versions {_VERSIONS}, got {found}; fit again, or use the package that wrote it"
        )
    content.pop("sha256", None)
    if raw != _manifest(content):
        raise ValueError(f"{path} was changed since the model was saved: expected {_WHAT}, whole")
    return content


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _name(part: str, digest: str) -> str:
    return f"{part}-{digest[:16]}.safetensors"


def _tidy(folder: Path) -> None:
    """Remove what no manifest names: files of the bundle before, or of one that could not be written."""
    content = _read_manifest(folder / MANIFEST) if (folder / MANIFEST).exists() else {"files": {}}
    kept = {_name(*file) for file in content["files"].items()}
    for path in folder.iterdir():
        if _PART.fullmatch(path.name) and path.name not in kept:
            path.unlink()
        elif path.name.startswith(_NEW):  # of a process that was killed
            shutil.rmtree(path)
