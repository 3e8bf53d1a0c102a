"""How well a field can be guessed from the others: by what is frequent, by one other column, by a network.

A field is guessed while its whole part is hidden. All that counts learns from the days before the last one of those
that were fitted; the best other column, and how much its counts are smoothed, is what guessed best on that last day.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from residual.tabular.categories import FIRST
from residual.tabular.pretrain import MaskedParts, Parts
from residual_book.rows import Rows

LEARNED, CHOSEN, TESTED = 50, 20, 20  # events that have the field, at least, in the days of each kind
MOST_CHOSEN, MOST_TESTED = 1000, 500  # of them are used
PAIRS = 500_000  # of codes, for a pair of columns to be counted
SMOOTH = (1.0, 10.0)  # events that a prior counts for
SETTLED = 0.99  # share of right guesses from which another column is said to settle a field
RIVALS = ("majority", "entity", "best other column")
WHO = ("user.name", "actor.user.name", "device.hostname", "src_endpoint.hostname", "src_endpoint.ip")
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Field:
    """What was guessed of one field on the test days.

    Attributes:
        name: its path.
        other: the column that tells most of it.
        settled: whether that column settles it: `SETTLED`, on the day to choose by.
        right: by rival or arm, the share of events that were guessed right.
        score: by rival or arm, the mean logarithm of the probability of what was there.
    """

    name: str
    other: str
    settled: bool
    right: dict[str, float]
    score: dict[str, float]


@dataclass(frozen=True)
class Counts:
    """How often codes of one column came beside those of another: (others, values)."""

    table: Floats
    prior: Floats
    smooth: float

    def probabilities(self, codes: Ints) -> Floats:
        """Of each value, given the other column's codes: (n, values)."""
        counted = self.table[codes]
        return (counted + self.smooth * self.prior) / (counted.sum(1, keepdims=True) + self.smooth)


class Guesses:
    """What counting knows of each field, learned from the first days but one."""

    def __init__(self, data: Rows, parts: Parts, fitted: int) -> None:
        self.data, self.parts = data, parts
        self.codes = data.categorical.numpy().astype(np.int64)
        self.sizes, self.names = data.encoder.cardinalities_, data.encoder.categorical_names_
        self.days = data.day < fitted - 1, data.day == fitted - 1, data.day >= fitted

    def rows_of(self, column: int) -> tuple[Ints, Ints, Ints] | None:
        """Events that have the field: to learn from, to choose by, to test; None where they are too few."""
        rng = np.random.default_rng(column)
        filled = self.codes[:, column] >= FIRST
        learn, choose, test = (rng.permutation(np.flatnonzero(days & filled)) for days in self.days)
        if len(learn) < LEARNED or len(choose) < CHOSEN or len(test) < TESTED:
            return None
        return learn, choose[:MOST_CHOSEN], test[:MOST_TESTED]

    def counted(self, column: int, others: list[int], learn: Ints, choose: Ints) -> tuple[int, Counts]:
        """The one of some columns that guesses a field best, and its counts."""
        size, codes = int(self.sizes[column]), self.codes
        prior = np.bincount(codes[learn, column], minlength=size) + 1 / size
        best, highest = None, -np.inf
        for other in others:
            if self.sizes[other] * size > PAIRS:
                continue
            pairs = codes[learn, other] * size + codes[learn, column]
            table = np.bincount(pairs, minlength=int(self.sizes[other]) * size).reshape(-1, size)
            for smooth in SMOOTH:
                counts = Counts(table.astype(np.float64), prior / prior.sum(), smooth)
                score = _scores(counts.probabilities(codes[choose, other]), codes[choose, column])[1]
                if score > highest:
                    best, highest = (other, counts), score
        assert best is not None
        return best


def judged_fields(guesses: Guesses, arms: Mapping[str, MaskedParts]) -> list[Field]:
    """Every field of which there is enough."""
    fields, parts, codes, names = [], guesses.parts, guesses.codes, guesses.names
    part_of = parts.categorical.numpy()
    who = [names.index(name) for name in WHO if name in names]
    for place, column in enumerate(parts.codes):
        if (chosen := guesses.rows_of(column)) is None:
            continue
        learn, choose, test = chosen
        visible = [other for other in range(codes.shape[1]) if part_of[other] != part_of[column]]
        other, counts = guesses.counted(column, visible, learn, choose)
        entity, of_entity = guesses.counted(column, [w for w in who if w in visible], learn, choose)
        values = codes[test, column]
        found = {
            RIVALS[0]: _scores(np.tile(counts.prior, (len(test), 1)), values),
            RIVALS[1]: _scores(of_entity.probabilities(codes[test, entity]), values),
            RIVALS[2]: _scores(counts.probabilities(codes[test, other]), values),
            **{name: _scores(predicted(arm, guesses.data, test, place), values) for name, arm in arms.items()},
        }
        settled = _scores(counts.probabilities(codes[choose, other]), codes[choose, column])[0] >= SETTLED
        right, score = ({name: pair[i] for name, pair in found.items()} for i in (0, 1))
        fields.append(Field(names[column], names[other], bool(settled), right, score))
    return fields


@torch.no_grad()
def predicted(arm: MaskedParts, data: Rows, rows: Ints, place: int) -> Floats:
    """Probabilities of a field's codes, (n, values), by a network that does not see its part."""
    arm.eval()
    hidden = torch.zeros(len(rows), len(arm.parts.names), dtype=torch.bool)
    hidden[:, arm.parts.categorical[arm.parts.codes[place]]] = True
    read = arm.read(*data.where(rows), hidden)
    return F.softmax(arm.logits(read, place).double(), dim=1).numpy()


def _scores(probabilities: Floats, values: Ints) -> tuple[float, float]:
    """Share of right guesses, and the mean logarithm of what was given to the values."""
    given = probabilities[np.arange(len(values)), values]
    return float((probabilities.argmax(1) == values).mean()), float(np.log(np.maximum(given, 1e-12)).mean())
