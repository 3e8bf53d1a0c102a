"""The training loop: seeds, schedule, device, progress bar, checkpoint and resume.

Told in `book/part2/training.md`. The optimizer is SGD with momentum and weight decay (He et al. 2015, section 4.2).
"""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from residual.training.checkpoint import History, load_checkpoint, save_checkpoint
from residual.training.recipe import Recipe

Augment = Callable[[Tensor, torch.Generator], Tensor]


class TrainingImages(Protocol):
    """What to train on, as `residual.vision.data` has it: images (N, C, H, W) and labels (N,)."""

    @property
    def train_images(self) -> Tensor: ...
    @property
    def train_labels(self) -> Tensor: ...


def fit(
    model: nn.Module,
    data: TrainingImages,
    recipe: Recipe,
    *,
    augment: Augment | None = None,
    device: torch.device | str | None = None,
    bf16: bool = False,
    forward: Callable[[Tensor], Tensor] | None = None,
    checkpoint: Path | None = None,
    writes: bool = True,
    progress: bool = True,
) -> History:
    """Train `model` in place and return its history.

    On a CPU, the same model, data, recipe and thread count give the same weights. With `checkpoint`, the state is
    written there after each epoch, and a run that was cut off continues from it to the result it would have had.

    Args:
        model: gives logits (N, classes) for images (N, C, H, W); its initial weights decide the result, too.
        data: only the training images are used.
        recipe: how to train.
        augment: changes a batch of images, given a generator; None leaves them as they are.
        device: where to train, such as "cuda". The model is moved there and stays; batches are moved there after their
            augmentation. None trains where the model is.
        bf16: run the forward pass under bfloat16 autocast. Only with hardware for it (on CPUs AMX or AVX512-BF16):
            without, it is many times slower.
        forward: gives the logits in place of `model`, by its weights: `residual.scale` splits the batch with it.
        checkpoint: a `.safetensors` file to write to, and to continue from if it exists.
        writes: write the checkpoint; of several processes that train one network, only one should.
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
    device = torch.device(device) if device is not None else next(model.parameters()).device
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form
    optimizer = sgd(model, recipe)
    history = History()
    if checkpoint is not None and checkpoint.exists():
        history = load_checkpoint(checkpoint, model, optimizer, recipe)

    model.train()
    steps = recipe.epochs * batches
    done = len(history.train_loss)
    with tqdm(total=steps, initial=done * batches, disable=not progress, leave=False) as bar:
        for epoch in range(done, recipe.epochs):
            # One generator per epoch, made from seed and epoch alone: a resumed run needs no random state from before.
            generator = torch.Generator().manual_seed(1_000_003 * recipe.seed + epoch)
            order = torch.randperm(len(images), generator=generator)[: batches * recipe.batch_size]
            total_loss, wrong = 0.0, 0
            for i, batch in enumerate(torch.split(order, recipe.batch_size)):
                x, y = images[batch], labels[batch]
                if augment is not None:
                    x = augment(x, generator)
                x, y = x.contiguous(memory_format=torch.channels_last).to(device), y.to(device)
                for group in optimizer.param_groups:
                    group["lr"] = recipe.learning_rate(epoch * batches + i, steps)
                with torch.autocast(device.type, dtype=torch.bfloat16) if bf16 else nullcontext():
                    logits = (forward or model)(x)
                    loss = F.cross_entropy(logits, y, label_smoothing=recipe.label_smoothing)
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
            if checkpoint is not None and writes:
                save_checkpoint(checkpoint, model, optimizer, recipe, history)
    return history


def sgd(model: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """The optimizer of `fit`: momentum, and weight decay on all parameters or on those that multiply their input."""
    decayed = [parameter for parameter in model.parameters() if recipe.decay_all or parameter.ndim > 1]
    rest = [parameter for parameter in model.parameters() if not (recipe.decay_all or parameter.ndim > 1)]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    # One kernel over all parameters: in deep, narrow nets the usual loop over them takes a tenth of a step.
    return torch.optim.SGD(groups, lr=recipe.peak_lr, momentum=recipe.momentum, fused=True)
