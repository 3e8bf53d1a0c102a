"""A trained network on its way out: what folding and exporting do to its logits, and how fast it then is."""

import copy
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from residual.vision import ResNet, digits, fuse
from residual.vision.export import export
from residual_book import nets
from residual_book.recording import RESULTS, alone, spread
from residual_book.speeds import Speed, recorded_speeds

SEEDS = (0, 1, 2)
DIGITS_NETS = {"plain-20": False, "residual-20": True}  # trained; whether with skips
NEW_NETS = ("ResNet-18", "ResNet-50")
BATCHES = ((1, 32, 32), (4, 64, 48), (2, 47, 65))  # images, height, width
RECORD = RESULTS / "inference-benchmark.json"


@dataclass(frozen=True)
class Distances:
    """How far the logits of one net are from torch's, over the largest logit: the worst of `BATCHES`.

    Attributes:
        net, seed: which.
        folded: of torch's own copy with batch norm folded.
        exported: of the ONNX file in ONNX Runtime.
        rounding: of torch in double precision.
        otherwise: of the digits' test images, how many the file puts in another class than torch; None without classes.
    """

    net: str
    seed: int
    folded: float
    exported: float
    rounding: float
    otherwise: int | None


def network(name: str, seed: int) -> ResNet:
    """A net for inference alone: one trained on the digits, or a new one for large images with settled batch norm."""
    if name in DIGITS_NETS:
        recipe = replace(nets.DIGITS_RECIPE, seed=seed)
        return nets.trained(20, DIGITS_NETS[name], recipe)[0].eval().requires_grad_(False)
    with alone(seed):
        return settled(nets.MAKERS[name]())


def settled(net: ResNet) -> ResNet:
    """Give batch norm what training would: values of each channel's own, and the statistics of eight random images.

    What each block adds to its skip is divided by the root of the number of blocks. Otherwise a deep net of random
    weights enlarges each rounding error, as no trained one does.
    """
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.2, 0.2)
            norm.momentum = None  # torch's word for the mean over all batches, of which there is one
    for block in net.blocks():
        for parameter in block.get_submodule(block.folds[-1][1]).parameters():
            parameter.data /= len(net.blocks()) ** 0.5
    with torch.no_grad():
        net.train()(torch.randn(8, net.in_channels, 64, 64))
    return net.eval().requires_grad_(False)


def session(path: Path) -> Callable[[Tensor], Tensor]:
    """A function from images to logits that ONNX Runtime computes, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    running = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(running.run(["logits"], {"images": images.numpy()})[0])


def measure(name: str, seed: int) -> Distances:
    """Fold and export one net, and compare logits."""
    net = network(name, seed)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        export(net, Path(folder, "net.onnx"))
        run, folded, exact = session(Path(folder, "net.onnx")), fuse(net), copy.deepcopy(net).double()
        apart: dict[str, list[float]] = {"folded": [], "exported": [], "rounding": []}
        for i, (images, height, width) in enumerate(BATCHES):
            generator = torch.Generator().manual_seed(1_000_003 * seed + i)
            batch = torch.randn(images, net.in_channels, height, width, generator=generator)
            logits = net(batch)
            ways = {"folded": folded(batch), "exported": run(batch), "rounding": exact(batch.double())}
            for way, others in ways.items():
                apart[way].append(float((others - logits).abs().max() / logits.abs().max()))
        worst = {way: max(values) for way, values in apart.items()}
        return Distances(name, seed, **worst, otherwise=_otherwise(net, run) if name in DIGITS_NETS else None)


def _otherwise(net: ResNet, run: Callable[[Tensor], Tensor]) -> int:
    images = digits().test_images
    return int((run(images).argmax(1) != net(images).argmax(1)).sum())


def measure_all(seeds: Sequence[int] = SEEDS) -> list[Distances]:
    """`measure` for each net from each seed."""
    return spread(measure, [(name, seed) for name in (*NEW_NETS[::-1], *DIGITS_NETS) for seed in seeds], bar="nets")


def operators(path: Path) -> Counter[str]:
    """How often each of ONNX's operators stands in a file."""
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def metadata(path: Path) -> dict[str, str]:
    """What a file says of itself."""
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def speeds() -> list[Speed]:
    """How fast each way gave its logits, as recorded."""
    return recorded_speeds(RECORD)


def fastest(speeds: Sequence[Speed], net: str, images: int, threads: int) -> Speed:
    """The way with the highest median in one comparison."""
    own = [s for s in speeds if (s.net, s.images, s.threads) == (net, images, threads)]
    return max(own, key=lambda s: s.times_as_fast.estimate)
