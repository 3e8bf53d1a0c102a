"""The degradation experiment: the same runs however they are spread, and a recording that goes on where it was."""

import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from residual import cli
from residual.experiments import degradation, recording
from residual.experiments.degradation import Run, gap, record, recorded_runs, select, sweep, train
from residual.training import Recipe, error_rate, fit
from residual.vision import data
from residual.vision.cifar import CifarNet

TINY = Recipe(epochs=1, batch_size=64)


def test_without_zeros_leaves_the_skip_alone() -> None:
    """The nets of `without_zeros` are the residual ones as torch initializes them; those of `sweep` are not."""
    runs = degradation.without_zeros(8, (1, 0), recipe=TINY, workers=1, progress=False)
    assert [(run.name, run.seed) for run in runs] == [("residual-8", 0), ("residual-8", 1)]
    images = data.digits()
    for run in runs:
        torch.manual_seed(run.seed)
        model = CifarNet(8, in_channels=1)
        history = fit(model, images, replace(TINY, seed=run.seed), progress=False)
        assert run.curve == pytest.approx(history.train_error, abs=1)  # one thread there, several here
        assert run.curve != train(8, True, replace(TINY, seed=run.seed)).curve


def test_a_sweep_is_the_same_however_it_is_spread() -> None:
    spread = sweep((8,), (1, 0), recipe=TINY, workers=2, progress=False)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    assert sweep((8,), (1, 0), recipe=TINY, workers=1, progress=False) == spread
    assert torch.equal(torch.get_rng_state(), state)  # training here left this process as it was
    assert torch.get_num_threads() == threads

    order = [(run.residual, run.depth, run.seed) for run in spread]
    assert order == [(r, 8, s) for r in (False, True) for s in (0, 1)]
    assert len({run.curve for run in spread}) == 4  # no two of them are the same run
    for run in spread:
        assert len(run.curve) == 1
        assert all(0 <= error <= 100 for error in (run.train_error, run.test_error, *run.curve))


def test_pages_of_one_build_train_a_net_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = train(8, True, TINY)
    monkeypatch.setenv("RESIDUAL_CHECKPOINTS", str(tmp_path))
    assert train(8, True, TINY) == before
    (kept,) = tmp_path.iterdir()
    written = kept.stat().st_mtime_ns
    assert train(8, True, TINY) == before
    assert [path.stat().st_mtime_ns for path in tmp_path.iterdir()] == [written]  # not trained again

    others = [
        (14, True, TINY, True),
        (8, False, TINY, True),
        (8, True, TINY, False),
        (8, True, replace(TINY, seed=1), True),
    ]
    for depth, residual, recipe, zero_init in others:
        train(depth, residual, recipe, zero_init=zero_init)
    assert len(list(tmp_path.iterdir())) == 1 + len(others)
    train(8, False, TINY, zero_init=False)  # a plain net has no weights to start at zero: it is one of them
    assert len(list(tmp_path.iterdir())) == 1 + len(others)


def test_a_run_does_not_depend_on_the_callers_threads_or_random_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    first = train(8, True, replace(TINY, seed=3))
    threads: list[int] = []
    really_fit = degradation.fit

    def watched(*arguments: Any, **options: Any) -> Any:
        threads.append(torch.get_num_threads())
        return really_fit(*arguments, **options)

    monkeypatch.setattr(degradation, "fit", watched)
    torch.set_num_threads(2)
    try:
        torch.manual_seed(99)
        assert train(8, True, replace(TINY, seed=3)) == first
        assert torch.get_num_threads() == 2
        assert threads == [1]
    finally:
        torch.set_num_threads(1)
    assert (first.depth, first.residual, first.seed, first.name) == (8, True, 3, "residual-8")


def run(depth: int, residual: bool, seed: int, error: float) -> Run:
    return Run(depth, residual, seed, error, error, (error,))


@pytest.mark.parametrize("residual", [False, True])
def test_a_run_is_that_of_the_net_it_names(residual: bool) -> None:
    found, recipe, images = train(8, residual, replace(TINY, seed=4)), replace(TINY, seed=4), data.digits()
    torch.manual_seed(4)
    model = CifarNet(8, residual=residual, zero_init_residual=residual, in_channels=1)
    assert found.curve == tuple(fit(model, images, recipe, progress=False).train_error)
    assert found.train_error == error_rate(model, images.train_images, images.train_labels)
    assert found.test_error == error_rate(model, images.test_images, images.test_labels)
    assert (found.depth, found.residual, found.seed) == (8, residual, 4)


def test_the_deepest_start_first_seed_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that workers end together, and a recording that is cut off holds whole comparisons."""
    started: list[tuple[int, int, bool]] = []

    def pretend(depth: int, residual: bool, recipe: Recipe, **_: Any) -> Run:
        started.append((recipe.seed, depth, residual))
        return run(depth, residual, recipe.seed, 0.0)

    monkeypatch.setattr(degradation, "train", pretend)
    runs = sweep((8, 20, 14), (1, 0), recipe=TINY, workers=1, progress=False)
    assert started == [(seed, depth, r) for seed in (0, 1) for depth in (20, 14, 8) for r in (False, True)]
    assert runs == [run(d, r, seed, 0.0) for r in (False, True) for d in (8, 14, 20) for seed in (0, 1)]


def test_gap_pairs_by_seed() -> None:
    plain = [run(20, False, seed, error) for seed, error in ((2, 50.0), (0, 10.0), (1, 30.0))]
    residual = [run(20, True, seed, error) for seed, error in ((1, 28.0), (2, 49.0), (0, 7.0))]
    others = [run(56, False, 0, 90.0), run(56, True, 0, 1.0)]
    found = gap([*others, *residual, *plain], 20)
    # 3, 2 and 1 points: paired in another way, the mean is the same and the interval is not.
    assert found.estimate == pytest.approx(2)
    assert found.high - found.estimate == pytest.approx(4.3027 / 3**0.5, abs=1e-4)
    assert found.n == 3


def test_gap_needs_the_same_seeds() -> None:
    runs = [run(20, False, 0, 1.0), run(20, False, 1, 1.0), run(20, True, 1, 1.0), run(20, True, 2, 1.0)]
    with pytest.raises(ValueError, match=r"the same seeds to pair, got plain-20 \[0, 1\], residual-20 \[1, 2\]"):
        gap(runs, 20)
    with pytest.raises(ValueError, match="at least 2 numbers"):
        gap(runs, 56)


def test_select_gives_one_network_by_seed() -> None:
    runs = [run(d, r, s, 0.0) for s in (1, 0) for r in (True, False) for d in (20, 56)]
    assert select(runs, depth=56, residual=True) == [run(56, True, 0, 0.0), run(56, True, 1, 0.0)]
    assert select(runs, depth=32, residual=True) == []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """CIFAR-10's layout with 26 images a file instead of 10,000."""
    monkeypatch.setattr(data, "CIFAR10_IMAGES_PER_FILE", 26)
    folder = tmp_path / "cifar"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (*data.CIFAR10_TRAIN, *data.CIFAR10_TEST):
        content = rng.integers(0, 256, (26, data.CIFAR10_RECORD), dtype=np.uint8)
        content[:, 0] %= 10
        content.tofile(folder / name)
    (folder / "batches.meta.txt").write_text("\n".join("abcdefghij"))
    yield folder
    recording.images_of.cache_clear()


SMALL = Recipe(epochs=2, batch_size=32)  # four steps an epoch
Trained = list[tuple[int, bool, int]]


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Trained:
    """The networks trained so far, in the order in which they ended."""
    ended: Trained = []
    really_train: Callable[..., Run] = train

    def watched(*arguments: Any, **options: Any) -> Run:
        done = really_train(*arguments, **options)
        ended.append((done.depth, done.residual, done.seed))
        return done

    monkeypatch.setattr(degradation, "train", watched)
    return ended


def small_record(out: Path, folder: Path, **options: Any) -> None:
    record(
        out, folder, **{"label": "random", "depths": (8,), "seeds": (0, 1), "recipe": SMALL, "workers": 1, **options}
    )


def test_record_writes_runs_with_their_making(tmp_path: Path, folder: Path, trainings: Trained) -> None:
    out = tmp_path / "runs.json"
    small_record(out, folder)
    assert trainings == [(8, False, 0), (8, True, 0), (8, False, 1), (8, True, 1)]  # seed by seed
    runs = recorded_runs(out)
    assert [(r.residual, r.depth, r.seed) for r in runs] == [(r, 8, s) for r in (False, True) for s in (0, 1)]
    assert runs == [train(r.depth, r.residual, replace(SMALL, seed=r.seed), folder=folder) for r in runs]
    assert all(len(r.curve) == 2 for r in runs)
    content = json.loads(out.read_text())
    assert content["data"] == "random"
    assert content["provenance"].keys() >= {"commit", "date", "machine", "python", "torch"}
    assert Recipe(**content["recipe"]) == SMALL
    assert list((tmp_path / "runs.partial").iterdir()) == []  # checkpoints of finished runs are gone


def test_record_does_not_train_again_what_is_recorded(tmp_path: Path, folder: Path, trainings: Trained) -> None:
    out = tmp_path / "runs.json"
    small_record(out, folder)
    first, content = recorded_runs(out), out.read_bytes()
    trainings.clear()

    small_record(out, folder)
    assert trainings == []
    assert out.read_bytes() == content

    small_record(out, folder, depths=(8, 14), seeds=(1,))
    assert trainings == [(14, False, 1), (14, True, 1)]
    runs = recorded_runs(out)
    assert set(runs) > set(first)
    arms = [(8, 0), (8, 1), (14, 1)]
    assert [(r.residual, r.depth, r.seed) for r in runs] == [(r, *arm) for r in (False, True) for arm in arms]


def test_record_goes_on_where_it_was_cut_off(
    tmp_path: Path, folder: Path, trainings: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = tmp_path / "whole.json", tmp_path / "runs.json"
    small_record(whole, folder)
    trainings.clear()

    steps, crop = [0], degradation.crop_and_flip

    def cut_off(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        steps[0] += 1
        if steps[0] == 8 + 8 + 6:  # in the second epoch of the third network
            raise KeyboardInterrupt
        return crop(images, generator)

    monkeypatch.setattr(degradation, "crop_and_flip", cut_off)
    with pytest.raises(KeyboardInterrupt):
        small_record(out, folder)
    assert len(trainings) == 2
    recorded = [(r.depth, r.residual, r.seed) for r in recorded_runs(out)]
    assert sorted(recorded) == sorted(trainings)  # each was written when it ended
    assert len(list((tmp_path / "runs.partial").iterdir())) == 1

    small_record(out, folder)
    assert len(trainings) == 4
    assert steps[0] == 8 + 8 + 6 + 4 + 8  # the third network trained only the epoch it lacked
    assert recorded_runs(out) == recorded_runs(whole)
    assert list((tmp_path / "runs.partial").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"label": "CIFAR-10"}, "label='random', this run has 'CIFAR-10'"),
        ({"recipe": replace(SMALL, epochs=3)}, "epochs=2, this run has 3"),
        ({"recipe": replace(SMALL, peak_lr=0.2)}, "peak_lr=0.1, this run has 0.2"),
        ({"recipe": replace(SMALL, schedule="step")}, "schedule='one-cycle', this run has 'step'"),
    ],
)
def test_record_does_not_mix_recordings(
    tmp_path: Path, folder: Path, trainings: Trained, options: dict[str, Any], said: str
) -> None:
    out = tmp_path / "runs.json"
    small_record(out, folder, seeds=(0,))
    content = out.read_bytes()
    trainings.clear()
    with pytest.raises(ValueError, match=f"was recorded with {said}: write to another file"):
        small_record(out, folder, **options)
    assert trainings == []
    assert out.read_bytes() == content
    small_record(out, folder, seeds=(0,), recipe=replace(SMALL, seed=5))  # each run has its own seed in any case


def test_record_refuses_a_file_that_is_no_recording(tmp_path: Path, folder: Path) -> None:
    out = tmp_path / "runs.json"
    out.write_text('{"command": "", "provenance": {}, "runs": []}')
    with pytest.raises(ValueError, match="was recorded with label=None"):
        small_record(out, folder)
    out.write_text('{"command": "", "provenance": {}, "runs": [{"curve": [], "depths": 3}]}')
    with pytest.raises(ValueError, match="expected runs of the degradation experiment"):
        recorded_runs(out)


def test_the_recorded_command_repeats_the_recording(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a second call that added to the first, and with a label that a shell would take apart."""
    out, label = tmp_path / "runs.json", "somebody's (JPEG) $copy"
    recipe = replace(degradation.CIFAR10_RECIPE, epochs=1)
    small_record(out, folder, label=label, recipe=recipe, seeds=(1,))
    small_record(out, folder, label=label, recipe=recipe, depths=(14,), seeds=(0,))
    called: dict[str, Any] = {}
    monkeypatch.setattr(degradation, "record", lambda *arguments, **options: called.update(options, to=arguments))
    name, *arguments = shlex.split(json.loads(out.read_text())["command"])
    assert name == "residual"
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main(arguments)
    assert called.pop("to") == (Path("results/runs.json"), Path("FOLDER"))
    assert called == {"label": label, "depths": [8, 14], "seeds": [0, 1], "recipe": recipe, "workers": 2}
