"""What one record costs in a residual network and in a transformer for tables, by the number of its fields.

Told in `book/start/why.md`. Both networks are those of Gorishniy et al. (2021), sections 3.2 and 3.3, without dropout
and without the layers that make a field a vector, which take no products in either. Nothing is timed: multiply-adds are
counted while tensors have shapes and no values.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from residual.probes.cost import cost

FIELDS = (25, 50, 100, 200, 300, 400, 600, 800, 1200, 1600)
USE_CASE = 300  # fields per record
EMBEDDING = 64  # numbers that stand for a field where it enters the residual network
WIDTH, HIDDEN, BLOCKS = 512, 1024, 8  # of the residual network: the large end of what the paper tunes
TOKEN, HEADS, LAYERS, INNER = 192, 8, 3, 256  # of the transformer: the paper's default


class TableBlock(nn.Module):
    """A residual block for tables: x + Linear(ReLU(Linear(BatchNorm(x)))), with nothing after the addition."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(WIDTH)
        self.linear1 = nn.Linear(WIDTH, HIDDEN)
        self.linear2 = nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """From (N, WIDTH) to (N, WIDTH)."""
        branch: Tensor = self.linear2(self.linear1(self.norm(x)).relu())
        return x + branch


class TokenBlock(nn.Module):
    """A transformer's block: every field looks at every other, then each goes through two layers of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(TOKEN), nn.LayerNorm(TOKEN)
        self.query_key_value = nn.Linear(TOKEN, 3 * TOKEN)
        self.mix = nn.Linear(TOKEN, TOKEN)
        self.linear1 = nn.Linear(TOKEN, 2 * INNER)  # one half is gated by the other
        self.linear2 = nn.Linear(INNER, TOKEN)

    def forward(self, x: Tensor) -> Tensor:
        """From (N, fields, TOKEN) to (N, fields, TOKEN)."""
        x = x + self.attention(self.norm1(x))
        values, gates = self.linear1(self.norm2(x)).chunk(2, dim=-1)
        branch: Tensor = self.linear2(values * gates.relu())
        return x + branch

    def attention(self, x: Tensor) -> Tensor:
        """Each field's mean of all fields' values, weighted by how well its query fits their keys."""
        heads = self.query_key_value(x).unflatten(-1, (3, HEADS, -1)).transpose(1, 3)  # (N, HEADS, 3, fields, ...)
        query, key, value = heads.unbind(2)
        weights = (query @ key.mT / query.shape[-1] ** 0.5).softmax(
            -1
        )  # (N, HEADS, fields, fields): here is the square
        mixed: Tensor = self.mix((weights @ value).transpose(1, 2).flatten(2))
        return mixed


def residual_net(fields: int) -> nn.Sequential:
    """A residual network that reads all fields side by side: only its first layer knows how many there are."""
    return nn.Sequential(nn.Linear(fields * EMBEDDING, WIDTH), *(TableBlock() for _ in range(BLOCKS)))


def transformer() -> nn.Sequential:
    """A transformer that reads one token per field: all of it works once per field."""
    return nn.Sequential(*(TokenBlock() for _ in range(LAYERS)))


@dataclass(frozen=True)
class Work:
    """Multiply-adds for one record of so many fields.

    Attributes:
        fields: how many.
        residual: of the residual network.
        transformer: of the transformer, in all.
        pairs: of these, those of products between one field and another, which grow with the square of the fields.
    """

    fields: int
    residual: int
    transformer: int
    pairs: int


def work(fields: int) -> Work:
    """Count for one record; the transformer has one more token than there are fields, from which it predicts."""
    with torch.device("meta"):
        attention, tokens = transformer().eval(), torch.zeros(1, fields + 1, TOKEN)
    # The probe `cost` refuses products outside of layers, which attention has; so its counter is asked directly.
    with FlopCounterMode(display=False) as counter:
        attention(tokens)
    pairs = counter.get_flop_counts()["Global"][torch.ops.aten.bmm]  # of the products, those without weights
    return Work(
        fields=fields,
        residual=cost(residual_net(fields), (fields * EMBEDDING,)).totals["multiply_adds"],
        transformer=counter.get_total_flops() // 2,  # a multiply-add is two operations
        pairs=pairs // 2,
    )


def sweep() -> list[Work]:
    """For every number of fields."""
    return [work(fields) for fields in FIELDS]
