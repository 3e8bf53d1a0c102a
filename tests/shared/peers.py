"""torchvision and timm, beside any build of torch."""

import sys
from types import ModuleType

import torch

_operators: torch.library.Library | None = None


def torchvision() -> ModuleType:
    """torchvision; where its compiled operators do not fit this build of torch, without them.

    torchvision's wheels are compiled for one build of torch. Beside another, its Python half fails on import for want
    of two operators that no network here uses; once they are declared, it imports.
    """
    global _operators
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        _operators = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            _operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision
    return torchvision
