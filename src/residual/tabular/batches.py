"""From events to batches of tensors, however many events there are: memory holds some thousands of rows at a time.

    events = read("events/").events
    in_order(events, scratch)                                   # once: events in order of time, in files
    for table in with_context(scratch, ContextFeatures(...)):   # a first pass: learn how to encode
        encoder.partial_fit(table)
    blocks = write_blocks(with_context(scratch, context), encoder, folder)  # a second one: encode, from a fresh context
    for batch in blocks.batches(1024, seed=0, epoch=0): ...     # as many as one likes: train

What an event looks like beside the past must be made in order, and training wants no order. So encoded events are kept
in blocks on disk, 4 bytes per number and code, and a pass reads blocks from all over the time span together.
"""

import shutil
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from residual.ocsf.intake import UID
from residual.storage import read_state, read_tensors, write_state, write_tensors
from residual.tabular.context import ContextFeatures
from residual.tabular.encode import Table, TableEncoder

ROWS = 1 << 14  # of a table in order of time, and encoded at a time
BLOCK = 1 << 12  # of them that are read at a time
TOGETHER = 16  # blocks that are shuffled together
VERSION = 1  # of the index
_INDEX = "index.safetensors"
_NAME = "block-{:09}.safetensors"
_PART = "\0part"


class Batch(NamedTuple):
    """Some events: numeric float32 (B, f), categorical int32 (B, c), and their numbers in order of time, int64 (B,)."""

    numeric: Tensor
    categorical: Tensor
    rows: Tensor


def in_order(events: Table, folder: Path, *, rows: int = ROWS) -> None:
    """Sort events by time into tables of about `rows` events, files in a new folder. Events of one time stay together.

    Reads the events twice, first the column `time` alone. Unsorted input costs many small files.

    Raises:
        ValueError: for no events, for a `time` that is missing, null or no integer, for a folder that is there.
    """
    events = events.lazy()
    if (dtype := events.collect_schema().get("time")) is None or not dtype.is_integer():
        raise ValueError(f"column 'time' has type {dtype}, expected integers (ms since 1970 UTC)")
    time = events.select("time").collect()["time"]
    if not len(time) or time.null_count():
        raise ValueError(f"expected events with times, got {len(time)}, of which {time.null_count()} have none")
    if folder.exists():
        raise ValueError(f"{folder} is there already: expected a new folder")
    begins = np.unique(np.sort(time.to_numpy())[rows::rows])  # when each table but the first begins
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for number, some in enumerate(events.collect_batches(chunk_size=rows)):
        part = pl.Series(_PART, np.searchsorted(begins, some["time"].to_numpy(), side="right"))
        for (key,), piece in some.with_columns(part).partition_by(_PART, as_dict=True, include_key=False).items():
            piece.write_parquet(partial / f"{key:09}-{number:09}.parquet", compression="lz4")
    partial.rename(folder)


def with_context(folder: Path, context: ContextFeatures | None = None) -> Iterator[pl.DataFrame]:
    """The tables that `in_order` wrote, sorted by time and `metadata.uid`, each beside the features of its past.

    `context` goes on from where it stands, and ends with all events in its past.

    Raises:
        ValueError: for a folder without tables, and as `ContextFeatures.advance`.
    """
    if not (files := sorted(folder.glob("*.parquet"))):
        raise ValueError(f"{folder} has no tables: expected a folder that `in_order` wrote")
    for _, paths in groupby(files, key=lambda path: path.name.partition("-")[0]):
        table = pl.concat([pl.read_parquet(path) for path in paths])
        table = table.sort([name for name in ("time", UID) if name in table.columns], maintain_order=True)
        yield table if context is None else table.hstack(context.advance(table))


def write_blocks(tables: Iterable[pl.DataFrame], encoder: TableEncoder, folder: Path) -> "Blocks":
    """Encode tables in order of time into blocks of `BLOCK` rows. The index is written last: with it they are whole.

    Raises:
        ValueError: for no events, and as `TableEncoder.transform`.
    """
    for old in (folder / _INDEX, *folder.glob("block-*")):
        old.unlink(missing_ok=True)
    times: list[NDArray[np.int64]] = []
    for table in _of_equal_height(tables):
        encoded = encoder.transform(table)
        for at in range(0, len(table), BLOCK):
            arrays = {"numeric": encoded.numeric[at : at + BLOCK], "categorical": encoded.categorical[at : at + BLOCK]}
            write_tensors(folder / _NAME.format(len(times)), arrays)
            times.append(table["time"][at : at + BLOCK].to_numpy().astype(np.int64))
    if not times:
        raise ValueError("tables have no events, expected at least one to encode")
    widths = {"n_numeric": len(encoder.numeric_names_), "cardinalities": encoder.cardinalities_.tolist()}
    write_state(folder / _INDEX, "Blocks", VERSION, {"time": np.concatenate(times), "size": BLOCK, **widths})
    return Blocks(folder)


class Blocks:
    """Encoded events on disk, as `write_blocks` wrote them.

    Attributes:
        time: int64 [n], when each event was, in ms since 1970 UTC, in order.
        n_numeric: number of numeric columns.
        cardinalities: of the categorical ones.

    Raises:
        ValueError: for a folder whose index is missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        index = read_state(folder / _INDEX, "Blocks", VERSION)
        self.folder = folder
        self.time: NDArray[np.int64] = index["time"]
        self.n_numeric: int = index["n_numeric"]
        self.cardinalities: list[int] = index["cardinalities"]
        self._size: int = index["size"]

    def batches(
        self,
        size: int,
        *,
        seed: int,
        epoch: int,
        start: int = 0,
        rows: range | None = None,
        device: torch.device | str = "cpu",
    ) -> Iterator[Batch]:
        """One pass over the events in an order of its own, in batches; fewer than `size` left at the end are dropped.

        Random blocks, `TOGETHER` at a time, are shuffled together: by `seed`, `epoch` and `rows`, whatever `start` is.

        Args:
            size: events of a batch.
            seed: of the order.
            epoch: number of the pass.
            start: batches to leave out, because a run that was cut off has had them.
            rows: only these, in order of time, such as `range(np.searchsorted(blocks.time, when))`. None: all.
            device: where to. Blocks that are shuffled together go there in one piece, and batches are parts of it.

        Raises:
            ValueError: for a bad size, start or rows, and for a damaged block.
        """
        rows = range(len(self.time)) if rows is None else rows
        if size < 1 or start < 0 or rows.step != 1 or (rows and not 0 <= rows[0] <= rows[-1] < len(self.time)):
            raise ValueError(f"expected batches within {len(self.time)} events, got {size=}, {start=}, {rows=}")
        chosen = range(rows.start // self._size, -(-rows.stop // self._size)) if rows else ()
        order = np.random.default_rng((seed, epoch)).permutation(np.array(chosen, np.int64)).tolist()
        skip, left = start * size, None
        for number in range(0, len(order), TOGETHER):
            starts = [block * self._size for block in order[number : number + TOGETHER]]
            spans = [range(max(at, rows.start), min(at + self._size, rows.stop)) for at in starts]
            count = sum(map(len, spans))
            if skip >= count:
                skip -= count
                continue
            # From a generator of its own, so that a later start needs no draws of what was before it.
            places = np.random.default_rng((seed, epoch, 1 + number)).permutation(count)[skip:]
            parts = zip(*map(self._read, spans), strict=True)
            group = Batch(*(torch.cat(part)[torch.from_numpy(places)].to(device) for part in parts))
            if left is not None:
                group = Batch(*map(torch.cat, zip(left, group, strict=True)))
            for begin in range(0, len(group.rows) - size + 1, size):
                yield Batch(*(values[begin : begin + size] for values in group))
            left = Batch(*(values[len(values) // size * size :] for values in group))
            skip = 0

    def _read(self, span: range) -> Batch:
        block, begin = divmod(span.start, self._size)
        path, what = self.folder / _NAME.format(block), "a block of encoded events"
        tensors, _ = read_tensors(path, what=what)
        rows = min(self._size, len(self.time) - block * self._size)
        expected = {"numeric": (rows, self.n_numeric), "categorical": (rows, len(self.cardinalities))}
        if (shapes := {name: tuple(values.shape) for name, values in tensors.items()}) != expected:
            raise ValueError(f"{path}: expected {what}, {expected}, got {shapes}")
        numeric, categorical = (tensors[name][begin : begin + len(span)] for name in expected)
        return Batch(numeric, categorical, torch.arange(span.start, span.stop))


def _of_equal_height(tables: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows in tables of `ROWS`, whole blocks, and a lower last one."""
    left = pl.DataFrame()
    for table in tables:
        left = pl.concat([left, table]) if len(left) else table
        whole = len(left) // ROWS * ROWS
        yield from left[:whole].iter_slices(ROWS) if whole else ()
        left = left[whole:]
    if len(left):
        yield left
