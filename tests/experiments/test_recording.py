"""What recordings share: a field that a recipe did not have yet stands for its default."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from residual.experiments.recording import alone, check_same, images_of
from residual.training import Recipe
from residual.vision.data import digits

RECIPE = Recipe(epochs=3, schedule="step")


def recorded(path: Path, recipe: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"data": "some", "command": "", "provenance": {}, "recipe": recipe, "runs": []}))
    return path


def test_a_recording_from_before_a_field_was_there_had_its_default(tmp_path: Path) -> None:
    older = {name: value for name, value in asdict(RECIPE).items() if name not in ("warmup", "label_smoothing")}
    out = recorded(tmp_path / "runs.json", older)
    check_same(out, RECIPE, label="some")
    with pytest.raises(ValueError, match=r"was recorded with warmup=0\.0, this run has 0\.1: write to another file"):
        check_same(out, Recipe(epochs=3, schedule="step", warmup=0.1), label="some")


def test_a_recording_without_a_recipe_is_another(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="was recorded with epochs=None, this run has 3"):
        check_same(recorded(tmp_path / "runs.json", {}), RECIPE, label="some")


def test_settings_count_and_seeds_do_not(tmp_path: Path) -> None:
    out = recorded(tmp_path / "runs.json", {**asdict(RECIPE), "seed": 7})
    check_same(out, RECIPE, label="some")
    with pytest.raises(ValueError, match="was recorded with images=None, this run has 5"):
        check_same(out, RECIPE, label="some", images=5)


def test_alone_is_one_thread_from_the_seed_and_leaves_no_trace() -> None:
    state, found = torch.get_rng_state(), []
    torch.set_num_threads(2)
    try:
        for seed in (4, 4, 5):
            with alone(seed):
                assert torch.get_num_threads() == 1
                found.append(torch.rand(1).item())
        with pytest.raises(ZeroDivisionError), alone(4):
            found.append(1 / 0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert found[0] == found[1] != found[2]
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_folder_the_images_are_the_digits() -> None:
    assert torch.equal(images_of(None).train_images, digits().train_images)
    assert images_of(None) is images_of(None)
