"""Predict a field that is missing, for anybody and for entities that are new."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from torch import Tensor

from residual.tabular.pretrain import MaskedParts, Parts
from residual.tabular.quality import linear_probe
from residual_book.evaluation.watched import TEST
from residual_book.part4.embedding.events import Organization, sample
from residual_book.part4.embedding.representations import Represent, hiding
from residual_book.part4.embedding.training import parts_of

TARGETS = {  # a field of each class that has many events
    "authentication": "service.name",
    "network_activity": "dst_endpoint.port",
    "dns_activity": "query.type",
    "api_activity": "api.operation",
    "process_activity": "process.name",
}
VALUES = 20  # of a field; all others are one
TRAIN, ASKED = 4000, 3000
COPY = 0.98  # of the events: a column that tells the field so often gives it away
Names = NDArray[np.str_]


@dataclass(frozen=True)
class Question:
    """Events of one class without a field, to learn from and to be asked about.

    Attributes:
        train, test: numbers and codes without the part that holds the field, and without those that tell it.
        known, wanted: its values.
        by, about: the entities.
        new: which of the events asked about are of entities that the past has not seen.
        removed: parts that were taken away, bool (P,).
        code: which column of codes is the field.
        codes: what it was in the events asked about.
    """

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    known: Names
    wanted: Names
    by: Names
    about: Names
    new: NDArray[np.bool_]
    removed: Tensor
    code: int
    codes: NDArray[np.int64]


def questions(org: Organization, *, seed: int = 0) -> dict[str, Question]:
    """By field."""
    return {path: question(org, name, path, seed=seed) for name, path in TARGETS.items()}


def question(org: Organization, name: str, path: str, *, seed: int) -> Question:
    """What is asked about a field of a class."""
    events, rng = org.events[name], np.random.default_rng([seed, org.seed])
    values = events.table[path].cast(pl.String).fill_null("").to_numpy().astype(np.str_)
    filled = np.where(values != "", events.day, -1)
    past = sample(filled, range(TEST.start), TRAIN, rng)
    seen = np.unique(events.entity[events.day < TEST.start])
    fresh = ~np.isin(events.entity, seen)
    asked = np.concatenate([
        sample(np.where(fresh == side, filled, -1), TEST, ASKED, rng) for side in (False, True)
    ])  # fmt: skip
    often = [value for value, _ in Counter(values[past].tolist()).most_common(VALUES)]
    values = np.where(np.isin(values, often), values, "another")
    train, test = events.rows(past), events.rows(asked)
    parts, code = parts_of(org), org.encoder.categorical_names_.index(path)
    removed = telling(parts, train, values[past], code)
    return Question(
        without(parts, train, removed), without(parts, test, removed), values[past], values[asked],
        events.entity[past], events.entity[asked], fresh[asked], removed, code, test[1][:, code].numpy(),
    )  # fmt: skip


def telling(parts: Parts, rows: tuple[Tensor, Tensor], values: Names, code: int) -> Tensor:
    """The parts of an event that tell a field nearly always, and its own: bool (P,)."""
    removed = torch.zeros(len(parts.names) + 1, dtype=torch.bool)
    removed[parts.categorical[code]] = True
    for place, array in zip((parts.numeric, parts.categorical), rows, strict=True):
        for part, column in zip(place.tolist(), array.numpy().T, strict=True):
            # A column with a value for each event tells everything of those and nothing of others.
            if not removed[part] and len(np.unique(column)) <= len(column) / 20 and _told(column, values) >= COPY:
                removed[part] = True
    return removed[:-1]


def _told(column: NDArray[np.generic], values: Names) -> float:
    """How often the most frequent value beside each value of a column is right."""
    counts = pl.DataFrame({"column": column, "value": values}).group_by("column", "value").len()
    return float(counts.group_by("column").agg(pl.col("len").max())["len"].sum()) / len(values)


def without(parts: Parts, rows: tuple[Tensor, Tensor], removed: Tensor) -> tuple[Tensor, Tensor]:
    """Events as if some parts were empty: of all of them, bool (P,), or of each its own, (n, P)."""
    gone = F.pad(removed, (0, 1))
    return rows[0].masked_fill(gone[..., parts.numeric], 0.0), rows[1].masked_fill(gone[..., parts.categorical], 0)


Answers = tuple[float, float]  # accuracy for entities that are known, and for new ones; NaN where nobody is new


def linear(asked: Question, represent: Represent) -> Answers:
    """By logistic regression on a representation."""
    represent = hiding(represent, asked.removed)
    model = linear_probe(represent(*asked.train), asked.known)
    return _right(asked, model.predict(represent(*asked.test)) == asked.wanted)


@torch.no_grad()
def predicted(asked: Question, model: MaskedParts) -> Answers:
    """By a network that learned to predict hidden parts, asked itself; it has not learned from these events."""
    read = model.eval().read(*asked.test, asked.removed.expand(len(asked.wanted), -1))
    logits = model.logits(read, model.parts.codes.index(asked.code))
    return _right(asked, logits.argmax(1).numpy() == asked.codes)


def trees(asked: Question, represent: Represent) -> Answers:
    """By randomized trees."""
    model = ExtraTreesClassifier(100, min_samples_leaf=2, random_state=0)
    return _right(
        asked, model.fit(represent(*asked.train), asked.known).predict(represent(*asked.test)) == asked.wanted
    )


def counts(asked: Question) -> Answers:
    """By the value that the entity had most often; of everybody where it is new."""
    usual = Counter(asked.known.tolist()).most_common(1)[0][0]
    own = {who: Counter(asked.known[asked.by == who].tolist()).most_common(1)[0][0] for who in np.unique(asked.by)}
    return _right(asked, np.array([own.get(who, usual) for who in asked.about]) == asked.wanted)


def _right(asked: Question, right: NDArray[np.bool_]) -> Answers:
    fresh = right[asked.new].mean() if asked.new.any() else np.nan
    return float(right[~asked.new].mean()), float(fresh)


def mean(answers: Mapping[str, Answers]) -> Answers:
    """Over the fields that were asked for; of new entities over those fields where there are any."""
    known, new = np.array(list(answers.values())).T
    return float(known.mean()), float(np.nanmean(new))
