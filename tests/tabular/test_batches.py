"""Batches: every event once, in an order that a seed decides and a stop does not change; what is damaged is named."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from event_tables import FEATURES, events
from hypothesis import given
from hypothesis import strategies as st
from sign_ins import sign_in, write_lines

from residual.ocsf.read import read
from residual.ocsf.schema import features
from residual.tabular import ContextFeatures, Encoded, Entity, TableEncoder
from residual.tabular import batches as module
from residual.tabular.batches import Batch, Blocks, in_order, with_context, write_blocks

SETTINGS: dict[str, Any] = {"vocabulary": 6, "buckets": 32, "grams": 4}
BLOCK, TOGETHER, EVENTS = 7, 3, 100
USER = Entity("user", ("a.uid",), distinct=("a.ip",), first=("a.port",))


def table(rows: int = EVENTS) -> pl.DataFrame:
    """Events of which many share a time."""
    return events(rows).with_columns(pl.col("time") // 10**8 * 10**8, pl.Series("metadata.uid", range(rows)))


def context() -> ContextFeatures:
    return ContextFeatures([USER])


@pytest.fixture(scope="module")
def encoder() -> TableEncoder:
    return TableEncoder(FEATURES, **SETTINGS).fit(table())


@pytest.fixture(scope="module")
def encoded(encoder: TableEncoder) -> Encoded:
    return encoder.transform(table())


@pytest.fixture(scope="module")
def blocks(encoder: TableEncoder, tmp_path_factory: pytest.TempPathFactory) -> Blocks:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", BLOCK)
        patch.setattr(module, "ROWS", 2 * BLOCK)
        return write_blocks([table()[:30], table()[30:31], table()[31:]], encoder, tmp_path_factory.mktemp("blocks"))


@pytest.fixture(autouse=True)
def _few_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOGETHER", TOGETHER)


def numbers(batches: list[Batch]) -> list[int]:
    return [int(row) for batch in batches for row in batch.rows]


def same(some: list[Batch], others: list[Batch]) -> bool:
    return len(some) == len(others) and all(
        torch.equal(a, b) for one, other in zip(some, others, strict=True) for a, b in zip(one, other, strict=True)
    )


def reversed_in_files(folder: Path) -> pl.LazyFrame:
    """The same events from four files that overlap in time and are not sorted."""
    folder.mkdir()
    for i in range(4):
        table()[i::4].reverse().write_parquet(folder / f"{i}.parquet")
    return pl.scan_parquet(folder / "*.parquet")


@pytest.mark.parametrize("rows", [1, 9, 40, 1000])
def test_tables_in_order_are_the_sorted_events_beside_their_past(tmp_path: Path, rows: int) -> None:
    in_order(reversed_in_files(tmp_path / "events"), tmp_path / "sorted", rows=rows)
    expected = table().sort("time", "metadata.uid")
    parts = list(with_context(tmp_path / "sorted"))
    assert pl.concat(parts).equals(expected)
    assert len(parts) > 1 or rows == 1000
    for one, following in pairwise(parts):
        assert one["time"][-1] < following["time"][0]  # events of one time stay together
    streamed = pl.concat(with_context(tmp_path / "sorted", context()))
    assert streamed.equals(expected.hstack(context().advance(expected)))


def test_from_a_folder_of_events_to_tensors(tmp_path: Path) -> None:
    for name, numbers_ in (("b", range(0, 40, 2)), ("a", range(1, 40, 2))):
        write_lines(tmp_path / "events" / f"{name}.jsonl", [sign_in(i, user={"name": f"u{i % 5}"}) for i in numbers_])
    in_order(read(tmp_path / "events").events, tmp_path / "sorted", rows=8)

    def stream() -> ContextFeatures:
        return ContextFeatures([Entity("user", ("user.name",))])

    encoder = TableEncoder(features((3002,)) | stream().features())
    for part in with_context(tmp_path / "sorted", stream()):
        encoder.partial_fit(part)
    blocks = write_blocks(with_context(tmp_path / "sorted", stream()), encoder, tmp_path / "blocks")
    (batch,) = blocks.batches(40, seed=0, epoch=0)
    assert (np.diff(blocks.time) == 1).all()
    assert batch.numeric.shape == (40, blocks.n_numeric)
    assert batch.categorical.shape == (40, len(blocks.cardinalities))
    user = encoder.categorical_names_.index("user.name")
    assert torch.equal(batch.categorical[:, user], (2 + batch.rows % 5).int())


@given(size=st.integers(1, 120), seed=st.integers(0, 3), ends=st.tuples(st.integers(0, EVENTS), st.integers(0, EVENTS)))
def test_a_pass_has_each_event_once_as_the_encoder_has_it(
    blocks: Blocks, encoded: Encoded, size: int, seed: int, ends: tuple[int, int]
) -> None:
    rows = range(*sorted(ends))
    batches = list(blocks.batches(size, seed=seed, epoch=0, rows=rows))
    assert [len(batch.rows) for batch in batches] == [size] * (len(rows) // size)
    met = numbers(batches)
    assert len(set(met)) == len(met)
    assert set(met) <= set(rows)
    for numeric, categorical, rows_ in batches:
        row = rows_.numpy()
        assert (numeric.dtype, categorical.dtype) == (torch.float32, torch.int32)
        assert np.array_equal(numeric, encoded.numeric[row])
        assert np.array_equal(categorical, encoded.categorical[row])


@given(size=st.integers(1, 40), seed=st.integers(0, 3), start=st.integers(0, 110))
def test_a_pass_goes_on_where_it_was_stopped(blocks: Blocks, size: int, seed: int, start: int) -> None:
    whole = list(blocks.batches(size, seed=seed, epoch=1))
    assert same(list(blocks.batches(size, seed=seed, epoch=1, start=start)), whole[start:])


def test_the_order_is_that_of_seed_and_epoch_whatever_the_size_of_a_batch(blocks: Blocks) -> None:
    orders = {
        (seed, epoch): numbers(list(blocks.batches(1, seed=seed, epoch=epoch)))
        for seed in range(3)
        for epoch in range(3)
    }
    assert len({tuple(order) for order in orders.values()}) == 9
    assert all(sorted(order) == list(range(EVENTS)) for order in orders.values())
    assert numbers(list(blocks.batches(10, seed=1, epoch=2))) == orders[1, 2]
    assert numbers(list(Blocks(blocks.folder).batches(1, seed=1, epoch=2))) == orders[1, 2]


def test_what_is_shuffled_together_comes_from_all_over(blocks: Blocks) -> None:
    """No batch of one group has rows of fewer blocks than its group, in the long run: neighbors are far apart."""
    apart = [np.abs(np.diff(numbers(list(blocks.batches(1, seed=seed, epoch=0))))).mean() for seed in range(20)]
    assert np.mean(apart) > EVENTS / 5  # a third, if all were shuffled together; BLOCK / 3, if each block alone


def test_only_the_blocks_that_are_needed_are_read(blocks: Blocks, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []

    def reading(path: Path, **options: Any) -> Any:
        opened.append(path)
        return read_tensors(path, **options)

    read_tensors = module.read_tensors
    monkeypatch.setattr(module, "read_tensors", reading)
    first = next(blocks.batches(4, seed=0, epoch=0))
    assert len(first.rows) == 4
    assert len(opened) == TOGETHER  # so memory holds these
    opened.clear()
    list(blocks.batches(1, seed=0, epoch=0, start=EVENTS - 1))
    assert len(opened) <= TOGETHER
    opened.clear()
    list(blocks.batches(1, seed=0, epoch=0, rows=range(8, 12)))
    assert [path.name for path in opened] == ["block-000000001.safetensors"]


def test_blocks_that_were_not_finished_are_refused(encoder: TableEncoder, tmp_path: Path) -> None:
    write_blocks([table()], encoder, tmp_path)

    def cut_off() -> Any:
        yield table()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_blocks(cut_off(), encoder, tmp_path)
    with pytest.raises(ValueError, match=r"index.safetensors is missing"):
        Blocks(tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"text"])
def test_a_damaged_block_is_named(encoder: TableEncoder, tmp_path: Path, content: bytes | None) -> None:
    blocks = write_blocks([table()], encoder, tmp_path)
    (path,) = tmp_path.glob("block-*")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{path.name}.* expected a block of encoded events"):
        next(blocks.batches(4, seed=0, epoch=0))


def test_a_block_of_other_events_is_named(encoder: TableEncoder, tmp_path: Path) -> None:
    blocks = write_blocks([table()], encoder, tmp_path / "a")
    write_blocks([table()[:50]], encoder, tmp_path / "b")
    (path,) = (tmp_path / "b").glob("block-*")
    path.replace(tmp_path / "a" / path.name)
    with pytest.raises(ValueError, match=rf"{path.name}: expected a block .*\(100, .* got .*\(50, "):
        next(blocks.batches(4, seed=0, epoch=0))


@pytest.mark.parametrize(
    "options", [{"size": 0}, {"start": -1}, {"rows": range(0, 101)}, {"rows": range(0, 9, 2)}, {"rows": range(-3, 5)}]
)
def test_bad_arguments_are_refused(blocks: Blocks, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected batches within 100 events, got size="):
        next(blocks.batches(**{"size": 4, "seed": 0, "epoch": 0, **options}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda events: events.drop("time"), "column 'time' has type None, expected integers"),
        (lambda events: events.with_columns(pl.col("time").cast(pl.String)), "column 'time' has type String, expected"),
        (lambda events: events.with_columns(time=pl.lit(None, pl.Int64)), "got 100, of which 100 have none"),
        (lambda events: events.head(0), "expected events with times, got 0"),
    ],
)
def test_events_without_times_are_refused(tmp_path: Path, change: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        in_order(change(table().lazy()), tmp_path / "sorted")
    assert not (tmp_path / "sorted").exists()


def test_what_was_not_sorted_to_the_end_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = pl.DataFrame.write_parquet, 0

    def full(*arguments: Any, **options: Any) -> None:
        nonlocal written
        written += 1
        if written == 3:
            raise OSError("No space left on device")
        write(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(pl.DataFrame, "write_parquet", full)
        with pytest.raises(OSError, match="No space left"):
            in_order(table(), tmp_path / "sorted", rows=9)
    with pytest.raises(ValueError, match="sorted has no tables: expected a folder that `in_order` wrote"):
        next(with_context(tmp_path / "sorted"))
    in_order(table(), tmp_path / "sorted", rows=9)
    assert pl.concat(with_context(tmp_path / "sorted")).equals(table())
    assert [path.name for path in tmp_path.iterdir()] == ["sorted"]


def test_a_folder_that_is_there_and_tables_without_events_are_refused(encoder: TableEncoder, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is there already: expected a new folder"):
        in_order(table().lazy(), tmp_path)
    with pytest.raises(ValueError, match="tables have no events"):
        write_blocks([table()[:0]], encoder, tmp_path / "blocks")
