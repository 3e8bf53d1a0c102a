"""What representations are like, beside what they are good for: their rank, how firm they are, how small they may be.

None of these has a verdict. `protocol` says what each one is.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from residual.tabular.pretrain import Parts
from residual.tabular.quality import effective_rank, overlap
from residual_book.part4.embedding import fields, live, similar
from residual_book.part4.embedding.events import Organization
from residual_book.part4.embedding.protocol import SIZED, SIZES, Score
from residual_book.part4.embedding.representations import Points, Represent
from residual_book.part4.embedding.training import parts_of

EMPTIED = 0.1  # of the parts of an event
OTHER = 1000  # added to a seed for that of the other small organization
Rows = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Reduced:
    """The directions of a representation in which known events spread most."""

    of: Represent
    directions: PCA

    @classmethod
    def fit(cls, of: Represent, known: Rows, size: int) -> "Reduced":
        return cls(of, PCA(size, svd_solver="full").fit(of(*known)))

    def __call__(self, numeric: Tensor, categorical: Tensor) -> Points:
        return np.asarray(self.directions.transform(self.of(numeric, categorical)), np.float32)


def of(org: Organization, arm: str, represent: Represent, known: Rows, shown: Rows) -> Iterator[Score]:
    """The properties of a representation, of events to fit on and of those to look at."""
    points = represent(*shown)
    yield Score(org.seed, "rank", arm, effective_rank(points))
    if arm in SIZED:
        rng = np.random.default_rng(org.seed)
        yield Score(org.seed, "firm", arm, overlap(points, represent(*emptied(parts_of(org), shown, rng))))
        for size in SIZES:
            yield Score(org.seed, f"size {size}", arm, similar.precision(org, Reduced.fit(represent, known, size)))


def emptied(parts: Parts, rows: Rows, rng: np.random.Generator) -> Rows:
    """Events of which each lacks some parts, drawn for it alone; each column that is given to networks is one, too."""
    drawn = rng.random((len(rows[0]), len(parts.names))) < EMPTIED
    return fields.without(parts, rows, torch.from_numpy(drawn))


def overlaps(seed: int) -> Iterator[Score]:
    """How many neighbors stay when a network is trained or made again, in two small organizations."""
    small = live.measure((seed, seed + OTHER))
    for first, second in live.PAIRS:
        yield Score(seed, "overlap", second, small.overlap(first, second))
