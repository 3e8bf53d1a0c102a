"""Networks for tables as arms of a comparison: ours, and what `rtdl_revisiting_models` offers for the same columns.

Its README has two ways with codes: one-hot, as in its example, and embeddings, which it advises where there are many
different values. The second is the fair peer for records; there the embeddings of its own FT-Transformer stand in
front of its ResNet. All have the same widths, weights of their own, and the same optimizer.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from rtdl_revisiting_models import CategoricalEmbeddings, FTTransformer, ResNet
from torch import Tensor, nn

from residual.tabular.resnet import TabularResNet

SIZES: dict[str, Any] = {"d_block": 192, "n_blocks": 2, "d_hidden_multiplier": 2.0}  # those of its README
D_EMBEDDING = 8
Rows = tuple[Tensor, Tensor, Tensor]  # numbers (N, f), codes int64 (N, c), labels (N,)


class OneHot(nn.Module):
    """Their ResNet behind one-hot codes."""

    def __init__(self, n_numeric: int, cardinalities: Sequence[int]) -> None:
        super().__init__()
        self.cardinalities = cardinalities
        d_in = n_numeric + sum(cardinalities)
        self.net = ResNet(d_in=d_in, d_out=1, dropout1=0.15, dropout2=0.0, **SIZES)

    def forward(self, numeric: Tensor, codes: Tensor) -> Tensor:
        hot = [F.one_hot(column, count) for column, count in zip(codes.T, self.cardinalities, strict=True)]
        return self.net(torch.column_stack([numeric, *hot]))


class Embedded(nn.Module):
    """Their ResNet behind their embeddings."""

    def __init__(self, n_numeric: int, cardinalities: Sequence[int]) -> None:
        super().__init__()
        self.embeddings = CategoricalEmbeddings(list(cardinalities), D_EMBEDDING, bias=False)
        d_in = n_numeric + len(cardinalities) * D_EMBEDDING
        self.net = ResNet(d_in=d_in, d_out=1, dropout1=0.15, dropout2=0.0, **SIZES)

    def forward(self, numeric: Tensor, codes: Tensor) -> Tensor:
        return self.net(torch.cat([numeric, self.embeddings(codes).flatten(1)], dim=1))


def networks(n_numeric: int, cardinalities: Sequence[int]) -> dict[str, nn.Module]:
    """The arms, the README's way first."""
    ours = TabularResNet(n_numeric, cardinalities, d_embedding=D_EMBEDDING, dropouts=(0.15, 0.0), d_out=1, **SIZES)
    return {
        "rtdl one-hot": OneHot(n_numeric, cardinalities),
        "rtdl embeddings": Embedded(n_numeric, cardinalities),
        "ours": ours,
    }


def transformer(n_numeric: int, cardinalities: Sequence[int]) -> nn.Module:
    """Their FT-Transformer in its default configuration."""
    defaults = FTTransformer.get_default_kwargs()
    return FTTransformer(n_cont_features=n_numeric, cat_cardinalities=list(cardinalities), d_out=1, **defaults)


def training(net: nn.Module, rows: Rows) -> Callable[[], object]:
    """A step of training: forward, backward, AdamW in one kernel."""
    numeric, codes, labels = rows
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, weight_decay=1e-5, fused=True)

    def step() -> None:
        net.train()
        loss = F.binary_cross_entropy_with_logits(net(numeric, codes)[:, 0], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def inference(net: nn.Module, rows: Rows) -> Callable[[], object]:
    """Outputs of a batch in evaluation mode."""

    @torch.inference_mode()
    def run() -> None:
        net.eval()(rows[0], rows[1])

    return run
