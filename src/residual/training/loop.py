"""The training loop: seeds, schedule, device, progress bar, checkpoint and resume, early stopping.

Told in `book/part2/training.md`. `train` is the loop, whatever is learned from whatever batches. `fit` trains a network
on labeled images with it, by SGD with momentum and weight decay (He et al. 2015, section 4.2); `residual.tabular` has
the objectives for tables.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from residual.training.checkpoint import History, best_weights, load_checkpoint, save_checkpoint
from residual.training.recipe import Recipe

Augment = Callable[[Tensor, torch.Generator], Tensor]
B = TypeVar("B")


class TrainingImages(Protocol):
    """What to train on, as `residual.vision.data` has it: images (N, C, H, W) and labels (N,)."""

    @property
    def train_images(self) -> Tensor: ...
    @property
    def train_labels(self) -> Tensor: ...


class Judged(NamedTuple):
    """What an objective says of a batch: the loss, and how many answers were wrong, of how many."""

    loss: Tensor
    wrong: Tensor
    answers: int


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    batches: Callable[[int], Iterator[B]],
    objective: Callable[[B], Judged],
    *,
    steps: int,
    every: int,
    validate: Callable[[], float] | None = None,
    checkpoint: Path | None = None,
    writes: bool = True,
    progress: bool = True,
) -> History:
    """Train `model` in place and return its history.

    On a CPU, the same model, batches, recipe and thread count give the same weights. With `checkpoint`, a run that was
    cut off continues from there to the result it would have had, unless the model draws random numbers (dropout).

    Args:
        model: what is trained; its initial weights decide the result, too.
        optimizer: of the model's parameters, SGD or AdamW. The recipe gives the learning rate of each step.
        recipe: how to train.
        batches: the batches from a step on (from 0), the same ones however often it is asked.
        objective: what to make of a batch.
        steps: of the whole run.
        every: number of steps after which the history grows by one value, and the state is written.
        validate: a loss on what is not trained on, measured before the first step and then as often. In the end the
            model has the weights of the lowest one, which may be those that it came with (early stopping).
        checkpoint: a `.safetensors` file to write to, and to continue from if it exists.
        writes: write the checkpoint; of several processes that train one network, only one should.
        progress: show a bar.

    Raises:
        ValueError: for a checkpoint of another network (names the keys that differ), another recipe or another run
            (names the field), or one that is damaged; and for batches that end before the last step.
        FloatingPointError: when a loss is no longer finite; names epoch, a number of `every` steps, and step.
    """
    history, best = History(), dict[str, Tensor]()
    run = {"steps": steps, "every": every, "validates": validate is not None}
    if checkpoint is not None and checkpoint.exists():
        history = load_checkpoint(checkpoint, model, optimizer, recipe, run)
        best = best_weights(checkpoint, model)
    elif validate is not None:
        history.valid_loss, best = [_finite(validate(), "before the first step")], _copied(model)
    done = min(len(history.train_loss) * every, steps)
    stream = batches(done)
    with tqdm(total=steps, initial=done, disable=not progress, leave=False) as bar:
        while done < steps:
            total_loss, wrong, answers, ahead = 0.0, 0, 0, min(every, steps - done)
            model.train()
            step = done - 1
            for step, batch in enumerate(islice(stream, ahead), start=done):
                for group in optimizer.param_groups:
                    group["lr"] = recipe.learning_rate(step, steps)
                judged = objective(batch)
                if not torch.isfinite(judged.loss):
                    where = f"epoch {step // every}, step {step % every}"
                    raise FloatingPointError(f"loss is {judged.loss.item()} in {where}: lower peak_lr")
                optimizer.zero_grad()
                judged.loss.backward()
                optimizer.step()
                total_loss += judged.loss.item()
                wrong += int(judged.wrong)
                answers += judged.answers
                bar.update()
            done += ahead
            if step + 1 < done:
                raise ValueError(f"batches end after step {step + 1}, expected {steps} steps")
            history.train_loss.append(total_loss / ahead)
            history.train_error.append(100 * wrong / max(answers, 1))
            bar.set_postfix(loss=f"{history.train_loss[-1]:.3f}", error=f"{history.train_error[-1]:.1f}%")
            if validate is not None:
                loss = _finite(validate(), f"on validation after step {done}")
                if loss < min(history.valid_loss):
                    best = _copied(model)
                history.valid_loss.append(loss)
            if checkpoint is not None and writes:
                save_checkpoint(checkpoint, model, optimizer, recipe, history, run, best)
    if best:
        model.load_state_dict(best)
    return history


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
    """Train `model` in place on labeled images, by `train`, and return its history, one value per epoch.

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
        checkpoint, writes, progress: as of `train`.

    Raises:
        ValueError: as `train`, and for fewer training images than one batch.
        FloatingPointError: as `train`.
    """
    images, labels = data.train_images, data.train_labels
    per_epoch = len(images) // recipe.batch_size
    if per_epoch == 0:
        raise ValueError(f"batch_size must be at most the {len(images)} training images, got {recipe.batch_size}")
    device = torch.device(device) if device is not None else next(model.parameters()).device
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form

    def batches(step: int) -> Iterator[tuple[Tensor, Tensor]]:
        for epoch in range(step // per_epoch, recipe.epochs):
            # One generator per epoch, made from seed and epoch alone: a resumed run needs no random state from before.
            generator = torch.Generator().manual_seed(1_000_003 * recipe.seed + epoch)
            order = torch.randperm(len(images), generator=generator)[: per_epoch * recipe.batch_size]
            for batch in torch.split(order, recipe.batch_size):
                x = images[batch] if augment is None else augment(images[batch], generator)
                yield x.contiguous(memory_format=torch.channels_last).to(device), labels[batch].to(device)

    def classify(batch: tuple[Tensor, Tensor]) -> Judged:
        x, y = batch
        with torch.autocast(device.type, dtype=torch.bfloat16) if bf16 else nullcontext():
            logits = (forward or model)(x)
            loss = F.cross_entropy(logits, y, label_smoothing=recipe.label_smoothing)
        return Judged(loss, (logits.argmax(1) != y).sum(), len(y))

    return train(
        model, sgd(model, recipe), recipe, batches, classify,
        steps=recipe.epochs * per_epoch, every=per_epoch, checkpoint=checkpoint, writes=writes, progress=progress,
    )  # fmt: skip


def _finite(loss: float, where: str) -> float:
    if not isfinite(loss):
        raise FloatingPointError(f"loss is {loss} {where}: lower peak_lr")
    return loss


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in model.state_dict().items()}


def sgd(model: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """The optimizer of `fit`: momentum, and weight decay on all parameters or on those that multiply their input."""
    decayed = [parameter for parameter in model.parameters() if recipe.decay_all or parameter.ndim > 1]
    rest = [parameter for parameter in model.parameters() if not (recipe.decay_all or parameter.ndim > 1)]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    # One kernel over all parameters: in deep, narrow nets the usual loop over them takes a tenth of a step.
    return torch.optim.SGD(groups, lr=recipe.peak_lr, momentum=recipe.momentum, fused=True)


def adamw(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019), as Gorishniy et al. (2021) train on tables.

    Weights of linear layers and embeddings decay; biases and the parameters of batch norm do not.
    """
    decayed, rest = ([p for p in model.parameters() if (p.ndim > 1) == many] for many in (True, False))
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.peak_lr, fused=True)
