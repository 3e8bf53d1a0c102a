"""The network for tables with and without its additions and its normalization, as Part I has stacks of convolutions."""

from collections import OrderedDict
from typing import Any

from torch import Tensor, nn

from residual.tabular.resnet import TabularResNet
from residual_book.part4.rows.calls import Calls

SIZES: dict[str, Any] = {"d_embedding": 8, "d_block": 64, "d_hidden_multiplier": 2.0}


class Block(nn.Sequential):
    """The layers of a block of `TabularResNet`, and the addition unless the block is plain."""

    downsample = None  # the skip has no layers: by this the probes know a block

    def __init__(self, layers: nn.Module, *, residual: bool) -> None:
        super().__init__(OrderedDict(layers.named_children()))
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        branch: Tensor = super().forward(x)
        return x + branch if self.residual else branch


class Stack(TabularResNet):
    """`TabularResNet` without dropout for the task of `calls`.

    Args:
        rows: for which there is a column of codes, of numbers, and an output each.
        blocks: how many.
        residual: False for a plain stack: the same layers without the additions.
        normalized: False leaves out all batch normalization, that of the head, too.
    """

    def __init__(self, rows: Calls, blocks: int, *, residual: bool, normalized: bool = True) -> None:
        super().__init__(
            rows.numeric.shape[1],
            rows.cardinalities,
            n_blocks=blocks,
            dropouts=(0.0, 0.0),
            d_out=len(rows.operations),
            **SIZES,
        )
        self.blocks = nn.ModuleList(Block(block, residual=residual) for block in self.blocks)
        if not normalized:
            for parent in (*self.blocks, self.output):
                parent.normalization = nn.Identity()

    def embed(self, numeric: Tensor, categorical: Tensor | None = None, added: Tensor | float = 0.0) -> Tensor:
        x = self.input_projection(self._joined(numeric, categorical)) + added
        for block in self.blocks:
            x = block(x)
        return x
