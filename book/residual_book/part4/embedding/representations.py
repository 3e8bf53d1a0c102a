"""From events to points: the fields as they are, their context, and networks, each by one function.

A representation takes numbers and codes, (n, f) and (n, c), to points, float32 (n, d).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from residual.tabular.pretrain import MaskedParts
from residual.tabular.quality import Residual
from residual.tabular.resnet import TabularResNet

Points = NDArray[np.float32]
Represent = Callable[[Tensor, Tensor], Points]
SHARE = 0.005  # of the known events that a code must have to get a coordinate of its own


@dataclass(frozen=True)
class Plain:
    """Numbers as they are, and one-hot codes: those that are frequent enough among some known events.

    Of coordinates that are always the same, such as those of a status and of its name, one is left.
    """

    numbers: Tensor
    columns: Tensor
    codes: Tensor

    @classmethod
    def fit(cls, numeric: Tensor, categorical: Tensor, numbers: NDArray[np.bool_], *, codes: bool) -> "Plain":
        """Of some known events; `numbers` says which of the numbers count, `codes` whether the codes do."""
        pairs = [
            (column, int(code))
            for column in range(categorical.shape[1] if codes else 0)
            for code, count in zip(*categorical[:, column].unique(return_counts=True), strict=True)
            if SHARE * len(categorical) <= count < len(categorical)
        ]
        columns, wanted = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
        hot = _different((categorical[:, columns] == wanted).numpy())
        varying = ((numeric != numeric[0]).any(0) & torch.from_numpy(numbers)).nonzero().squeeze(1)
        return cls(varying[_different(numeric[:, varying].numpy())], columns[hot], wanted[hot])

    def __call__(self, numeric: Tensor, categorical: Tensor) -> Points:
        hot = categorical[:, self.columns] == self.codes
        return torch.cat([numeric[:, self.numbers], hot.float()], dim=1).numpy()


def _different(coordinates: NDArray[np.generic]) -> NDArray[np.int64]:
    """The first of all coordinates that are alike: which of (n, d), in order."""
    return np.sort(np.unique(coordinates, axis=1, return_index=True)[1])


@dataclass(frozen=True)
class Network:
    """What a network makes of events."""

    net: TabularResNet

    @torch.no_grad()
    def __call__(self, numeric: Tensor, categorical: Tensor) -> Points:
        return self.net.eval().embed(numeric, categorical).numpy()


@dataclass(frozen=True)
class Masked:
    """A network that learned to predict hidden parts, and can be told which are: bool (P,), none of them for None."""

    model: MaskedParts
    hidden: Tensor | None = None

    @torch.no_grad()
    def __call__(self, numeric: Tensor, categorical: Tensor) -> Points:
        added = 0.0 if self.hidden is None else self.hidden.float() @ self.model.hidden
        return self.model.net.eval().embed(numeric, categorical, added).numpy()


@dataclass(frozen=True)
class Within:
    """A subspace of another representation."""

    of: Represent
    subspace: Residual

    def __call__(self, numeric: Tensor, categorical: Tensor) -> Points:
        return self.subspace(self.of(numeric, categorical))


def hiding(represent: Represent, hidden: Tensor) -> Represent:
    """The representation of events that lack some parts, bool (P,): a network that can be told so is told."""
    if isinstance(represent, Within):
        return Within(hiding(represent.of, hidden), represent.subspace)
    return Masked(represent.model, hidden) if isinstance(represent, Masked) else represent
