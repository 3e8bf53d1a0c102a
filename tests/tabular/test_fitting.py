"""`residual fit` and `residual embed`: whole or not at all, the same after any stop, clear about bad input."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from residual.ocsf.read import read
from residual.simulate import simulate
from residual.storage import write_atomically
from residual.tabular import fitting
from residual.tabular.batches import in_order, with_context
from residual.tabular.bundle import Bundle
from residual.tabular.context import ContextFeatures
from residual.tabular.fitting import embed, fit

SMALL: dict[str, Any] = {"d_embedding": 2, "d_block": 8, "n_blocks": 1, "d_hidden_multiplier": 1.0, "dropouts": (0, 0)}


class Stopped(Exception):  # noqa: N818
    """In place of a kill."""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """The 2,500 first events of an organization, in order of time."""
    folder = tmp_path_factory.mktemp("organization")
    simulate(folder, users=10, days=1, seed=0)
    return read(folder / "events").events.collect().sort("time", "metadata.uid").head(2500)


@pytest.fixture(scope="module")
def events(day: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 1,500 of them in a folder."""
    return written(day[:1500], tmp_path_factory.mktemp("events"))


def written(events: pl.DataFrame, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    events.write_parquet(folder / "events.parquet")
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "NETWORK", SMALL)


@pytest.fixture
def stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "train", lambda *_, **__: (_ for _ in ()).throw(Stopped))


@pytest.fixture(scope="module")
def model(events: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fitted") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "NETWORK", SMALL)
        fit(events, out, passes=2, say=str)
    return out


def weights(folder: Path) -> dict[str, torch.Tensor]:
    bundle = Bundle.load(folder)
    return {**bundle.net.state_dict(), **bundle.heads}


def same(first: Path, second: Path) -> bool:
    ours, theirs = weights(first), weights(second)
    return ours.keys() == theirs.keys() and all(torch.equal(value, theirs[key]) for key, value in ours.items())


@pytest.mark.parametrize("stops", [(1, 2, 3), (4, 6), (9,), (14, 3)])
def test_a_fit_that_was_stopped_anywhere_comes_to_the_same_weights(
    stops: tuple[int, ...], events: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before one of the files it writes, again and again, then left alone."""
    out = tmp_path / "model"
    for stop in stops:
        written = 0

        def write(path: Path, content: bytes, *, stop: int = stop) -> None:
            nonlocal written
            written += 1
            if written > stop:
                raise Stopped
            write_atomically(path, content)

        with monkeypatch.context() as patch:
            patch.setattr("residual.storage.write_atomically", write)
            patch.setattr(fitting, "write_atomically", write)
            with pytest.raises(Stopped):
                fit(events, out, passes=2, say=str)
        assert not (out / "manifest.json").exists()
    fit(events, out, passes=2, say=str)
    assert same(out, model)
    assert list(tmp_path.iterdir()) == [out]  # nothing else is left


@pytest.mark.parametrize("objective", ["masked", "contrastive"])
def test_what_was_learned_is_better_on_later_events(objective: Any, events: Path, tmp_path: Path) -> None:
    history = fit(events, tmp_path / "model", objective=objective, passes=3, say=str)
    assert min(history.valid_loss) < history.valid_loss[0]
    recipe = Bundle.load(tmp_path / "model").recipe
    assert (recipe["objective"], recipe["passes"], recipe["valid_loss"]) == (objective, 3, history.valid_loss)


def test_the_encoder_never_saw_the_later_events(events: Path, model: Path) -> None:
    bundle = Bundle.load(model)
    times = read(events).events.select("time").collect()["time"].sort()
    border = times[int(0.8 * len(times))]
    assert bundle.encoder.rows_ == (times < border).sum()
    assert bundle.span == (times[0], times[-1])


def test_a_short_time_gives_one_pass_that_a_later_run_keeps(
    events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(fitting, "train", lambda *_, **__: (_ for _ in ()).throw(Stopped))
        with pytest.raises(Stopped):
            fit(events, tmp_path / "model", minutes=1e-6, say=str)
    monkeypatch.setattr(fitting, "_seconds", lambda *_: 1e-12)  # which would allow for more
    fit(events, tmp_path / "model", minutes=1e-6, say=str)
    assert Bundle.load(tmp_path / "model").recipe["passes"] == 1


def test_vectors_are_those_of_the_network_in_order_of_time(events: Path, model: Path, tmp_path: Path) -> None:
    out, said = tmp_path / "vectors.parquet", list[str]()
    count = embed(events, model, out, say=said.append)
    vectors = pl.read_parquet(out)
    assert count == len(vectors)
    assert vectors["time"].is_sorted()
    assert "begins anew" in said[-1]  # they are the model's own data
    in_order(read(events).events, tmp_path / "sorted")
    bundle = Bundle.load(model)
    table = pl.concat(list(with_context(tmp_path / "sorted", ContextFeatures(fitting.ENTITIES))))
    assert vectors["metadata.uid"].equals(table["metadata.uid"])
    assert np.allclose(vectors["embedding"].to_numpy(), bundle.embed(table), atol=1e-5)


def test_later_events_go_on_from_the_models_past(day: pl.DataFrame, model: Path, tmp_path: Path) -> None:
    later, said = day.filter(pl.col("time") > Bundle.load(model).span[1]), list[str]()
    embed(written(later, tmp_path / "later"), model, tmp_path / "vectors.parquet", say=said.append)
    assert not any("anew" in line for line in said)
    bundle = Bundle.load(model)
    assert bundle.context is not None
    table = later.hstack(bundle.context.advance(later))
    vectors = pl.read_parquet(tmp_path / "vectors.parquet")["embedding"].to_numpy()
    assert np.allclose(vectors, bundle.embed(table), atol=1e-5)


def test_events_of_a_class_that_the_fit_never_met(day: pl.DataFrame, tmp_path: Path) -> None:
    """Their values are unknown and their own columns count as unexpected; each has a vector of finite numbers."""
    seen, unseen = (day[:1500].filter((pl.col("class_uid") == 4003) == lookup) for lookup in (False, True))
    fit(written(seen, tmp_path / "seen"), tmp_path / "model", passes=1, say=str)
    data = written(unseen, tmp_path / "unseen")
    assert embed(data, tmp_path / "model", tmp_path / "vectors.parquet", say=str) == len(unseen) > 0
    assert np.isfinite(pl.read_parquet(tmp_path / "vectors.parquet")["embedding"].to_numpy()).all()
    encoder = Bundle.load(tmp_path / "model").encoder
    assert (encoder.transform(unseen).numeric[:, 0] > 0).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"objective": "magic"}, "objective must be one of 'masked', 'contrastive', got 'magic'"),
        ({"passes": 0}, "passes and minutes must be above 0, seed at least 0, got 0, 20.0 and 0"),
        ({"seed": -1}, "got None, 20.0 and -1"),
        ({"device": "gpu"}, "device must be one that torch has here, got 'gpu'"),
        ({"minutes": float("nan")}, "passes and minutes must be above 0, seed at least 0, got None, nan and 0"),
    ],
)
def test_bad_arguments(options: dict[str, Any], said: str, events: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        fit(events, tmp_path / "model", **options)
    assert not list(tmp_path.iterdir())


def test_too_few_events(day: pl.DataFrame, tmp_path: Path) -> None:
    written(day[:99], tmp_path / "few")
    with pytest.raises(ValueError, match="events before the last fifth in time must be at least 100"):
        fit(tmp_path / "few", tmp_path / "model", say=str)
    written(day[:300], tmp_path / "few")  # now there are enough, and nothing is left of the run before
    fit(tmp_path / "few", tmp_path / "model", passes=1, say=str)


def test_events_of_one_time(day: pl.DataFrame, tmp_path: Path) -> None:
    written(day[:300].with_columns(time=pl.lit(day["time"][0])), tmp_path / "events")
    with pytest.raises(ValueError, match="to learn from, got 0"):
        fit(tmp_path / "events", tmp_path / "model", say=str)


def test_a_model_within_the_folder_of_its_events(day: pl.DataFrame, tmp_path: Path, stopping: None) -> None:
    """What a fit that was stopped left there is no event of it."""
    written(day[:300], tmp_path / "events")
    with pytest.raises(Stopped):
        fit(tmp_path, tmp_path / "model", passes=1, say=str)
    with pytest.raises(Stopped):
        fit(tmp_path, tmp_path / "model", passes=1, say=str)


def test_a_run_begun_with_other_arguments_or_events_is_not_gone_on_with(
    day: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(day[:500], tmp_path / "events")
    with monkeypatch.context() as patch:
        patch.setattr(fitting, "train", lambda *_, **__: (_ for _ in ()).throw(Stopped))
        with pytest.raises(Stopped):
            fit(tmp_path / "events", tmp_path / "model", passes=1, say=str)
    with pytest.raises(
        ValueError, match=r"\.model\.partial is of a fit with other seed: expected the same, or remove it"
    ):
        fit(tmp_path / "events", tmp_path / "model", passes=1, seed=1, say=str)
    written(day[:400], tmp_path / "events")
    with pytest.raises(ValueError, match="of a fit with other events"):
        fit(tmp_path / "events", tmp_path / "model", passes=1, say=str)


def test_a_model_with_a_changed_byte_embeds_nothing(events: Path, model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    copy.mkdir()
    for path in model.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    changed = next(copy.glob("heads-*"))
    content = bytearray(changed.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    with pytest.raises(ValueError, match="was changed since the model was saved"):
        embed(events, copy, tmp_path / "vectors.parquet", say=str)
    assert not (tmp_path / "vectors.parquet").exists()
    assert json.loads((copy / "manifest.json").read_text())["recipe"]["objective"] == "masked"
