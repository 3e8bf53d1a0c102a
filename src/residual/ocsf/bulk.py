"""Many files checked side by side, in bounded memory; that is what `residual validate` runs.

The work is cut into pieces, whole files or parts of large ones, in the same way whatever the number of processes, and
what they came to is added up in the order of the files. Told in `book/part3/records.md`.
"""

import gc
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, BinaryIO

from tqdm import tqdm

from residual.ocsf.limits import Limits
from residual.ocsf.parquet import BROKEN, opened
from residual.ocsf.report import Report
from residual.ocsf.sources import Rows, Source, sources
from residual.ocsf.stream import events
from residual.ocsf.unpacking import UnreadableError

LIMITS = Limits()
PIECE_ROWS = 50_000
PIECE_BYTES = 2**25
WORTH_PROCESSES = 2**27  # bytes of JSON; to start processes takes as long as to check a tenth of that
PACKED = 10  # how many bytes of JSON one byte of Parquet or gzip is worth


@dataclass(frozen=True)
class Lines(Source):
    """Some whole lines of a large file of JSON Lines: its bytes from `start` to `stop`, after `before` lines."""

    start: int = 0
    stop: int = 0
    before: int = 0


def validate_folder(folder: str | Path, *, processes: int | None = 1, progress: bool = False) -> Report:
    """Check every event in a folder of Parquet, JSON and JSON Lines, or in one such file.

    A line that is no event counts as an invalid event, with the reason as its fault at `$`.

    Args:
        folder: as in `read`.
        processes: to spread the work over; more than one only from a main module that can be imported. None: as many
            as there are cores, or one where there is little to do.
        progress: show a bar.

    Raises:
        ValueError: for a folder without events.
    """
    begin = time.perf_counter()
    files, ignored = sources(Path(folder))
    work = sum(source.path.stat().st_size * (1 if _is_lines(source) else PACKED) for source in files)
    if processes is None:
        processes = (os.cpu_count() or 1) if work > WORTH_PROCESSES else 1
    pieces = (piece for source in files for piece in _pieces(source))
    report = Report(files=len(files), ignored=ignored)
    with ExitStack() as stack:
        side_by_side: Callable[..., Iterator[Report]] = map
        if processes > 1:
            pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))  # polars does not live through fork
            side_by_side = stack.enter_context(pool).map
        parts = side_by_side(_checked, pieces)
        for part in tqdm(parts, unit="piece", disable=not progress):
            report.add(part)
    report.seconds = time.perf_counter() - begin
    return report


def _is_lines(source: Source) -> bool:
    return source.path.suffix.lower() in (".jsonl", ".ndjson")


def _pieces(source: Source) -> Iterator[Source]:
    """A file whole, or the parts of a large one."""
    size, rows = source.path.stat().st_size, 0
    if _is_lines(source) and size > 2 * PIECE_BYTES:
        yield from _pieces_of_lines(source)
        return
    if source.kind == "parquet" and size > PIECE_BYTES // PACKED:
        with suppress(*BROKEN):  # whoever reads it will say why
            rows = opened(source.path).metadata.num_rows
    if rows <= PIECE_ROWS:
        yield source
    for start in range(0, rows if rows > PIECE_ROWS else 0, PIECE_ROWS):
        yield Rows(**vars(source), start=start, count=min(PIECE_ROWS, rows - start))


def _pieces_of_lines(source: Source) -> Iterator[Source]:
    """Every piece begins with a line that is an object, so that each is known for JSON Lines by itself."""
    with source.path.open("rb") as file:
        if not _at_object(file):
            yield source
            return
        start = before = lines = 0
        while chunk := file.read(PIECE_BYTES):
            lines += chunk.count(b"\n")
            while rest := file.readline(LIMITS.line_bytes):
                lines += rest.endswith(b"\n")
                if rest.endswith(b"\n") and _at_object(file):
                    break
            yield Lines(**vars(source), start=start, stop=file.tell(), before=before)
            start, before = file.tell(), lines


def _at_object(file: BinaryIO) -> bool:
    at = file.tell()
    line = file.readline(LIMITS.line_bytes)
    file.seek(at)
    try:
        return isinstance(json.loads(line.decode()), dict)
    except (ValueError, RecursionError):
        return False


def _checked(piece: Source) -> Report:
    report, collects = Report(), gc.isenabled()
    gc.disable()  # events hold no cycles, and to look for some takes a fifth of the time
    try:
        for place, event, reason in _placed(piece):
            report.note(piece.name, place, event, reason)
    except UnreadableError as error:
        report.unknown[piece.name] = str(error)
    finally:
        if collects:
            gc.enable()
    return report


def _placed(piece: Source) -> Iterator[tuple[int, Any, str | None]]:
    if not isinstance(piece, Lines):
        yield from events(piece, LIMITS)
        return
    with tempfile.TemporaryDirectory(prefix="residual-ocsf-") as folder:
        path = Path(folder, piece.path.name)
        with piece.path.open("rb") as file, path.open("wb") as copy:
            file.seek(piece.start)
            while left := piece.stop - file.tell():
                copy.write(file.read(min(left, PIECE_BYTES)))
        for number, event, reason in events(replace(piece, path=path), LIMITS):
            yield piece.before + number, event, reason
