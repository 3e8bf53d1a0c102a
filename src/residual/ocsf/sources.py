"""The files of a folder of events, and what their names say.

Partitions are folders named `key=value`, as Hive, Security Lake (`region=/accountId=/eventDay=`) and our simulator lay
them out. Told in `book/part3/records.md`.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

_ENDINGS = (".parquet", ".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")


@dataclass(frozen=True)
class Source:
    """A file of events.

    Attributes:
        path: to open it.
        name: path below the folder that is read.
        partitions: values by key, from the folders in `name`.
        group: the folders in `name` without partitions by a number (a day, an account): files whose columns one
            expects to be alike.
    """

    path: Path
    name: str
    partitions: tuple[tuple[str, str], ...]
    group: str

    @property
    def is_parquet(self) -> bool:
        return self.path.suffix == ".parquet"


def sources(folder: Path) -> tuple[list[Source], list[str]]:
    """The files of events under a folder (or the one file), sorted by name, and the names of files that are none.

    Of a simulated organization, a folder with `events/` and `labels.parquet`, only the events are read. Names that
    begin with a dot or an underscore are passed over, as Hive and Spark do.

    Raises:
        ValueError: if there is no such folder or file, or no file of events in it.
    """
    if folder.is_file():
        return [_source(folder, folder.name)], []
    if not folder.is_dir():
        raise ValueError(f"folder must be a folder or a file of events, got {folder}, which does not exist")
    if (folder / "events").is_dir() and (folder / "labels.parquet").is_file():
        folder = folder / "events"
    files, ignored = [], []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder)
        if any(part.startswith((".", "_")) for part in name.parts) or not path.name.endswith(_ENDINGS):
            ignored.append(str(name))
        else:
            files.append(_source(path, str(name)))
    if not files:
        raise ValueError(f"no events in {folder}: expected files in {', '.join(_ENDINGS)}")
    return files, ignored


def _source(path: Path, name: str) -> Source:
    folders = Path(name).parts[:-1]
    partitions = [folder.split("=", 1) for folder in folders if "=" in folder]
    by_number = [f"{key}={value}" for key, value in partitions if value.replace("-", "").isdigit()]
    group = "/".join(folder for folder in folders if folder not in by_number)
    return Source(path, name, tuple((key, unquote(value)) for key, value in partitions), group)
