"""The residual network for tables: categories through one table of embeddings, then blocks of linear layers.

Gorishniy et al., "Revisiting deep learning models for tabular data" (2021), section 3.2. Keys of the state dict and
numbers are those of the authors' package `rtdl_revisiting_models`.
"""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal, TypeAlias, cast, get_args

import torch
from rtdl_num_embeddings import PeriodicEmbeddings, PiecewiseLinearEmbeddings
from torch import Tensor, nn

Numeric: TypeAlias = Literal["linear", "piecewise", "periodic"]
PIECES = 32  # of a number that enters piecewise


class TabularResNet(nn.Module):
    """A residual network for rows of numbers and codes: (N, n_numeric), (N, len(cardinalities)) -> (N, d_out).

    With numbers alone it is `rtdl_revisiting_models.ResNet` of d_in=n_numeric, weights and all. Its first layer reads
    the numbers, or their embeddings, and then the embedding of each code, side by side.

    Args:
        n_numeric: columns of numbers.
        cardinalities: how many codes each column of codes has. There may be no numbers or no codes, but one of the two.
        d_embedding: width of the embedding of a code, and of a number unless `numeric` is "linear".
        d_block: width of the skip path, and of what `embed` returns.
        n_blocks: number of blocks.
        d_hidden_multiplier: width inside a block, as a multiple of `d_block`.
        dropouts: in a block after its activation, and at its end.
        numeric: how numbers enter. "linear": as they are; the first layer is their embedding. "periodic": by sines and
            cosines of learned frequencies. "piecewise": by lines between `PIECES` equal steps from -1 to 1, which go
            on beyond; these are the quantiles of a number that `TableEncoder(scaling="quantile")` gives. Both are those
            of `rtdl_num_embeddings` (Gorishniy et al. 2022; the latter in version B, without an activation).
        d_out: outputs; None leaves the head out, so that the network returns what `embed` does.

    Raises:
        ValueError: for a bad argument. When called: for rows of other shapes or types, for numbers that are NaN or
            infinite, for a code that is negative or not below its cardinality, and for fewer than two rows in train
            mode, where batch normalization has nothing to normalize by. No row at all is fine in evaluation mode.
    """

    cardinalities: Tensor
    offsets: Tensor

    def __init__(
        self,
        n_numeric: int,
        cardinalities: Sequence[int],
        *,
        d_embedding: int,
        d_block: int,
        n_blocks: int,
        d_hidden_multiplier: float,
        dropouts: tuple[float, float],
        numeric: Numeric = "linear",
        d_out: int | None = None,
    ) -> None:
        super().__init__()
        self.n_numeric, self.n_categorical = n_numeric, len(cardinalities)
        counts, d_hidden = [int(count) for count in cardinalities], int(d_block * d_hidden_multiplier)
        self.settings = {  # these make the network again
            "n_numeric": n_numeric, "cardinalities": counts, "d_embedding": d_embedding, "d_block": d_block,
            "n_blocks": n_blocks, "d_hidden_multiplier": d_hidden_multiplier, "dropouts": list(dropouts),
            "numeric": numeric, "d_out": d_out,
        }  # fmt: skip
        widths = {"d_embedding": d_embedding, "d_block": d_block, "n_blocks": n_blocks, "d_hidden": d_hidden}
        widths |= {"d_out": 1 if d_out is None else d_out, "cardinalities": min(counts, default=1)}
        for name, width in widths.items():
            if width < 1:
                raise ValueError(f"{name} must be at least 1, got {width}")
        if n_numeric < 0 or not (n_numeric or counts):
            raise ValueError(f"columns must be one or more, got n_numeric={n_numeric} and cardinalities={counts}")
        if len(dropouts) != 2 or not all(0 <= rate < 1 for rate in dropouts):
            raise ValueError(f"dropouts must be two rates from 0 to below 1, got {dropouts}")
        if numeric not in get_args(Numeric):
            raise ValueError(f"numeric must be one of {', '.join(map(repr, get_args(Numeric)))}, got {numeric!r}")
        self.numeric_embeddings = _embeddings(numeric, n_numeric, d_embedding)
        # Neither is part of the state, because both follow from the arguments.
        self.register_buffer("cardinalities", torch.tensor(counts, dtype=torch.int64), persistent=False)
        self.register_buffer("offsets", torch.tensor([0, *accumulate(counts)][: len(counts)]), persistent=False)
        if counts:
            self.category_embeddings = nn.Embedding(sum(counts), d_embedding)
            nn.init.kaiming_uniform_(self.category_embeddings.weight, a=5**0.5)  # as in the authors' experiments
        d_number = 1 if self.numeric_embeddings is None else d_embedding
        self.input_projection = nn.Linear(n_numeric * d_number + len(counts) * d_embedding, d_block)
        self.blocks = nn.ModuleList(_block(d_block, d_hidden, *dropouts) for _ in range(n_blocks))
        self.output = None if d_out is None else _head(d_block, d_out)

    def embed(self, numeric: Tensor, categorical: Tensor | None = None, added: Tensor | float = 0.0) -> Tensor:
        """What the head reads: the skip path after the last block, (N, d_block).

        Args:
            numeric, categorical: as in `forward`.
            added: (N, d_block), what else enters the skip path where it begins.
        """
        x = self.input_projection(self._joined(numeric, categorical)) + added
        for block in self.blocks:
            x = x + block(x)
        return x

    def forward(self, numeric: Tensor, categorical: Tensor | None = None) -> Tensor:
        """Outputs, (N, d_out), or the embedding, (N, d_block), if there is no head.

        Args:
            numeric: floating point (N, n_numeric).
            categorical: int32 or int64 (N, len(cardinalities)); None if there are no codes.
        """
        x = self.embed(numeric, categorical)
        return x if self.output is None else cast(Tensor, self.output(x))

    def _joined(self, numeric: Tensor, categorical: Tensor | None) -> Tensor:
        if categorical is None:
            categorical = torch.zeros(len(numeric), 0, dtype=torch.int64, device=numeric.device)
        self._check(numeric, categorical)
        parts = [numeric]
        if self.numeric_embeddings is not None:
            parts = [self.numeric_embeddings(numeric).flatten(1)]
        if self.n_categorical:
            # One lookup for all columns; on CPUs the gradient of `index_select` is thrice as fast as an embedding's.
            table, places = self.category_embeddings.weight, (categorical + self.offsets).flatten()
            parts.append(table.index_select(0, places).view(*categorical.shape, table.shape[1]).flatten(1))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def _check(self, numeric: Tensor, categorical: Tensor) -> None:
        columns = {"numeric": (numeric, self.n_numeric), "categorical": (categorical, self.n_categorical)}
        for name, (values, width) in columns.items():
            if values.ndim != 2 or values.shape != (len(numeric), width):
                raise ValueError(f"{name} must have shape ({len(numeric)}, {width}), got {tuple(values.shape)}")
        if not numeric.is_floating_point() or categorical.dtype not in (torch.int32, torch.int64):
            raise ValueError(f"expected floats and int32 or int64 codes, got {numeric.dtype} and {categorical.dtype}")
        if self.training and len(numeric) < 2:
            raise ValueError(f"batch norm needs a batch of at least 2 rows in train mode, got {len(numeric)}")
        # In the one table of embeddings, a code that is too large would be taken for one of the next column. A sum of
        # numbers is as finite as they are, but may overflow; then each is looked at.
        wrong = (categorical < 0) | (categorical >= self.cardinalities)
        if wrong.any() | ~numeric.sum().isfinite():  # one wait for the device, not two
            for row, column in wrong.nonzero().tolist()[:1]:
                got = f"categorical[{row}, {column}] is {categorical[row, column].item()}"
                raise ValueError(f"{got}, expected a code from 0 to {self.cardinalities[column] - 1}")
            for row, column in (~numeric.isfinite()).nonzero().tolist()[:1]:
                raise ValueError(f"numeric[{row}, {column}] is {numeric[row, column].item()}, expected a finite number")


def _embeddings(numeric: Numeric, n_numeric: int, d_embedding: int) -> nn.Module | None:
    if numeric == "linear" or not n_numeric:
        return None
    if numeric == "periodic":
        return PeriodicEmbeddings(n_numeric, d_embedding, lite=False)
    edges = [torch.linspace(-1, 1, PIECES + 1)] * n_numeric
    return PiecewiseLinearEmbeddings(edges, d_embedding, activation=False, version="B")


def _block(d_block: int, d_hidden: int, dropout1: float, dropout2: float) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            normalization=nn.BatchNorm1d(d_block),
            linear1=nn.Linear(d_block, d_hidden),
            activation=nn.ReLU(),
            dropout1=nn.Dropout(dropout1),
            linear2=nn.Linear(d_hidden, d_block),
            dropout2=nn.Dropout(dropout2),
        )
    )


def _head(d_block: int, d_out: int) -> nn.Sequential:
    layers = {"normalization": nn.BatchNorm1d(d_block), "activation": nn.ReLU(), "linear": nn.Linear(d_block, d_out)}
    return nn.Sequential(OrderedDict(layers))
