"""The JAX twin beside the torch net: how far apart they are, block by block, in their logits, in training.

Told in `book/part2/jax.md`.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from residual import nnx as jax_twin
from residual import vision
from residual.nnx import parallel
from residual.vision.data import digits

SEEDS = (0, 1, 2)
TRAINING_SEEDS = (0, 1, 2, 3, 4)
DEVICES = 4
SIZE = 64  # of the images: height and width
NETS: dict[int, Callable[[], vision.ResNet]] = {
    18: vision.resnet18,
    34: vision.resnet34,
    50: vision.resnet50,
    101: vision.resnet101,
    152: vision.resnet152,
}
SGD: dict[str, Any] = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4}


def settled_net(depth: int, seed: int, *, scaled: bool) -> vision.ResNet:
    """A torch net in evaluation mode whose batch norm is as after training: every channel's own, and fit for its input.

    Weights of batch norm are drawn from 0.5 to 1.5, biases from -0.2 to 0.2, so that a channel out of its place shows;
    running statistics are those of eight random images.

    Args:
        depth: a key of `NETS`.
        seed: of weights and images.
        scaled: divide what each block adds to its skip by the root of the number of blocks, so that all blocks together
            add about as much as enters the first. Without it a deep net of random weights enlarges each rounding error.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = NETS[depth]()
        norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.2, 0.2)
        images = torch.randn(8, model.in_channels, SIZE, SIZE)
    if scaled:
        blocks = model.blocks()
        for block in blocks:
            last = block.get_submodule(block.folds[-1][1])
            for parameter in last.parameters():
                parameter.data /= len(blocks) ** 0.5
    for norm in norms:
        norm.momentum = None  # torch's word for the mean over all batches, of which there is one
    with torch.no_grad():
        model.train()(images)
    for norm in norms:
        norm.momentum = 0.1
    return model.eval()


@dataclass(frozen=True)
class Blocks:
    """Distances between a net's activations as computed in two ways: after the stem, after each block, and the logits.

    Frobenius norms of the difference, over the norm of the activation.

    Attributes:
        seed: of weights and images.
        twin: the twin's from torch's.
        rounding: torch's own, float32 from float64.
    """

    seed: int
    twin: tuple[float, ...]
    rounding: tuple[float, ...]


def compare_blocks(seed: int, *, depth: int = 50) -> Blocks:
    """How far the twin is from torch after each block of one net of random weights, on two images."""
    model = settled_net(depth, seed, scaled=False)
    images = _images(seed)
    twin = jax_twin.from_torch(model)
    twins = [torch.from_numpy(np.array(a)) for a in _activations(twin, _channels_last(images))]
    twins = [a.permute(0, 3, 1, 2) if a.ndim == 4 else a for a in twins]
    with torch.no_grad():
        torchs = list(_activations(model, images))
        exact = list(_activations(model.double(), images.double()))
    return Blocks(seed, _distances(twins, torchs), _distances(torchs, exact))


def _activations(model: Any, images: Any) -> Iterator[Any]:
    """Torch net or twin: both have the same parts by the same names."""
    x = model.stem(images)
    yield x
    for block in model.blocks():
        x = block(x)
        yield x
    yield model(images)


def _distances(ones: Sequence[Tensor], others: Sequence[Tensor]) -> tuple[float, ...]:
    return tuple(float((a - b).norm() / b.norm()) for a, b in zip(ones, others, strict=True))


@dataclass(frozen=True)
class Logits:
    """Largest differences between one net's logits as computed in two ways.

    Attributes:
        depth: of the net.
        seed: of weights and images.
        twin: the twin's from torch's.
        rounding: torch's own, float32 from float64.
        scale: the largest logit.
    """

    depth: int
    seed: int
    twin: float
    rounding: float
    scale: float


def compare_logits(depth: int, seed: int) -> Logits:
    """Torch and twin on two images, from the same weights."""
    model = settled_net(depth, seed, scaled=True)
    images = _images(seed)
    twins = torch.from_numpy(np.array(jax_twin.from_torch(model)(_channels_last(images))))
    with torch.no_grad():
        logits = model(images)
        exact = model.double()(images.double())
    return Logits(depth, seed, _largest(twins, logits), _largest(logits, exact), float(logits.abs().max()))


@dataclass(frozen=True)
class Training:
    """The same steps of SGD taken by torch, by the twin on one device, and by the twin on several.

    Attributes:
        seed: of weights and images.
        torch, exact, one, several: the loss before each step; `exact` is torch's in float64.
        weights: largest difference between a parameter of torch and of the twin on one device, after the first step.
        statistics: the same of running means and variances.
        by_parts: first loss if every device normalized its part of the batch by that part's own mean and variance.
    """

    seed: int
    torch: tuple[float, ...]
    exact: tuple[float, ...]
    one: tuple[float, ...]
    several: tuple[float, ...]
    weights: float
    statistics: float
    by_parts: float


def compare_training(seed: int, *, depth: int = 8, batch: int = 64, steps: int = 12) -> Training:
    """Train a CIFAR net on the digits by momentum SGD; `batch` images a step, the same in all three runs."""
    parallel.use_host_devices(DEVICES)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = vision.CifarNet(depth, in_channels=1)
    data = digits()
    order = torch.randperm(len(data.train_images), generator=torch.Generator().manual_seed(seed))
    batches = [(data.train_images[i], data.train_labels[i]) for i in order.split(batch)[:steps]]

    images, labels = batches[0]
    parts = zip(images.chunk(DEVICES), labels.chunk(DEVICES), strict=True)
    by_parts = [F.cross_entropy(copy.deepcopy(model)(x), y).item() for x, y in parts]
    one, first_twin = _train_twin(model, batches, devices=1)
    several, _ = _train_twin(model, batches, devices=DEVICES)
    torchs, first = _train_torch(model, batches)
    exact, _ = _train_torch(model.double(), [(images.double(), labels) for images, labels in batches])
    parameters = {name for name, _ in model.named_parameters()}
    apart = {key: _largest(first_twin[key], first[key]) for key in first if first[key].is_floating_point()}
    return Training(
        seed=seed,
        torch=torchs,
        exact=exact,
        one=one,
        several=several,
        weights=max(apart[key] for key in apart if key in parameters),
        statistics=max(apart[key] for key in apart if key not in parameters),
        by_parts=sum(by_parts) / len(by_parts),
    )


Batches = Sequence[tuple[Tensor, Tensor]]
State = dict[str, Tensor]


def _train_torch(model: vision.ResNet, batches: Batches) -> tuple[tuple[float, ...], State]:
    """Losses, and the state after the first step."""
    model = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), **SGD)
    losses = []
    for images, labels in batches:
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if len(losses) == 1:
            first = {key: value.clone() for key, value in model.state_dict().items()}
    return tuple(losses), first


def _train_twin(model: vision.ResNet, batches: Batches, *, devices: int) -> tuple[tuple[float, ...], State]:
    """Losses, and the state after the first step, in torch's terms."""
    twin = jax_twin.from_torch(model)
    optimizer = jax_twin.sgd(twin, **SGD)
    mesh = parallel.data_mesh(devices)
    parallel.replicate(mesh, twin, optimizer)
    losses = []
    for images, labels in batches:
        shards = parallel.shard(mesh, _channels_last(images), labels.numpy())
        losses.append(float(jax_twin.train_step(twin, optimizer, *shards)))
        if len(losses) == 1:
            first = jax_twin.to_torch(twin).state_dict()
    return tuple(losses), first


def compare_all_logits(seeds: Sequence[int] = SEEDS, *, progress: bool = True) -> list[Logits]:
    """`compare_logits` at every depth from every seed."""
    arms = [(depth, seed) for depth in NETS for seed in seeds]
    return [compare_logits(*arm) for arm in tqdm(arms, desc="nets compared", disable=not progress)]


def _images(seed: int) -> Tensor:
    """Two random images that `settled_net` has not seen."""
    return torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1_000_003 * (seed + 1)))


def _channels_last(images: Tensor) -> np.ndarray:
    return np.ascontiguousarray(images.permute(0, 2, 3, 1).numpy())


def _largest(ones: Tensor, others: Tensor) -> float:
    return float((ones.double() - others.double()).abs().max())
