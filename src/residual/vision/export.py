"""A trained network as one ONNX file, which runs without torch and without this library.

Told in `book/part2/running.md`.
"""

import copy
import json
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch

from residual.extras import need
from residual.storage import write_atomically
from residual.vision.architecture import describe
from residual.vision.fusion import fuse
from residual.vision.resnet import ResNet

need("residual.vision.export", "export", "onnx", "onnxscript", "onnxruntime")

import onnx
import onnxruntime

OPSETS = range(18, 24)  # that torch writes itself; asked for another, it may silently write one of these
CHECKED = ((1, 32, 32), (2, 47, 65), (3, 64, 48))  # images, height and width; odd ones are where strides go wrong


def export(
    model: ResNet,
    path: str | Path,
    *,
    classes: Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    opset: int = 20,
    tolerance: float = 1e-4,
) -> float:
    """Write `model` to an ONNX file, whole or not at all, once ONNX Runtime has given torch's logits with it.

    The file takes "images", float32 (batch, in_channels, height, width) with any batch and any size, and gives
    "logits" (batch, num_classes), as `model` does in evaluation mode; batch norm is folded into convolutions. `model`
    stays as it is, and may be in training mode.

    Args:
        model: with float32 weights, on any device.
        path: ends in .onnx. The file holds the weights, and in its metadata the architecture, input and versions.
        classes: a name for each logit, to be kept in the metadata.
        mean, std: one number per channel, which images must be normalized with, to be kept in the metadata.
        opset: the version of ONNX's operators; older runtimes need a lower one.
        tolerance: the largest difference that a logit may have from torch's, over the largest logit of its batch.

    Returns:
        The largest difference found, at batches of one, two and three images of different sizes.

    Raises:
        ValueError: for a bad argument, or logits that differ by more than `tolerance`; then nothing is written.
        OSError: where `path` cannot be written.
    """
    path = Path(path)
    _check(model, path, opset)
    told = {
        "architecture": describe(model),
        "input": "float32 (batch, channels, height, width)",
        "outputs": str(model.num_classes),
        "versions": json.dumps({name: version(name) for name in ("residual", "torch", "onnx", "onnxscript")}),
        **_kept(model, classes=classes, mean=mean, std=std),
    }
    exact = copy.deepcopy(model).eval().cpu()
    content = _convert(exact, opset)
    onnx.helper.set_model_props(content, told)
    serialized = content.SerializeToString()
    difference = _difference(serialized, exact)
    if not difference <= tolerance:  # also where it is not a number
        raise ValueError(
            f"logits of ONNX Runtime differ from torch's by {difference:.2g} of the largest logit: expected at most"
            f" {tolerance:g}; weights that are not finite, or that let rounding grow from block to block, can do that"
        )
    write_atomically(path, serialized)
    return difference


def _check(model: ResNet, path: Path, opset: int) -> None:
    if not isinstance(model, ResNet):
        raise ValueError(f"model must be a ResNet of residual.vision, not compiled, got {type(model).__name__}")
    if model.fc.weight.dtype != torch.float32:
        raise ValueError(f"model must have float32 weights, got {model.fc.weight.dtype}: model.float() makes them so")
    if path.suffix != ".onnx":
        raise ValueError(f"path must name an .onnx file, got {path}")
    if opset not in OPSETS:
        raise ValueError(f"opset must be from {OPSETS[0]} to {OPSETS[-1]}, got {opset}")


def _kept(model: ResNet, **given: Sequence[str] | Sequence[float] | None) -> dict[str, str]:
    """What the caller gave for the metadata, as JSON."""
    if (given["mean"] is None) != (given["std"] is None):
        raise ValueError("mean and std must be given together, got one of them")
    kept = {name: list(values) for name, values in given.items() if values is not None}
    for name, values in kept.items():
        wanted, what = (model.num_classes, "logit") if name == "classes" else (model.in_channels, "channel")
        if len(values) != wanted:
            raise ValueError(f"{name} must have one entry for each {what}, {wanted}, got {len(values)}")
    return {name: json.dumps(values) for name, values in kept.items()}


def _convert(model: ResNet, opset: int) -> onnx.ModelProto:
    """The folded copy of `model` in ONNX, with free batch, height and width."""
    # In channels_last order torch would describe the mean over places by strides, in nodes that nobody needs.
    fused = fuse(model).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch's stub lacks it
    images = torch.zeros(2, model.in_channels, 64, 48)  # sizes that differ, and are not one, are not taken for fixed
    free = {axis: torch.export.Dim(name) for axis, name in ((0, "batch"), (2, "height"), (3, "width"))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch about its own code
        program = torch.onnx.export(
            fused,
            (images,),
            dynamo=True,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=(free,),
            opset_version=opset,
            verbose=False,
        )
    assert program is not None
    content: onnx.ModelProto = program.model_proto
    graph = content.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")  # stack traces, with the paths of the machine that exported
    return content


@torch.no_grad()
def _difference(serialized: bytes, model: ResNet) -> float:
    """The largest difference between a logit of ONNX Runtime and torch's, over the largest logit of the batch."""
    session = onnxruntime.InferenceSession(serialized, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    differences = []
    for images, height, width in CHECKED:
        batch = torch.randn(images, model.in_channels, height, width, generator=generator)
        (logits,) = session.run(["logits"], {"images": batch.numpy()})
        expected = model(batch)
        differences.append((torch.from_numpy(logits) - expected).abs().max() / expected.abs().max())
    return float(torch.stack(differences).max())
