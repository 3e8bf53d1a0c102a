"""What a trained ResNet takes to give its logits: eager torch, compiled, folded, and exported to two runtimes.

All arms have the same weights and read the same images. The runtimes read the same ONNX file.
"""

import copy
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import onnxruntime
import openvino
import torch
from parts.imagenet import networks
from parts.peers import has_bf16
from parts.turns import Arms, Comparison, take_turns
from torch import Tensor, nn

from residual import vision
from residual.vision.export import export

BATCHES, THREADS = (1, 32), (1, 2)
BF16_TOLERANCE = 0.01  # of the largest logit: where bfloat16 is further off, it is not offered


def inference(
    name: str, torchvision: ModuleType, timm: ModuleType, rounds: int, *, pixels: int
) -> Iterator[Comparison]:
    """Batches of 1 and 32 images of `pixels` by `pixels`, on one thread and on two."""
    nets = {library: net.eval() for library, net in networks(name, torchvision, timm).items()}
    fused = vision.fuse(nets["ours"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.onnx"
        export(nets["ours"], path)
        for images in BATCHES:
            x = torch.randn(images, 3, pixels, pixels, generator=torch.Generator().manual_seed(0))
            xl = x.contiguous(memory_format=torch.channels_last)
            for threads in THREADS:
                torch.set_num_threads(threads)  # which a compiled network is compiled for
                arms: Arms = {
                    "torchvision": _torch(nets["torchvision"], x),
                    "timm": _torch(nets["timm"], x),
                    "ours": _torch(nets["ours"], x),
                    "ours, fused": _torch(fused, xl),
                    "ours, ONNX Runtime": _onnx_runtime(path, x, threads),
                    "ours, OpenVINO": _openvino(path, x, threads),
                }
                if shutil.which("c++"):
                    arms["torchvision, compiled"] = _torch(_compiled(nets["torchvision"]), x)
                if has_bf16():
                    arms["ours, fused, bfloat16"] = _torch(copy.deepcopy(fused).bfloat16(), xl.bfloat16())
                expected = _logits(arms["torchvision"]())
                off = {arm: _off(_logits(run()), expected) for arm, run in arms.items() if arm != "torchvision"}
                arms = {arm: run for arm, run in arms.items() if "bfloat16" not in arm or off[arm] <= BF16_TOLERANCE}
                notes = {"largest difference of a logit, over the largest logit": off}
                yield Comparison("inference", name, images, threads, take_turns(arms, rounds, threads=threads), notes)


def _torch(net: nn.Module, images: Tensor) -> Callable[[], Tensor]:
    def run() -> Tensor:
        with torch.inference_mode():
            return net(images)

    return run


def _compiled(net: nn.Module) -> nn.Module:
    """A copy that is compiled for one batch size; torch would take sizes for free once it has seen two."""
    torch.compiler.reset()
    compiled = copy.deepcopy(net)
    compiled.compile(dynamic=False)
    return compiled


def _onnx_runtime(path: Path, images: Tensor, threads: int) -> Callable[[], np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    array = images.numpy()
    return lambda: session.run(None, {"images": array})[0]


def _openvino(path: Path, images: Tensor, threads: int) -> Callable[[], np.ndarray]:
    # float32 as all others: where a processor has bfloat16, OpenVINO would use it unasked.
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(path, "CPU", settings).create_infer_request()
    array = images.numpy()
    return lambda: request.infer({"images": array}, share_inputs=True)[0]


def _logits(output: object) -> Tensor:
    return output if isinstance(output, Tensor) else torch.from_numpy(np.array(output))


def _off(logits: Tensor, expected: Tensor) -> float:
    return float((logits.float() - expected).abs().max() / expected.abs().max())
