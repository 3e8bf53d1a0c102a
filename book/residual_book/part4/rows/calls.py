"""What the networks of this page learn: which operation a call to the cloud asks for, from what else is known of it.

Columns that name the operation in other words are left out, so that no single one settles the question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
import torch
from torch import Tensor

from residual_book.rows import Rows, rows

API_ACTIVITY = 6003  # `class_uid` of the calls
TARGET = "api.operation"
GIVEN_AWAY = ("api.", "http_request.", "http_response.", "activity_", "type_", "message", "metadata.event_code")
BINS = 50  # of a column of many numbers, where a single column predicts
USERS, DAYS, FITTED = 20, 10, 7  # days that are learned from; the others are for testing


@dataclass(frozen=True)
class Calls:
    """Calls to the cloud as tensors, in order of time.

    Attributes:
        numeric: float32 (N, f).
        categorical: int32 (N, c), with as many codes per column as `cardinalities`.
        target: the operation's number, int64 (N,).
        cardinalities: of the columns of codes.
        operations: their names.
        train: how many of the calls, the first ones, are learned from.
    """

    numeric: Tensor
    categorical: Tensor
    target: Tensor
    cardinalities: tuple[int, ...]
    operations: tuple[str, ...]
    train: int


@lru_cache(maxsize=2)
def calls(seed: int) -> Calls:
    """The calls of a simulated organization."""
    return of_rows(rows(seed, users=USERS, days=DAYS, fitted=FITTED), FITTED)


def of_rows(made: Rows, fitted: int) -> Calls:
    """The calls among all events, with the columns that are left and that differ within them.

    Calls of the first `fitted` days are learned from; operations that none of them has are left out.
    """
    table = made.table
    own = (table["class_uid"] == API_ACTIVITY).to_numpy()
    names = table.filter(pl.Series(own & (made.day < fitted)))[TARGET].unique().sort()
    own &= table[TARGET].is_in(names.to_list()).fill_null(False).to_numpy()
    numeric, categorical = made.where(own)
    kept = [_kept(made.encoder.numeric_names_, numeric), _kept(made.encoder.categorical_names_, categorical)]
    codes = {name: number for number, name in enumerate(names)}
    return Calls(
        numeric=numeric[:, kept[0]],
        categorical=categorical[:, kept[1]],
        target=torch.tensor([codes[name] for name in table.filter(pl.Series(own))[TARGET]]),
        cardinalities=tuple(made.encoder.cardinalities_[kept[1]].tolist()),
        operations=tuple(names),
        train=int((made.day[own] < fitted).sum()),
    )


def is_left(path: str) -> bool:
    """Whether a column is among the inputs: it does not name the operation, nor say how new that is."""
    return not path.startswith(GIVEN_AWAY) and TARGET not in path


def _kept(names: Sequence[str], values: Tensor) -> list[int]:
    """The encoded columns that are inputs and not the same in all rows."""
    differ = (values != values[:1]).any(dim=0)
    return [at for at, name in enumerate(names) if is_left(name.split(":")[0]) and differ[at]]


def single_columns(made: Rows, fitted: int) -> dict[str, float]:
    """How often one column by itself names the operation of the later days' calls, the best column first.

    It names the operation that was most frequent with its value on the first `fitted` days. Numbers stand in `BINS`.
    """
    own = (made.table["class_uid"] == API_ACTIVITY).to_numpy()
    table, early = made.table.filter(pl.Series(own)), made.day[own] < fitted
    usual = table.filter(pl.Series(early))[TARGET].mode().sort()[0]
    right = {}
    for path in filter(is_left, table.columns):
        column = table[path]
        if column.dtype.is_nested() or column.filter(pl.Series(early)).n_unique() < 2:
            continue
        if column.dtype.is_numeric() and column.n_unique() > BINS:
            numbers = column.cast(pl.Float64).to_numpy()
            column = pl.Series(np.digitize(numbers, np.nanquantile(numbers[early], np.linspace(0, 1, BINS))))
        pairs = table.select(TARGET).with_columns(column.cast(pl.String).fill_null("").alias("value"))
        before, after = pairs.filter(pl.Series(early)), pairs.filter(pl.Series(~early))
        guess = before.group_by("value").agg(pl.col(TARGET).mode().sort().first().alias("guess"))
        guesses = after.join(guess, on="value", how="left")
        right[path] = float(np.mean((guesses["guess"].fill_null(usual) == guesses[TARGET]).to_numpy()))
    return dict(sorted(right.items(), key=lambda item: -item[1]))
