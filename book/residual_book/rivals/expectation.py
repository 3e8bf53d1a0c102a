"""Rival W: V where a network that knows the hour must agree.

The network says what to expect of an entity at an hour. It starts as V: the logarithm of what it expects is that of V's
mean, plus a correction that is zero before training.
"""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from residual_book.evaluation.alerts import SCORED
from residual_book.evaluation.volume import deviations, scored
from residual_book.evaluation.windows import Feature, windows
from residual_book.recording import alone

STEPS, BATCH, RATE = 300, 1024, 0.01
EMBEDDING, WIDTH = 8, 32


class Expectation(nn.Module):
    """What to add to the logarithm of the usual value, given entities and hour: (windows,).

    Args:
        sizes: number of different entities of each kind; the last one stands for those that are new.
    """

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self.entities = nn.ModuleList(nn.Embedding(size, EMBEDDING) for size in sizes)
        self.enter = nn.Linear(EMBEDDING * len(sizes) + 5, WIDTH)
        self.branch = nn.Sequential(nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
        self.leave = nn.Linear(WIDTH, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, entities: Tensor, clock: Tensor) -> Tensor:
        known = [embed(entities[:, k]) for k, embed in enumerate(self.entities)]
        x = self.enter(torch.cat([*known, clock], dim=1))
        out: Tensor = self.leave(torch.relu(x + self.branch(x)))
        return out.squeeze(1)


def expected(past: pl.DataFrame, now: pl.DataFrame, names: list[str]) -> NDArray[np.float64]:
    """What the network, trained on windows with their `value` and `mean`, expects of others with their `mean`."""
    codes = {name: pl.DataFrame({name: past[name].unique().sort()}).with_row_index("code") for name in names}

    def tensors(table: pl.DataFrame) -> tuple[Tensor, Tensor, Tensor]:
        entities = [
            table.join(codes[name], on=name, how="left", maintain_order="left")["code"].fill_null(codes[name].height)
            for name in names
        ]
        hour = table["hour"].to_numpy()
        turn = 2 * math.pi * hour / 24
        clock = [np.sin(turn), np.cos(turn), np.sin(2 * turn), np.cos(2 * turn), hour // 24 % 7 >= 5]
        columns = torch.from_numpy(np.stack([e.to_numpy().astype(np.int64) for e in entities], axis=1))
        mean = torch.from_numpy(np.maximum(table["mean"].to_numpy(), 1e-3)).float()
        return columns, torch.from_numpy(np.stack(clock, axis=1)).float(), mean.log()

    with alone(0):
        net = Expectation([codes[name].height + 1 for name in names])
        entities, clock, usual = tensors(past)
        value = torch.tensor(past["value"].to_numpy()).float()
        optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
        for _ in range(STEPS):
            batch = torch.randint(len(value), (BATCH,))
            logarithm = usual[batch] + net(entities[batch], clock[batch])
            loss = nn.functional.poisson_nll_loss(logarithm, value[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            entities, clock, usual = tensors(now)
            return (usual + net(entities, clock)).exp().double().numpy()


def agreed(events: dict[str, pl.DataFrame], features: Sequence[Feature]) -> pl.DataFrame:
    """Rival W: each window has the lower of its scores by its entity's usual value and by the network's expectation."""
    tables = []
    for feature in features:
        table = windows(events, feature)
        both = [scored(deviations(table, feature, expected=mean), feature) for mean in (None, expected)]
        same = both[0].join(both[1], on=list(SCORED)[:-1], nulls_equal=True)
        tables.append(same.with_columns(score=pl.min_horizontal("score", "score_right")).select(list(SCORED)))
    return pl.concat(tables)
