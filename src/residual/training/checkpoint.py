"""The state of a training run on disk.

Told in `book/part2/training.md`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from residual.storage import read_tensors, write_tensors
from residual.training.recipe import Recipe
from residual.training.states import bare, fitted

_STATES = ("momentum_buffer", "step", "exp_avg", "exp_avg_sq")  # of SGD and of AdamW, for each parameter
_SAVED = {"momentum_buffer": "momentum"}  # the name in the file, where it differs
WHAT = "a whole checkpoint of a training run (remove the file to train from the start)"


@dataclass
class History:
    """What happened in a training run: one value per epoch, measured over the batches as they were trained on.

    An epoch is a pass over the images; of other runs, the steps after which `train` was told to look. Where the run had
    something to validate on, `valid_loss` has a value from before the first step, and one per epoch.
    """

    train_loss: list[float] = field(default_factory=list)
    train_error: list[float] = field(default_factory=list)  # percent
    valid_loss: list[float] = field(default_factory=list)


def save_checkpoint(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    history: History,
    run: Mapping[str, Any] | None = None,
    best: Mapping[str, Tensor] | None = None,
) -> None:
    """Write weights, the optimizer's state, recipe and history to one safetensors file, whole or not at all.

    Besides, what else decides the `run`, and the `best` weights so far, if it looks for them.

    It is the same file for a network that is compiled, or wrapped in DataParallel, and continues it with or without.
    """
    tensors = {f"model.{key}": value for key, value in bare(model.state_dict()).items()}
    for i, parameter in enumerate(model.parameters()):
        for name, value in optimizer.state[parameter].items():
            if value is not None:  # there is none with momentum=0, nor for a frozen parameter
                tensors[f"{_SAVED.get(name, name)}.{i}"] = value
    tensors |= {f"best.{key}": value for key, value in bare(best or {}).items()}
    texts = {"recipe": asdict(recipe), "history": asdict(history), "run": dict(run or {})}
    write_tensors(path, tensors, {name: json.dumps(text) for name, text in texts.items()})


def load_checkpoint(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    run: Mapping[str, Any] | None = None,
) -> History:
    """Restore `model` and `optimizer` in place from `save_checkpoint`'s file and return the history so far.

    The state goes to the device that each parameter is on, wherever it was saved from.

    Raises:
        ValueError: for a damaged file, another recipe or another network; `model` and `optimizer` stay as they were.
    """
    tensors, metadata = read_tensors(path, what=WHAT)
    try:
        saved, history = dict(json.loads(metadata["recipe"])), History(**json.loads(metadata["history"]))
        saved_run = dict(json.loads(metadata.get("run", "{}")))  # earlier versions of this package wrote none
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected {WHAT}, got {type(error).__name__}: {error}") from error
    wanted = asdict(recipe)
    if saved.keys() != wanted.keys():
        raise ValueError(
            f"{path}: checkpoint was made by another version of this package: only one of its recipe and this run's has"
            f" {', '.join(sorted(saved.keys() ^ wanted.keys()))}; remove the file to train from the start"
        )
    wanted |= {name: value for name, value in (run or {}).items() if name in saved_run}
    for name, value in wanted.items():
        if (had := (saved | saved_run)[name]) != value:
            raise ValueError(f"{path}: checkpoint was made with {name}={had!r}, this run has {value!r}")
    weights = {key.removeprefix("model."): value for key, value in tensors.items() if key.startswith("model.")}
    model.load_state_dict(fitted(path, bare(weights), model))
    for i, parameter in enumerate(model.parameters()):
        for name in _STATES:
            if (value := tensors.get(f"{_SAVED.get(name, name)}.{i}")) is not None:
                layout = torch.channels_last if value.dim() == 4 else torch.contiguous_format
                optimizer.state[parameter][name] = value.to(parameter.device, memory_format=layout, copy=True)
    return history


def best_weights(path: Path, model: nn.Module) -> dict[str, Tensor]:
    """The best weights that `save_checkpoint` wrote, as `model.load_state_dict` takes them; none if it had none."""
    tensors, _ = read_tensors(path, what=WHAT)
    best = {key.removeprefix("best."): value for key, value in tensors.items() if key.startswith("best.")}
    return fitted(path, best, model) if best else {}
