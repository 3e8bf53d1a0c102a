"""One training loop for every page: seeds, schedule, progress bar, checkpoint and resume.

Told in `book/part1/degradation.md`. The recipe is SGD with momentum and weight decay (He et al. 2015, section 4.2).
"""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from tqdm import tqdm

from residual.files import write_atomically

Augment = Callable[[Tensor, torch.Generator], Tensor]


class TrainingImages(Protocol):
    """What to train on, as `residual.vision.data` has it: images (N, C, H, W) and labels (N,)."""

    @property
    def train_images(self) -> Tensor: ...
    @property
    def train_labels(self) -> Tensor: ...


@dataclass(frozen=True)
class Recipe:
    """How to train: everything that, with a network and its data, decides the result.

    Attributes:
        epochs: passes over the training images.
        batch_size: images a step; a last, smaller batch is dropped so that batch norm never sees a handful of images.
        peak_lr: the schedule's highest learning rate.
        schedule: "one-cycle" (up and down once, for short runs) or "step" (a tenth after 1/2 and 3/4 of the steps).
        momentum: of SGD.
        weight_decay: of SGD, on all parameters.
        seed: of the order of the images and of the augmentation.
    """

    epochs: int
    batch_size: int = 128
    peak_lr: float = 0.1
    schedule: str = "one-cycle"
    momentum: float = 0.9
    weight_decay: float = 1e-4
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.schedule not in ("one-cycle", "step"):
            raise ValueError(f"schedule must be 'one-cycle' or 'step', got {self.schedule!r}")

    def learning_rate(self, step: int, steps: int) -> float:
        """Learning rate of step `step` (from 0) of `steps`.

        One-cycle is the one of torch's `OneCycleLR` (Smith & Topin 2017): cosine from 1/25 of the peak up to it in the
        first 30 % of the steps, then cosine down to 1/250,000. Step is the one of He et al. (2015).

        Raises:
            ValueError: for a step outside the run.
        """
        if not 0 <= step < steps:
            raise ValueError(f"step must be 0 to {steps - 1} in a run of {steps} steps, got {step}")
        if self.schedule == "step":
            return self.peak_lr * 0.1 ** ((2 * step >= steps) + (4 * step >= 3 * steps))
        start, end = self.peak_lr / 25, self.peak_lr / 250_000
        top = 0.3 * steps - 1
        if step <= top:
            return _cosine(start, self.peak_lr, step / top)
        return _cosine(self.peak_lr, end, (step - top) / (steps - 1 - top))


def _cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


@dataclass
class History:
    """What a training run left behind: a value an epoch, measured over the batches as they were trained on."""

    train_loss: list[float] = field(default_factory=list)
    train_error: list[float] = field(default_factory=list)  # percent


def fit(
    model: nn.Module,
    data: TrainingImages,
    recipe: Recipe,
    *,
    augment: Augment | None = None,
    bf16: bool = False,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> History:
    """Train `model` in place and return its history.

    Same model, data, recipe and thread count give the same weights. With `checkpoint`, the state is written there after
    each epoch and a run that was cut off goes on from it to the result it would have had.

    Args:
        model: gives logits (N, classes) for images (N, C, H, W); what its initial weights are decides the result too.
        data: only the training images are used.
        recipe: how to train.
        augment: changes a batch of images, given a generator; None leaves them as they are.
        bf16: run the forward pass under bfloat16 autocast. Only with hardware for it (AMX, AVX512-BF16): without,
            it is slower many times over.
        checkpoint: a `.safetensors` file to write to, and to go on from where it exists.
        progress: show a bar.

    Raises:
        ValueError: for a checkpoint of another network (names the keys that differ) or another recipe (names the
            field), one that is damaged, or fewer training images than one batch.
        FloatingPointError: when the loss is no longer finite; names epoch and step.
    """
    images, labels = data.train_images, data.train_labels
    batches = len(images) // recipe.batch_size
    if batches == 0:
        raise ValueError(f"batch_size must be at most the {len(images)} training images, got {recipe.batch_size}")
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form
    optimizer = torch.optim.SGD(
        model.parameters(), lr=recipe.peak_lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    history = History()
    if checkpoint is not None and checkpoint.exists():
        history = load_checkpoint(checkpoint, model, optimizer, recipe)

    model.train()
    steps = recipe.epochs * batches
    done = len(history.train_loss)
    with tqdm(total=steps, initial=done * batches, disable=not progress, leave=False) as bar:
        for epoch in range(done, recipe.epochs):
            # One generator an epoch, made from seed and epoch alone: a resumed run needs no random state from before.
            generator = torch.Generator().manual_seed(1_000_003 * recipe.seed + epoch)
            order = torch.randperm(len(images), generator=generator)[: batches * recipe.batch_size]
            total_loss, wrong = 0.0, 0
            for i, batch in enumerate(torch.split(order, recipe.batch_size)):
                x, y = images[batch], labels[batch]
                if augment is not None:
                    x = augment(x, generator)
                x = x.contiguous(memory_format=torch.channels_last)
                for group in optimizer.param_groups:
                    group["lr"] = recipe.learning_rate(epoch * batches + i, steps)
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                    logits = model(x)
                    loss = F.cross_entropy(logits, y)
                if not torch.isfinite(loss):
                    raise FloatingPointError(f"loss is {loss.item()} in epoch {epoch}, step {i}: lower peak_lr")
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total_loss += loss.item()
                wrong += int((logits.argmax(1) != y).sum())
                bar.update()
            history.train_loss.append(total_loss / batches)
            history.train_error.append(100 * wrong / len(order))
            bar.set_postfix(loss=f"{history.train_loss[-1]:.3f}", error=f"{history.train_error[-1]:.1f}%")
            if checkpoint is not None:
                save_checkpoint(checkpoint, model, optimizer, recipe, history)
    return history


@torch.no_grad()
def error_rate(model: nn.Module, images: Tensor, labels: Tensor, *, batch_size: int = 500) -> float:
    """Percent of `images` (N, C, H, W) that `model`, in evaluation mode, gives another label than `labels` (N,).

    Raises:
        ValueError: for no images, or another number of labels.
    """
    if len(images) == 0 or len(images) != len(labels):
        raise ValueError(f"labels must be one an image, for at least one image, got {len(labels)} for {len(images)}")
    was_training = model.training
    model.eval()
    wrong = 0
    for x, y in zip(torch.split(images, batch_size), torch.split(labels, batch_size), strict=True):
        wrong += int((model(x.contiguous(memory_format=torch.channels_last)).argmax(1) != y).sum())
    model.train(was_training)
    return 100 * wrong / len(images)


def save_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.SGD, recipe: Recipe, history: History) -> None:
    """Write weights, momentum, recipe and history to one safetensors file, whole or not at all."""
    tensors = {f"model.{key}": value.contiguous() for key, value in model.state_dict().items()}
    for i, parameter in enumerate(model.parameters()):
        momentum = optimizer.state[parameter].get("momentum_buffer")
        if momentum is not None:  # there is none with momentum=0, nor for a frozen parameter
            tensors[f"momentum.{i}"] = momentum.contiguous()
    metadata = {"recipe": json.dumps(asdict(recipe)), "history": json.dumps(asdict(history))}
    write_atomically(path, save(tensors, metadata=metadata))


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.SGD, recipe: Recipe) -> History:
    """Restore `model` and `optimizer` in place from `save_checkpoint`'s file and return the history so far.

    Raises:
        ValueError: for a damaged file, another recipe or another network; `model` and `optimizer` stay as they were.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a mapping
        saved, history = json.loads(metadata["recipe"]), History(**json.loads(metadata["history"]))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: expected a whole checkpoint of a training run, got {type(error).__name__}: {error};"
            " remove the file to train from the start"
        ) from error
    for name, wanted in asdict(recipe).items():
        if saved.get(name) != wanted:
            raise ValueError(f"{path}: checkpoint was made with {name}={saved.get(name)!r}, this run has {wanted!r}")
    weights = {key.removeprefix("model."): value for key, value in tensors.items() if key.startswith("model.")}
    _check_keys(path, weights, model.state_dict())
    model.load_state_dict(weights)
    for i, parameter in enumerate(model.parameters()):
        if f"momentum.{i}" in tensors:
            layout = torch.channels_last if parameter.dim() == 4 else torch.contiguous_format
            optimizer.state[parameter]["momentum_buffer"] = tensors[f"momentum.{i}"].clone().to(memory_format=layout)
    return history


def _check_keys(path: Path, saved: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    differences = {
        "missing": sorted(wanted.keys() - saved.keys()),
        "unexpected": sorted(saved.keys() - wanted.keys()),
        "of another shape": sorted(
            f"{key} {tuple(saved[key].shape)} instead of {tuple(wanted[key].shape)}"
            for key in wanted.keys() & saved.keys()
            if saved[key].shape != wanted[key].shape
        ),
    }
    if any(differences.values()):
        text = "; ".join(f"{len(keys)} {what}: {_some(keys)}" for what, keys in differences.items() if keys)
        raise ValueError(f"{path}: checkpoint is from another network: {text}")


def _some(keys: list[str], most: int = 6) -> str:
    return ", ".join(keys[:most]) + (f", and {len(keys) - most} more" if len(keys) > most else "")
