"""The JAX copy beside the torch net: how far apart they are, block by block, in their logits, in training."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residual import nnx as jax_nets
from residual import vision
from residual.nnx import parallel
from residual.vision.data import digits
from residual_book.recording import alone, spread

DEPTHS = (18, 34, 50, 101, 152)
SEEDS = (0, 1, 2)
TRAINING_SEEDS = (0, 1, 2, 3, 4)
DEVICES = 4
SIZE = 64  # of the images: height and width
Batches = Sequence[tuple[Tensor, Tensor]]  # images and labels of each step
SGD: dict[str, Any] = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4}


def settled_net(depth: int, seed: int, *, scaled: bool) -> vision.ResNet:
    """A torch net in evaluation mode whose batch norm is as after training: every channel's own, and fit for its input.

    Weights of batch norm are drawn from 0.5 to 1.5, biases from -0.2 to 0.2, so that a channel out of its place shows;
    running statistics are those of eight random images.
    With `scaled`, what each block adds to its skip is divided by the root of the number of blocks, so that all blocks
    together add about as much as enters the first. Otherwise a deep net of random weights enlarges each rounding error.
    """
    with alone(seed):
        model: vision.ResNet = getattr(vision, f"resnet{depth}")()
        for norm in model.modules():
            if isinstance(norm, nn.BatchNorm2d):
                nn.init.uniform_(norm.weight, 0.5, 1.5)
                nn.init.uniform_(norm.bias, -0.2, 0.2)
                norm.momentum = None  # torch's word for the mean over all batches, of which there is one
        images = torch.randn(8, model.in_channels, SIZE, SIZE)
    for block in model.blocks() if scaled else ():
        for parameter in block.get_submodule(block.folds[-1][1]).parameters():
            parameter.data /= len(model.blocks()) ** 0.5
    with torch.no_grad():
        model.train()(images)
    return model.eval()


def _three_ways(
    model: vision.ResNet, seed: int, compute: Callable[[Any, Any], Iterable[Any]]
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """What `compute` gives for a net and two images that it has not seen: by JAX, by torch, by torch in float64."""
    images = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1_000_003 * (seed + 1)))
    arrays = map(np.array, compute(jax_nets.from_torch(model), images.permute(0, 2, 3, 1).numpy()))
    of_jax = [torch.from_numpy(a.transpose(0, 3, 1, 2) if a.ndim == 4 else a) for a in arrays]
    with torch.no_grad():
        of_torch = list(compute(model, images))
        return list(zip(of_jax, of_torch, compute(model.double(), images.double()), strict=True))


@dataclass(frozen=True)
class Blocks:
    """Distances of a net's activations after the stem, after each block, and of its logits.

    A distance is the norm of the difference over the norm of the activation. `jax` is how far the JAX copy is from
    torch, `rounding` how far torch in float32 is from torch in float64.
    """

    jax: list[float]
    rounding: list[float]


def compare_blocks(seed: int, *, depth: int = 50) -> Blocks:
    """Compare the activations of one net of random weights."""
    ways = _three_ways(settled_net(depth, seed, scaled=False), seed, _activations)
    return Blocks([_distance(a, b) for a, b, _ in ways], [_distance(b, exact) for _, b, exact in ways])


def _activations(model: Any, images: Any) -> Iterator[Any]:
    """The activations of a torch net or of its JAX copy: both have the same parts by the same names."""
    x = model.stem(images)
    yield x
    for block in model.blocks():
        x = block(x)
        yield x
    yield model(images)


def _distance(activation: Tensor, reference: Tensor) -> float:
    return float((activation - reference).norm() / reference.norm())


@dataclass(frozen=True)
class Logits:
    """Largest difference of a net's logits, JAX's from torch's and by `rounding`; `scale` is the largest logit."""

    depth: int
    jax: float
    rounding: float
    scale: float


def compare_logits(depth: int, seed: int) -> Logits:
    """Compare the logits of one net whose blocks are scaled, so that rounding stays small."""
    net = settled_net(depth, seed, scaled=True)
    ((of_jax, of_torch, exact),) = _three_ways(net, seed, lambda model, images: [model(images)])
    return Logits(depth, _largest(of_jax, of_torch), _largest(of_torch, exact), float(of_torch.abs().max()))


def compare_all_logits(seeds: Iterable[int] = SEEDS) -> list[Logits]:
    """`compare_logits` at every depth from every seed."""
    return spread(compare_logits, [(depth, seed) for depth in DEPTHS for seed in seeds], bar="nets compared")


@dataclass(frozen=True)
class Training:
    """The same steps of SGD taken by torch, by JAX on one device, and by JAX on several.

    Attributes:
        torch, exact, jax, sharded: the loss before each step; `exact` is torch's in float64, `sharded` that of several.
        weights: largest difference between a parameter of torch and of JAX on one device, after the first step.
        by_parts: first loss if every device normalized its part of the batch by that part's own mean and variance.
    """

    torch: list[float]
    exact: list[float]
    jax: list[float]
    sharded: list[float]
    weights: float
    by_parts: float


def compare_training(seed: int, *, steps: int = 12) -> Training:
    """Train a small CIFAR net on the digits by momentum SGD, on the same batches in every way."""
    parallel.use_host_devices(DEVICES)
    with alone(seed):
        model = vision.CifarNet(8, in_channels=1)
    data = digits()
    order = torch.randperm(len(data.train_images), generator=torch.Generator().manual_seed(seed))
    batches = [(data.train_images[i], data.train_labels[i]) for i in order.split(64)[:steps]]
    parts = zip(*(tensor.chunk(DEVICES) for tensor in batches[0]), strict=True)
    by_parts = [F.cross_entropy(copy.deepcopy(model)(images), labels).item() for images, labels in parts]
    after_step = [train(model, batches[:1])[1].parameters() for train in (_train_torch, _train_jax)]
    return Training(
        torch=_train_torch(model, batches)[0],
        exact=_train_torch(copy.deepcopy(model).double(), [(images.double(), labels) for images, labels in batches])[0],
        jax=_train_jax(model, batches)[0],
        sharded=_train_jax(model, batches, devices=DEVICES)[0],
        weights=max(_largest(ours, torchs) for torchs, ours in zip(*after_step, strict=True)),
        by_parts=sum(by_parts) / len(by_parts),
    )


def _train_torch(model: vision.ResNet, batches: Batches) -> tuple[list[float], vision.ResNet]:
    """The loss before each step, and the net after the last."""
    model = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), **SGD)
    losses = []
    for images, labels in batches:
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, model


def _train_jax(model: vision.ResNet, batches: Batches, *, devices: int = 1) -> tuple[list[float], vision.ResNet]:
    """The loss before each step, and the net after the last, carried back to torch."""
    jax_net = jax_nets.from_torch(model)
    optimizer = jax_nets.sgd(jax_net, **SGD)
    mesh = parallel.data_mesh(devices)
    parallel.replicate(mesh, jax_net, optimizer)
    losses = []
    for images, labels in batches:
        shards = parallel.shard(mesh, images.permute(0, 2, 3, 1).numpy(), labels.numpy())
        losses.append(float(jax_nets.train_step(jax_net, optimizer, *shards)))
    return losses, jax_nets.to_torch(jax_net)


@torch.no_grad()
def _largest(values: Tensor, references: Tensor) -> float:
    return float((values.double() - references.double()).abs().max())
