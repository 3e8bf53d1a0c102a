"""The recorded ablation: written after each network, gone on with, and repeated by the command it holds."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from residual import cli
from residual.experiments import ablation, ablation_cifar, recording
from residual.experiments.ablation import RECIPE, train
from residual.experiments.ablation_cifar import record, recorded_runs
from residual.vision import data

SMALL = replace(RECIPE, epochs=2, batch_size=20)  # two steps an epoch on 50 images


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """CIFAR-10's layout with 20 images a file instead of 10,000, two of each class."""
    monkeypatch.setattr(data, "CIFAR10_IMAGES_PER_FILE", 20)
    folder = tmp_path / "cifar"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (*data.CIFAR10_TRAIN, *data.CIFAR10_TEST):
        content = rng.integers(0, 256, (20, data.CIFAR10_RECORD), dtype=np.uint8)
        content[:, 0] = np.arange(20) % 10
        content.tofile(folder / name)
    (folder / "batches.meta.txt").write_text("\n".join("abcdefghij"))
    yield folder
    recording.images_of.cache_clear()


def small_record(out: Path, folder: Path, **options: Any) -> None:
    few = {"label": "random", "pieces": ("nothing", "augmentation"), "seeds": (0, 1), "images": 50, "recipe": SMALL}
    record(out, folder, **{**few, "workers": 1, **options})


def test_runs_are_those_of_the_experiment_and_say_how_they_were_made(tmp_path: Path, folder: Path) -> None:
    out = tmp_path / "runs.json"
    small_record(out, folder)
    runs = recorded_runs(out)
    assert [(r.without, r.seed) for r in runs] == [
        ("nothing", 0),
        ("nothing", 1),
        ("augmentation", 0),
        ("augmentation", 1),
    ]
    assert runs == [train(r.without, replace(SMALL, seed=r.seed), folder=folder, images=50) for r in runs]
    content = json.loads(out.read_text())
    assert (content["data"], content["images"]) == ("random", 50)
    assert content["provenance"].keys() >= {"commit", "date", "machine", "python", "torch"}
    assert list((tmp_path / "runs.partial").iterdir()) == []  # checkpoints of finished runs are gone


def test_a_recording_goes_on_where_it_was_cut_off(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = tmp_path / "whole.json", tmp_path / "runs.json"
    small_record(whole, folder, pieces=("nothing",))
    steps, crop = [0], ablation.crop_and_flip

    def cut_off(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        steps[0] += 1
        if steps[0] == 4 + 4:  # in the second epoch of the second network
            raise KeyboardInterrupt
        return crop(images, generator)

    monkeypatch.setattr(ablation, "crop_and_flip", cut_off)
    with pytest.raises(KeyboardInterrupt):
        small_record(out, folder, pieces=("nothing",))
    assert [run.seed for run in recorded_runs(out)] == [0]
    small_record(out, folder, pieces=("nothing",))
    assert steps[0] == 4 + 4 + 2  # only the epoch that was lacking
    assert recorded_runs(out) == recorded_runs(whole)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"label": "CIFAR-10"}, "label='random', this run has 'CIFAR-10'"),
        ({"images": 40}, "images=50, this run has 40"),
        ({"recipe": replace(SMALL, warmup=0.2)}, "warmup=0.1, this run has 0.2"),
    ],
)
def test_recordings_are_not_mixed(tmp_path: Path, folder: Path, options: dict[str, Any], said: str) -> None:
    out = tmp_path / "runs.json"
    small_record(out, folder, pieces=("nothing",), seeds=(0,))
    content = out.read_bytes()
    with pytest.raises(ValueError, match=f"was recorded with {said}: write to another file"):
        small_record(out, folder, **options)
    assert out.read_bytes() == content


def test_mistakes_are_said_before_anything_is_trained(tmp_path: Path, folder: Path) -> None:
    out = tmp_path / "runs.json"
    for options, said in (
        ({"pieces": ("dropout",)}, "without must be one of .*got 'dropout'"),
        ({"images": 55}, "images must be as many of each of 10 classes, at most 10 of one, got 55"),
    ):
        with pytest.raises(ValueError, match=said):
            small_record(out, folder, **options)
    assert not out.exists()


def test_another_experiments_recording(tmp_path: Path) -> None:
    out = tmp_path / "runs.json"
    out.write_text('{"command": "", "provenance": {}, "runs": [{"curve": [], "depth": 20}]}')
    with pytest.raises(ValueError, match="expected runs of the ablation experiment"):
        recorded_runs(out)


def test_the_recorded_command_repeats_the_recording(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a second call that added to the first."""
    out, recipe, label = tmp_path / "runs.json", replace(RECIPE, epochs=1, batch_size=50), "somebody's (JPEG) $copy"
    monkeypatch.setattr(ablation, "RECIPE", recipe)
    small_record(out, folder, label=label, recipe=recipe, pieces=("He initialization",), seeds=(1,))
    small_record(out, folder, label=label, recipe=recipe, pieces=("nothing",), seeds=(0,))
    called: dict[str, Any] = {}
    monkeypatch.setattr(ablation_cifar, "record", lambda *arguments, **options: called.update(options, to=arguments))
    name, *arguments = shlex.split(json.loads(out.read_text())["command"])
    assert name == "residual"
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main(arguments)
    assert called.pop("to") == (Path("results/runs.json"), Path("FOLDER"))
    pieces = ["nothing", "He initialization"]
    expected = {"label": label, "pieces": pieces, "seeds": [0, 1], "images": 50, "recipe": recipe, "workers": 2}
    assert called == expected
