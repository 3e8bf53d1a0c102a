"""Two processes train to the weights and the history of one; what ends one of them ends the job."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch
from safetensors.torch import load_file
from scale_worker import CHECKPOINT, DTYPES, NETS, RECIPE, images, net
from torch import Tensor

from residual.scale import Processes, fit_together
from residual.training import History, fit
from residual.training.checkpoint import load_checkpoint
from residual.training.loop import sgd
from residual.vision.data import crop_and_flip

# One process sums over eight images, two over four and four, so results differ by rounding, which eight steps with
# momentum pass on and add to: a float32 is good to 6e-8 of its size, a float64 to 1e-16. A longer run in float32 says
# less. Where an activation lies so near zero that rounding decides what ReLU does to it, the two runs part from there.
CLOSE = {torch.float32: 1e-5, torch.float64: 1e-12}


def alone(block: str = "basic", dtype: torch.dtype = torch.float32) -> tuple[dict[str, Tensor], History]:
    model = net(block).to(dtype)
    history = fit(model, images(dtype), RECIPE, augment=crop_and_flip, progress=False)
    return model.state_dict(), history


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float) -> None:
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(
            found[key], value, rtol=tolerance, atol=tolerance, msg=lambda text, key=key: f"{key}: {text}"
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("block", NETS)
def test_two_processes_train_to_the_weights_and_history_of_one(together: Path, block: str, dtype: torch.dtype) -> None:
    """The second began with other weights, so the first's were everybody's."""
    weights, history = alone(block, dtype)
    first, second = (load_file(together / f"{block}-{dtype}-{rank}.safetensors") for rank in (0, 1))
    assert_close(first, weights, CLOSE[dtype])
    assert all(torch.equal(first[key], second[key]) for key in first)
    # The losses and errors that the loop saw are the whole batch's, in each process.
    said = [json.loads((together / f"{block}-{dtype}-{rank}.json").read_text()) for rank in (0, 1)]
    assert said[0] == said[1]
    for name, values in asdict(history).items():
        assert said[0][name] == pytest.approx(values, rel=CLOSE[dtype])


def test_the_weights_moved_far_more_than_the_tolerance() -> None:
    """So that agreement says something."""
    before = net().state_dict()
    moved = {key: float((value - before[key]).abs().max()) for key, value in alone()[0].items()}
    assert min(moved.values()) > 1e-3


def test_a_loss_that_is_not_finite_in_one_process_ends_all(together: Path) -> None:
    for rank in (0, 1):
        said = (together / f"poisoned-{rank}.txt").read_text()
        assert said.startswith("loss is nan in epoch 0, step 0")


def after(checkpoint: Path) -> tuple[dict[str, Tensor], History]:
    model = net(seed=5)
    history = load_checkpoint(checkpoint, model, sgd(model, RECIPE), RECIPE)
    return model.state_dict(), history


def test_a_killed_process_ends_the_job(killed: tuple[Path, CompletedProcess[str]]) -> None:
    """SIGKILL to one of two in the second epoch. What is left is the first epoch's checkpoint, whole."""
    folder, job = killed
    assert job.returncode != 0
    assert "Signal 9 (SIGKILL)" in job.stderr
    assert [path.name for path in folder.iterdir()] == [CHECKPOINT]
    assert len(after(folder / CHECKPOINT)[1].train_loss) == 1


def test_another_job_continues_to_the_same_result(together: Path) -> None:
    weights, history = alone()
    found, its_history = after(together / CHECKPOINT)
    assert_close(found, weights, CLOSE[torch.float32])
    assert its_history.train_loss == pytest.approx(history.train_loss, rel=CLOSE[torch.float32])


def test_alone_it_is_fit() -> None:
    model = net()
    history = fit_together(model, images(), RECIPE, Processes(0, 1), augment=crop_and_flip, progress=False)
    weights, expected = alone()
    assert history == expected
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize(("batch_size", "count"), [(8, 3), (7, 2), (1, 2)])
def test_a_batch_that_cannot_be_shared_equally(batch_size: int, count: int) -> None:
    model, before = net(), net()
    with pytest.raises(
        ValueError, match=f"batch_size must be a multiple of the {count} processes, .*, got {batch_size}$"
    ):
        fit_together(model, images(), replace(RECIPE, batch_size=batch_size), Processes(0, count), progress=False)
    assert all(torch.equal(value, before.state_dict()[key]) for key, value in model.state_dict().items())
