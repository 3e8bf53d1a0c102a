"""The peers, or what is missing to have them."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "shared"))


def peers() -> tuple[ModuleType, ModuleType]:
    """torchvision and timm; ends the process with the name of what is not installed, of these and other peers."""
    try:
        torchvision = import_module("peers").torchvision()  # tests/shared/peers.py
        for other in ("PIL", "onnxruntime", "openvino"):
            import_module(other)
        return torchvision, import_module("timm")
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is not installed, and is what this is measured against: pip install -e '.[dev]'")


def has_bf16() -> bool:
    """Whether the processor computes in bfloat16. Without instructions for it, it takes many times as long."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text() if cpuinfo.exists() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags
