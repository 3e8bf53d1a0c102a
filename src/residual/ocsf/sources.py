"""The files of a folder of events: which they are, by what is in them, and what their names say.

Partitions are folders named `key=value`, as Hive, Security Lake (`region=/accountId=/eventDay=`) and our simulator lay
them out. Told in `book/part3/records.md`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from residual.ocsf.unpacking import head

_ENDINGS = (".parquet", ".json", ".jsonl", ".ndjson", ".ocsf")
_PACKED = (".gz", ".zst")
_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Source:
    """A file of events.

    Attributes:
        path: to open it.
        name: path below the folder that is read.
        partitions: values by key, from the folders in `name`; None for Hive's null. Of equal keys the innermost counts.
        group: the folders in `name` without partitions by a number (a day, an account): files whose columns one
            expects to be alike.
        kind: "parquet" or "json".
    """

    path: Path
    name: str
    partitions: tuple[tuple[str, str | None], ...]
    group: str
    kind: Literal["parquet", "json"]


@dataclass(frozen=True)
class Rows(Source):
    """Some rows of a large Parquet file, `count` of them from row `start` on."""

    start: int = 0
    count: int = 0


def sources(folder: Path) -> tuple[list[Source], list[str]]:
    """The files of events under a folder (or the one file), sorted by name, and the names of all others.

    A file is of events if its name ends as such files do, or if it begins as they do. Links are followed, and what
    they lead to is read once. Of a simulated organization, a folder with `events/` and `labels.parquet`, only the
    events are read. Names that begin with a dot or an underscore are passed over, as Hive and Spark do.

    Raises:
        ValueError: if there is no such folder or file, or no file of events in it.
    """
    if folder.is_file():
        return [_source(folder, folder.name, _kind(folder) or "json")], []
    if not folder.is_dir():
        raise ValueError(f"folder must be a folder or a file of events, got {folder}, which does not exist")
    if (folder / "events").is_dir() and (folder / "labels.parquet").is_file():
        folder = folder / "events"
    files, passed_over = [], []
    seen: set[str] = set()
    for path in sorted(_files(folder, seen)):
        name = str(path.relative_to(folder))
        kind = None if any(part.startswith((".", "_")) for part in Path(name).parts) else _kind(path)
        real = os.path.realpath(path)
        if kind is None or (path.is_symlink() and real in seen):
            passed_over.append(name)
        else:
            files.append(_source(path, name, kind))
            seen.add(real)
    if not files:
        over = f"; passed over: {', '.join(passed_over[:5])}" if passed_over else ""
        raise ValueError(f"no events in {folder}: expected files in {', '.join(_ENDINGS)}, or that hold JSON{over}")
    return files, passed_over


def _files(folder: Path, seen: set[str]) -> Iterator[Path]:
    """Everything below a folder that is no folder, and folders that were entered before: each is entered once."""
    seen.add(os.path.realpath(folder))
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and os.path.realpath(entry) not in seen:
            yield from _files(entry, seen)
        else:
            yield entry


def _kind(path: Path) -> Literal["parquet", "json"] | None:
    """What a file is, by how it begins or else by its name; None for what is no file of events."""
    if not path.is_file():
        return None
    name = path.name.lower()
    for ending in _PACKED:
        name = name.removesuffix(ending)
    try:
        start = head(path)
    except OSError:
        start = b""
    if start.startswith(b"PAR1") or (name.endswith(".parquet") and start[:1] not in (b"{", b"[")):
        return "parquet"
    return "json" if start.startswith((b"{", b"[")) or name.endswith(_ENDINGS) else None


def _source(path: Path, name: str, kind: Literal["parquet", "json"]) -> Source:
    folders = Path(name).parts[:-1]
    partitions = [folder.split("=", 1) for folder in folders if "=" in folder]
    by_number = [f"{key}={value}" for key, value in partitions if value.replace("-", "").isdigit()]
    group = "/".join(folder for folder in folders if folder not in by_number)
    values = {unquote(key): None if value == _NULL else unquote(value) for key, value in partitions}
    return Source(path, name, tuple(values.items()), group, kind)
