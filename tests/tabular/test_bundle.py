"""A trained model as a folder: what was saved comes back, byte for byte or not at all, for its own columns."""

import errno
import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from event_tables import FEATURES, events
from hypothesis import given, settings
from hypothesis import strategies as st

from residual.tabular import ContextFeatures, Entity, TableEncoder
from residual.tabular import bundle as module
from residual.tabular.bundle import MANIFEST, Bundle
from residual.tabular.resnet import TabularResNet

STREAM = (Entity("user", ("a.uid",), first=("a.port",)),)


def joined(context: ContextFeatures, table: pl.DataFrame) -> pl.DataFrame:
    return table.hstack(context.advance(table))


def network(encoder: TableEncoder, seed: int) -> TabularResNet:
    torch.manual_seed(seed)
    sizes: dict[str, Any] = {"d_embedding": 3, "d_block": 6, "n_blocks": 2, "d_hidden_multiplier": 2.0}
    net = TabularResNet(
        len(encoder.numeric_names_), encoder.cardinalities_.tolist(), **sizes, dropouts=(0.1, 0.0), numeric="piecewise"
    )
    encoded = encoder.transform(events(20))
    net.train()(torch.from_numpy(encoded.numeric), torch.from_numpy(encoded.categorical))  # running statistics
    return net


def bundle(seed: int = 0, *, with_context: bool = True) -> Bundle:
    context, table = ContextFeatures(STREAM), events(40)
    table = joined(context, table) if with_context else table
    features = FEATURES | (context.features() if with_context else {})
    encoder = TableEncoder(features, vocabulary=6, buckets=8, grams=2).fit(table)
    span = (int(table["time"][0]), int(table["time"][-1]))
    recipe = {"seed": seed, "objective": "mäsked", "rate": 0.1, "steps": [1, 2]}
    return Bundle(network(encoder, seed), encoder, context if with_context else None, span, recipe)


def later() -> pl.DataFrame:
    return events(30, seed=1).with_columns(pl.col("time") + 10**10)


@pytest.mark.parametrize("with_context", [True, False])
def test_what_was_saved_comes_back(tmp_path: Path, with_context: bool) -> None:
    ours = bundle(with_context=with_context)
    ours.save(tmp_path / "new" / "model")
    table = later()
    back = Bundle.load(tmp_path / "new" / "model")
    assert (back.span, back.recipe) == (ours.span, ours.recipe)
    assert back.net.settings == ours.net.settings
    assert not back.net.training
    if with_context:
        assert back.context is not None
        assert ours.context is not None
        table = joined(back.context, later())
        assert table.equals(joined(ours.context, later()))
    assert np.array_equal(back.embed(table), ours.embed(table))
    assert back.embed(table).shape == (30, 6)
    assert back.embed(table[:0]).shape == (0, 6)


def test_embedding_is_that_of_the_network_some_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS", 7)
    ours, table = bundle(with_context=False), later()
    encoded = ours.encoder.transform(table)
    ours.net.train()
    vectors = ours.embed(table)
    expected = ours.net.eval().embed(torch.from_numpy(encoded.numeric), torch.from_numpy(encoded.categorical))
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_the_manifest_says_what_the_bundle_is(tmp_path: Path) -> None:
    ours = bundle()
    ours.save(tmp_path)
    content = json.loads((tmp_path / MANIFEST).read_bytes())
    assert content["recipe"] == ours.recipe
    assert content["span"] == list(ours.span)
    assert content["ocsf"] == "1.8.0"
    assert content["packages"]["torch"] == torch.__version__.partition("+")[0] or torch.__version__
    assert set(content["files"]) == {"weights", "encoder", "context"}
    assert len(list(tmp_path.iterdir())) == 4


def test_the_same_bundle_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        bundle().save(tmp_path / name)
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle().save(tmp_path)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr(torch, "load", refuse)
    Bundle.load(tmp_path)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    bundle().save(folder)
    return folder


@settings(max_examples=60)
@given(which=st.integers(0, 3), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_changed_bit_is_refused_and_its_file_named(saved: Path, which: int, place: float, bit: int) -> None:
    path = sorted(saved.iterdir())[which]
    content = path.read_bytes()
    changed = bytearray(content)
    changed[int(place * len(content))] ^= 1 << bit
    path.write_bytes(changed)
    try:
        with pytest.raises(ValueError, match=path.name):
            Bundle.load(saved)
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize("part", ["weights", "encoder", "context"])
def test_a_file_that_is_missing_or_cut_off_is_named(tmp_path: Path, part: str) -> None:
    bundle().save(tmp_path)
    (path,) = tmp_path.glob(f"{part}-*")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=f"{path.name} was changed since the model was saved"):
        Bundle.load(tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match=f"{path.name} is missing: expected a folder with a trained model"):
        Bundle.load(tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"name": "a web page"}', b"\xff\xfe"])
def test_a_folder_without_a_bundle_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{MANIFEST}.* expected .* trained model"):
        Bundle.load(tmp_path)


@pytest.mark.parametrize(("name", "value"), [("layout", 2), ("ocsf", "1.7.0")])
def test_another_version_of_the_layout_or_of_the_schema_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(module._VERSIONS, name, value)
        bundle().save(tmp_path)
    with pytest.raises(ValueError, match=rf"expected versions .*got .*'{name}': '?{value}"):
        Bundle.load(tmp_path)


def test_events_of_other_columns_are_refused() -> None:
    table = events(40).with_columns(pl.lit("x").alias("a.missing"))
    encoder = TableEncoder(FEATURES, vocabulary=6, buckets=8, grams=2).fit(table)
    ours = Bundle(network(encoder, 0), encoder, None, (0, 1), {})
    with pytest.raises(ValueError, match=r"events lack columns of the events that the model was fitted on: a.missing$"):
        ours.embed(events(10))
    with pytest.raises(ValueError, match=r"fitted on: a.missing, time$"):
        ours.embed(events(10).drop("time"))
    with pytest.raises(ValueError, match=r"column 'a.number' has type String"):
        ours.embed(table.with_columns(pl.lit("x").alias("a.number")))
    vectors = ours.embed(table.drop("a.number", "a.ip").with_columns(pl.lit("never met").alias("a.string")))
    assert np.isfinite(vectors).all()  # sometimes null in the fit: such a column may be absent


def test_a_context_that_was_forgotten_is_not_taken_for_no_past() -> None:
    with pytest.raises(ValueError, match=r"fitted on: context\.first\.a\.port, context\.user\.count, "):
        bundle().embed(later())


def test_parts_that_do_not_belong_together_are_refused() -> None:
    ours, other = bundle(), bundle(with_context=False)
    with pytest.raises(ValueError, match=r"encoder gives .* for another network$"):
        Bundle(ours.net, other.encoder, None, (0, 1), {})
    with pytest.raises(ValueError, match="context has no feature that the encoder knows, expected some, or None"):
        Bundle(other.net, other.encoder, ours.context, (0, 1), {})


def test_a_new_bundle_replaces_the_old_one_and_leaves_other_files_alone(tmp_path: Path) -> None:
    bundle(0).save(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    bundle(1, with_context=False).save(tmp_path)
    back = Bundle.load(tmp_path)
    assert back.recipe["seed"] == 1
    assert back.context is None
    assert sorted(name.partition("-")[0] for name in files(tmp_path)) == [
        "encoder", MANIFEST, "notes.txt", "weights",
    ]  # fmt: skip


# Three parts and the manifest are flushed; they get their names, and the parts the names with their hashes besides.
@pytest.mark.parametrize(("call", "last"), [*(("fsync", i) for i in range(4)), *(("replace", i) for i in range(7))])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_leaves_the_old_bundle_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, last: int, error: BaseException
) -> None:
    """The disk is full, or the user stops it, at each of the times that something is written."""
    bundle(0).save(tmp_path / "model")
    before, calls, real = files(tmp_path / "model"), 0, getattr(os, call)

    def fail(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > last:
            raise error
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(type(error)):
            bundle(1).save(tmp_path / "model")
        with pytest.raises(type(error)):
            bundle(1).save(tmp_path / "another")
    assert files(tmp_path / "model") == before
    assert Bundle.load(tmp_path / "model").recipe["seed"] == 0
    assert files(tmp_path / "another") == {}


def test_what_a_killed_process_left_is_not_read_and_goes_with_the_next(tmp_path: Path) -> None:
    bundle(0).save(tmp_path)
    script = f"""
import os, signal, sys
sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}
from pathlib import Path
import test_bundle
from residual.tabular import bundle as module
new = test_bundle.bundle(1)
module.write_atomically = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
name = module._name
module._name = lambda part, digest: os.kill(os.getpid(), signal.SIGKILL) if part == "weights" else name(part, digest)
new.save(Path({str(tmp_path)!r}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(list(tmp_path.iterdir())) > 4
    assert Bundle.load(tmp_path).recipe["seed"] == 0
    bundle(2).save(tmp_path)
    assert Bundle.load(tmp_path).recipe["seed"] == 2
    assert len(list(tmp_path.iterdir())) == 4
