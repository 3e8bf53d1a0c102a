"""A training run that is killed in the middle of an epoch, and another process that goes on with it."""

import multiprocessing
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from residual.training import Recipe, fit
from residual.vision.cifar import CifarNet
from residual_book.part2.training.ablation import RECIPE, network, shift
from residual_book.recording import alone, images_of


class KillAt:
    """Shifts images until the run reaches a step (from 0); there it kills its own process, as `kill -9` would."""

    def __init__(self, step: int) -> None:
        self.step, self.steps = step, 0

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        if self.steps == self.step:
            os.kill(os.getpid(), signal.SIGKILL)
        self.steps += 1
        return shift(images, generator)


def train(recipe: Recipe, augment: KillAt, checkpoint: Path | None = None) -> CifarNet:
    """Train ResNet-20 on the digits."""
    data = images_of(None)
    with alone(recipe.seed):
        model = network(data.channels)
        fit(model, data, recipe, augment=augment, checkpoint=checkpoint, progress=False)
        return model


@dataclass(frozen=True)
class Interruption:
    """What became of a run that was killed.

    Attributes:
        ended_by: the signal that ended its process.
        steps: how many a whole run takes.
        killed_at: the step (from 0) that the killed run did not reach.
        done_again: steps of the run that went on, from the last checkpoint to the end.
        model: the network of the run that went on.
        differing: names of weights and buffers that are not, bit for bit, those of a run that nobody killed.
    """

    ended_by: str
    steps: int
    killed_at: int
    done_again: int
    model: CifarNet
    differing: tuple[str, ...]


def interrupt(recipe: Recipe = RECIPE) -> Interruption:
    """Train in a process that is killed halfway, go on in this one, and compare with a run that nobody killed.

    Raises:
        ValueError: where the process ended by itself: its exit code is no signal's.
    """
    steps = recipe.epochs * (len(images_of(None).train_images) // recipe.batch_size)
    with TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "run.safetensors"
        arguments = (recipe, KillAt(steps // 2), checkpoint)
        process = multiprocessing.get_context("spawn").Process(target=train, args=arguments)
        process.start()
        whole = train(recipe, KillAt(steps))  # meanwhile; no run reaches that step
        process.join()
        ended_by = signal.Signals(-(process.exitcode or 0)).name
        rest = KillAt(steps)
        model = train(recipe, rest, checkpoint)
    return Interruption(ended_by, steps, steps // 2, rest.steps, model, differing(model, whole))


def differing(model: nn.Module, other: nn.Module) -> tuple[str, ...]:
    """Names of the weights and buffers in which two networks of one kind differ by any bit."""
    expected = other.state_dict()
    return tuple(name for name, value in model.state_dict().items() if not torch.equal(value, expected[name]))
