"""What a row costs against the number of its features: our network, and the two others of its authors.

Multiply-adds and what the backward pass needs kept are counted, not timed. Times are recorded by
`benchmarks/features.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from rtdl_revisiting_models import MLP, FTTransformer
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from residual.tabular.resnet import TabularResNet
from residual_book.recording import RESULTS, read_record
from residual_book.stats import Interval, median_interval, slope

FEATURES = (10, 20, 50, 100, 150, 200, 250, 300, 400, 500)
UPPER = 250  # the exponents are fitted from here on
RESULT = RESULTS / "features-benchmark.json"
ROWS = 2  # of a counted batch: batch normalization wants as many


def resnet(features: int) -> nn.Module:
    """Ours, with the sizes of the README of `rtdl_revisiting_models`."""
    return TabularResNet(
        features, (), d_embedding=8, d_block=192, n_blocks=2, d_hidden_multiplier=2.0, dropouts=(0.15, 0.0), d_out=1
    )


def mlp(features: int) -> nn.Module:
    """Their MLP, with the sizes of that README."""
    return MLP(d_in=features, d_out=1, n_blocks=2, d_block=384, dropout=0.1)


def transformer(features: int) -> nn.Module:
    """Their FT-Transformer in its default configuration."""
    return FTTransformer(n_cont_features=features, cat_cardinalities=[], d_out=1, **FTTransformer.get_default_kwargs())


NETS: dict[str, Callable[[int], nn.Module]] = {"ResNet": resnet, "MLP": mlp, "FT-Transformer": transformer}


def outputs(net: nn.Module, numeric: Tensor) -> Tensor:
    """The FT-Transformer asks for codes even where there are none."""
    arguments = (numeric, None) if isinstance(net, FTTransformer) else (numeric,)
    found: Tensor = net(*arguments)
    return found


@dataclass(frozen=True)
class Count:
    """What one row takes in one network.

    Attributes:
        net: a key of `NETS`.
        features: numbers in a row.
        parameters: of the network.
        multiply_adds: of the forward pass.
        kept: bytes that the forward pass keeps for the backward pass, parameters aside, in single precision.
    """

    net: str
    features: int
    parameters: int
    multiply_adds: int
    kept: int


def count(name: str, features: int) -> Count:
    """Count one network, in training mode."""
    net, numeric = NETS[name](features).train(), torch.zeros(ROWS, features)
    own = {parameter.untyped_storage()._cdata for parameter in net.parameters()}
    storages: dict[int, Any] = {}

    def keep(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage()._cdata] = tensor.untyped_storage()
        return tensor

    with FlopCounterMode(display=False) as counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        outputs(net, numeric)
    return Count(
        net=name,
        features=features,
        parameters=sum(parameter.numel() for parameter in net.parameters()),
        multiply_adds=counter.get_total_flops() // 2 // ROWS,
        kept=sum(storage.nbytes() for key, storage in storages.items() if key not in own) // ROWS,
    )


def counts(features: Sequence[int] = FEATURES) -> list[Count]:
    """Every network with every number of features."""
    return [count(name, columns) for name in NETS for columns in features]


def exponent(features: Sequence[float], values: Sequence[float]) -> float:
    """The power of the number of features with which `values` grow, from `UPPER` features on."""
    upper = [(np.log(n), np.log(value)) for n, value in zip(features, values, strict=True) if n >= UPPER]
    return slope(*zip(*upper, strict=True))


def of_counts(found: Sequence[Count], net: str, what: str) -> float:
    """The `exponent` of an attribute of the counts of a network."""
    own = [each for each in found if each.net == net]
    return exponent([each.features for each in own], [getattr(each, what) for each in own])


def overtakes(found: Sequence[Count], what: str) -> float:
    """From how many features on most of an attribute of FT-Transformer's counts grows with the square of their number.

    The counts are polynomials of degree two.
    """
    own = [each for each in found if each.net == "FT-Transformer"]
    square, linear, _ = np.polyfit([each.features for each in own], [getattr(each, what) for each in own], 2)
    return float(linear / square)


@dataclass(frozen=True)
class Times:
    """Recorded times: seconds per step of training by network and number of features, one for each round."""

    seconds: dict[str, dict[int, list[float]]]

    def exponent(self, net: str) -> Interval:
        """The median over rounds, in each of which all networks with all numbers of features take turns."""
        own = self.seconds[net]
        return median_interval([exponent(list(own), seconds) for seconds in zip(*own.values(), strict=True)])

    def median(self, net: str, features: int) -> float:
        """Seconds of a step."""
        return median(self.seconds[net][features])


def times() -> Times:
    """What `benchmarks/features.py` recorded."""
    content = read_record(RESULT)
    seconds: dict[str, dict[int, list[float]]] = {name: {} for name in NETS}
    for run in content["runs"]:
        for name, found in run["seconds"].items():
            seconds[name][run["features"]] = found
    return Times(seconds)
