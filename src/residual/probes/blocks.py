"""The residual blocks of a network, and where the branch of each begins and ends.

Told in `book/part1/after-training.md`. Works on the blocks of `residual.vision` and on torchvision's.
"""

from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

LAYERS = (_ConvNd, nn.Linear, _BatchNorm, nn.GroupNorm, nn.LayerNorm)


@dataclass(frozen=True)
class Block:
    """A block x -> skip(x) + branch(x), possibly followed by a ReLU.

    Attributes:
        name: as in `model.named_modules()`.
        module: the block itself.
        first: the layer that the branch begins with; it reads the block's input.
        last: the layer that the branch ends with; its output is added to the skip.
        residual: False for a plain block, which omits its skip.
    """

    name: str
    module: nn.Module
    first: nn.Module
    last: nn.Module
    residual: bool

    @property
    def downsample(self) -> nn.Module | None:
        """The module on the skip, None where the skip passes the block's input on as it is."""
        return self.module.downsample  # type: ignore[return-value]  # what makes it a block


def find_blocks(model: nn.Module) -> dict[str, Block]:
    """The blocks of `model` by name, in the order of its modules, which is that in which they run.

    A block is a module with an attribute `downsample`, None or a module. Its branch is made of its direct children that
    are convolutions, linear layers or norms. A block whose attribute `residual` is False is plain.

    Raises:
        ValueError: for a model without blocks.
    """
    blocks: dict[str, Block] = {}
    for name, module in model.named_modules():
        skip = getattr(module, "downsample", False)
        if skip is not None and not isinstance(skip, nn.Module):
            continue
        layers = [child for child in module.children() if isinstance(child, LAYERS) and child is not skip]
        if layers:
            blocks[name] = Block(name, module, layers[0], layers[-1], getattr(module, "residual", True) is not False)
    if not blocks:
        raise ValueError(
            "model must have residual blocks, modules with an attribute `downsample` beside layers, such as "
            f"BasicBlock, Bottleneck and PreActBlock here or in torchvision; {type(model).__name__} has none"
        )
    return blocks
