"""The degradation experiment: the same runs however they are spread, and a recording that goes on where it was."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_runs import CutOff, CutOffError

from residual.training import Recipe, error_rate, fit
from residual.vision import data
from residual.vision.cifar import CifarNet
from residual_book import cli, nets, recording
from residual_book.claims import ClaimError
from residual_book.part1.degradation import claims, experiment, figures
from residual_book.part1.degradation.experiment import Run, select, train
from residual_book.recording import recorded_runs

TINY = Recipe(epochs=1, batch_size=64)
SMALL = Recipe(epochs=2, batch_size=32)  # four steps per epoch on the files of `folder`


def test_a_sweep_is_every_net_sorted() -> None:
    runs = experiment.sweep((8,), (1, 0), recipe=TINY)
    assert runs == [train(8, residual, replace(TINY, seed=seed)) for residual in (False, True) for seed in (0, 1)]
    assert len({run.curve for run in runs}) == 4  # no two of them are the same run
    alone = train(8, True, replace(TINY, seed=1), zero_init=False)
    assert experiment.without_zeros(8, (1,), recipe=TINY) == [alone]


def test_pages_of_one_build_train_a_net_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = train(8, True, TINY)
    monkeypatch.setenv("RESIDUAL_CHECKPOINTS", str(tmp_path))
    assert train(8, True, TINY) == before
    (kept,) = tmp_path.iterdir()
    written = kept.stat().st_mtime_ns
    assert train(8, True, TINY) == before
    assert [path.stat().st_mtime_ns for path in tmp_path.iterdir()] == [written]  # not trained again

    seed_1 = replace(TINY, seed=1)
    others = [(14, True, TINY, True), (8, False, TINY, True), (8, True, TINY, False), (8, True, seed_1, True)]
    for depth, residual, recipe, zero_init in others:
        train(depth, residual, recipe, zero_init=zero_init)
    assert len(list(tmp_path.iterdir())) == 1 + len(others)
    train(8, False, TINY, zero_init=False)  # a plain net has no weights to start at zero: it is one of them
    assert len(list(tmp_path.iterdir())) == 1 + len(others)


def test_a_run_does_not_depend_on_the_callers_threads_or_random_numbers() -> None:
    first = train(8, True, replace(TINY, seed=3))
    torch.set_num_threads(2)
    try:
        torch.manual_seed(99)
        state = torch.get_rng_state()
        assert train(8, True, replace(TINY, seed=3)) == first
        assert torch.get_num_threads() == 2
        assert torch.equal(torch.get_rng_state(), state)
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize(("residual", "zero_init"), [(False, True), (True, True), (True, False)])
def test_a_run_is_that_of_the_net_it_names(residual: bool, zero_init: bool) -> None:
    recipe, images = replace(TINY, seed=4), data.digits()
    run = train(8, residual, recipe, zero_init=zero_init)
    torch.manual_seed(4)
    model = CifarNet(8, residual=residual, zero_init_residual=residual and zero_init, in_channels=1)
    assert run.curve == tuple(fit(model, images, recipe, progress=False).train_error)
    assert run.train_error == error_rate(model, images.train_images, images.train_labels)
    assert run.test_error == error_rate(model, images.test_images, images.test_labels)
    assert (run.name, run.seed) == (f"{'residual' if residual else 'plain'}-8", 4)


def made(plain_20: float, plain_56: float, residual_20: float, residual_56: float, unseen: float = 2.0) -> list[Run]:
    """Runs of three seeds around the training errors given, with as much more on unseen images."""
    nets = ((20, False, plain_20), (56, False, plain_56), (20, True, residual_20), (56, True, residual_56))
    noisy = [(depth, r, seed, error * (1 + seed / 100)) for depth, r, error in nets for seed in range(3)]
    return [
        Run(depth, r, seed, error, error + unseen * (1 + seed / 10), (90.0, error)) for depth, r, seed, error in noisy
    ]


GOOD = made(1.0, 60.0, 0.5, 0.6)
RECORD = {"recipe": {"epochs": 2}, "provenance": {"machine": "this one"}}


def test_select_gives_one_network_by_seed() -> None:
    runs = select(GOOD[::-1], depth=56, residual=True)
    assert [(run.depth, run.residual, run.seed) for run in runs] == [(56, True, seed) for seed in range(3)]
    assert select(GOOD, depth=32, residual=True) == []


def test_the_figures_say_what_they_show() -> None:
    for drawing, labels in (
        (figures.errors_by_depth(GOOD), ("plain", "residual")),
        (figures.training_curves(GOOD), ("plain-20", "plain-56", "residual-20", "residual-56")),
        (figures.recorded_and_published(GOOD), ("plain", "residual", "Table 6")),
    ):
        svg = drawing.svg()
        assert all(label in svg for label in (drawing.alt[:20], *labels))


def test_claims_hold_for_nets_that_degrade() -> None:
    claims.on_digits(GOOD, select(GOOD, depth=56, residual=True))
    claims.on_cifar10(GOOD, RECORD)


@pytest.mark.parametrize(
    ("id", "runs"),
    [
        ("degradation-gap-56", made(1.0, 60.0, 41.0, 41.0)),
        ("degradation-plain-deeper", made(61.0, 60.0, 0.5, 0.6)),
        ("degradation-underfitting", made(1.0, 60.0, 0.5, 0.6, unseen=12.0)),
        ("degradation-residual-flat", made(1.0, 60.0, 4.0, 0.6)),
    ],
)
def test_claims_fail_for_other_nets(id: str, runs: list[Run]) -> None:
    with pytest.raises(ClaimError, match=f"'{id}'"):
        claims.on_digits(runs, select(GOOD, depth=56, residual=True))


def test_claims_on_other_nets_fail_too() -> None:
    with pytest.raises(ClaimError, match="'degradation-skip-alone'"):
        claims.on_digits(GOOD, select(made(1.0, 60.0, 0.5, 50.0), depth=56, residual=True))
    with pytest.raises(ClaimError, match="'degradation-cifar10-plain'"):
        claims.on_cifar10(made(61.0, 60.0, 0.5, 0.6), RECORD)
    with pytest.raises(ClaimError, match="'degradation-cifar10-skip'"):
        claims.on_cifar10(made(1.0, 60.0, 0.5, 61.0), RECORD)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """CIFAR-10's layout with 26 images per file instead of 10,000."""
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


def small_record(out: Path, folder: Path, **options: Any) -> None:
    options = {"label": "random", "depths": (8,), "seeds": (0, 1), "recipe": SMALL, "workers": 1, **options}
    experiment.record(out, folder, **options)


def test_record_writes_runs_with_their_making(tmp_path: Path, folder: Path) -> None:
    out = tmp_path / "runs.json"
    small_record(out, folder)
    arms = list(product((False, True), (0, 1)))
    assert recorded_runs(out, Run) == [train(8, r, replace(SMALL, seed=seed), folder=folder) for r, seed in arms]
    content = json.loads(out.read_text())
    assert content["data"] == "random"
    assert content["provenance"].keys() >= {"commit", "date", "machine", "python", "torch"}
    assert Recipe(**content["recipe"]) == SMALL
    assert list((tmp_path / "runs.partial").iterdir()) == []  # checkpoints of finished runs are gone


def test_record_adds_to_what_is_recorded_and_keeps_it(tmp_path: Path, folder: Path) -> None:
    out = tmp_path / "runs.json"
    small_record(out, folder, seeds=(0,))
    content = json.loads(out.read_text())
    content["runs"][0]["train_error"] = 12.5  # as no net would have it that is trained again
    out.write_text(json.dumps(content))
    first, before = recorded_runs(out, Run), out.read_bytes()
    small_record(out, folder, seeds=(0,), recipe=replace(SMALL, seed=5))  # each run has its own seed in any case
    for other, field in (({"label": "CIFAR-10"}, "label"), ({"recipe": replace(SMALL, epochs=3)}, "epochs")):
        with pytest.raises(ValueError, match=f"was recorded with {field}="):
            small_record(out, folder, **other)
    assert out.read_bytes() == before
    small_record(out, folder, depths=(8, 14), seeds=(0,))
    runs = recorded_runs(out, Run)
    assert set(runs) > set(first)
    assert [(run.residual, run.depth) for run in runs] == list(product((False, True), (8, 14)))


def test_record_goes_on_where_it_was_cut_off(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deepest nets of a seed start first, so that workers end together, and a whole comparison is kept."""
    out = tmp_path / "runs.json"
    crops = CutOff(8 + 8 + 6)  # in the second epoch of the third network
    monkeypatch.setattr(nets, "crop_and_flip", crops)
    with pytest.raises(CutOffError):
        small_record(out, folder, depths=(8, 14))
    assert [(run.depth, run.residual, run.seed) for run in recorded_runs(out, Run)] == [(14, False, 0), (14, True, 0)]
    assert len(list((tmp_path / "runs.partial").iterdir())) == 1

    crops.step, crops.steps = -1, 0
    small_record(out, folder, depths=(8, 14))
    assert crops.steps == 4 + 5 * 8  # the third network trained only the epoch it lacked
    assert select(recorded_runs(out, Run), depth=8, residual=False)[0] == train(8, False, SMALL, folder=folder)
    assert list((tmp_path / "runs.partial").iterdir()) == []


def test_runs_of_another_experiment_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "runs.json"
    out.write_text('{"command": "", "provenance": {}, "runs": [{"curve": [], "depths": 3}]}')
    with pytest.raises(ValueError, match=r"part1\.degradation"):
        recorded_runs(out, Run)


def test_the_recorded_command_repeats_the_recording(tmp_path: Path, folder: Path) -> None:
    """Also after a second call that added to the first, and with a label that a shell would take apart."""
    out, again = tmp_path / "runs.json", tmp_path / "again.json"
    options = {"label": "somebody's (JPEG) $copy", "recipe": replace(experiment.CIFAR10_RECIPE, epochs=1)}
    small_record(out, folder, seeds=(1,), **options)
    small_record(out, folder, depths=(14,), seeds=(0,), **options)
    recorded = json.loads(out.read_text())
    places = {"FOLDER": str(folder), "results/runs.json": str(again)}
    name, *arguments = (places.get(word, word) for word in shlex.split(recorded["command"]))
    assert name == "residual-book"
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main([*arguments, "--workers", "1"])
    assert set(recorded_runs(out, Run)) <= set(recorded_runs(again, Run))
    repeated = json.loads(again.read_text())
    assert (repeated["data"], repeated["recipe"]) == (recorded["data"], recorded["recipe"])
