"""A training run that is killed in the middle of an epoch, and another process that goes on with it.

Told in `book/part2/training.md`.
"""

import multiprocessing
import os
import signal
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from residual.experiments.ablation import RECIPE, network, shift
from residual.experiments.recording import alone, images_of
from residual.training import History, Recipe, fit
from residual.vision.cifar import CifarNet


class KillAt:
    """Shifts images until the run reaches a step (from 0); there it kills its own process, as `kill -9` would."""

    def __init__(self, step: int) -> None:
        self.step, self.steps = step, 0

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        if self.steps == self.step:
            os.kill(os.getpid(), signal.SIGKILL)
        self.steps += 1
        return shift(images, generator)


def train(recipe: Recipe, augment: KillAt, checkpoint: Path | None = None) -> tuple[CifarNet, History]:
    """Train ResNet-20 on the digits."""
    data = images_of(None)
    with alone(recipe.seed):
        model = network(data.channels)
        return model, fit(model, data, recipe, augment=augment, checkpoint=checkpoint, progress=False)


@dataclass(frozen=True)
class Interruption:
    """What became of a run that was killed.

    Attributes:
        ended_by: the signal that ended its process.
        steps: that a run has.
        killed_at: the step (from 0) that the killed run did not reach.
        done_again: steps of the run that went on, from the last checkpoint to the end.
        model: the network of the run that went on.
        history: likewise, with the epochs before the kill.
        differing: names of weights and buffers that are not, bit for bit, those of a run that nobody killed.
    """

    ended_by: str
    steps: int
    killed_at: int
    done_again: int
    model: CifarNet
    history: History
    differing: tuple[str, ...]


def interrupt(recipe: Recipe = RECIPE) -> Interruption:
    """Train in a process that is killed halfway, go on in this one, and compare with a run that nobody killed.

    Raises:
        RuntimeError: where the process ended by itself.
    """
    steps = recipe.epochs * (len(images_of(None).train_images) // recipe.batch_size)
    with TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "run.safetensors"
        killed = start(recipe, KillAt(steps // 2), checkpoint)
        whole, _ = train(recipe, KillAt(steps))  # meanwhile; no run reaches that step
        ended_by = signal_that_ended(killed)
        rest = KillAt(steps)
        model, history = train(recipe, rest, checkpoint)
    expected = whole.state_dict()
    return Interruption(
        ended_by=ended_by,
        steps=steps,
        killed_at=steps // 2,
        done_again=rest.steps,
        model=model,
        history=history,
        differing=tuple(key for key, value in model.state_dict().items() if not torch.equal(value, expected[key])),
    )


def start(recipe: Recipe, augment: KillAt, checkpoint: Path) -> SpawnProcess:
    """Train in a process of its own."""
    process = multiprocessing.get_context("spawn").Process(target=train, args=(recipe, augment, checkpoint))
    process.start()
    return process


def signal_that_ended(process: SpawnProcess) -> str:
    """Wait for the process and say which signal ended it.

    Raises:
        RuntimeError: where it ended by itself.
    """
    process.join()
    if process.exitcode is None or process.exitcode >= 0:
        raise RuntimeError(f"the process was to be killed, and ended with {process.exitcode}")
    return signal.Signals(-process.exitcode).name
