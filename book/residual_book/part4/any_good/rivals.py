"""Who answers the questions: guesses, lines, trees and networks, each with the settings that it may be given.

A rival learns from the first part of a task and looks at the second to know when to stop. It returns a function that
answers: probabilities of the classes (n, classes), or a number for each row (n,).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from rtdl_revisiting_models import MLP, CategoricalEmbeddings, FTTransformer
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from torch import Tensor, nn

from residual.tabular.resnet import TabularResNet
from residual.training import Judged, Recipe, adamw, train
from residual_book.organizations import Array
from residual_book.part4.any_good.tables import Part, Task
from residual_book.recording import alone

Settings = dict[str, float]
Answers = Callable[[Part], Array]
STEPS, EVERY, BATCH = 800, 100, 64
BINS = 32  # of a number, where it is the one column to go by
DOUBT = 10.0  # rows that the answer to all rows counts for, beside those of a value
CODES = 255  # of a column, at most, that a tree tells apart
TREES, PATIENCE = 300, 15


@dataclass(frozen=True)
class Rival:
    """How to learn from a task with some settings, and the settings to try: the first, and how to draw others."""

    fit: Callable[[Task, Settings, int], Answers]
    first: Settings
    draw: Callable[[np.random.Generator], Settings] | None = None


def loss(task: Task, part: Part, answers: Array) -> float:
    """Log loss of probabilities, or mean squared error of numbers in units of the rows to learn from."""
    if not task.classes:
        return float(np.mean((answers - part.target) ** 2))
    likely = answers[np.arange(len(answers)), part.target]
    return float(-np.mean(np.log(np.clip(likely, 1e-7, None))))


def error(task: Task, part: Part, answers: Array) -> float:
    """Share of wrong answers, or the root of the mean squared error in the target's own unit."""
    if not task.classes:
        return task.unit * loss(task, part, answers) ** 0.5
    return float(np.mean(answers.argmax(axis=1) != part.target))


def constant(task: Task, settings: Settings, seed: int) -> Answers:
    """The mean or the shares of the classes, whatever the row."""
    target = task.learn.target
    answer = np.bincount(target, minlength=task.classes) / len(target) if task.classes else np.array(target.mean())
    return lambda part: np.broadcast_to(answer, (len(part.target), *answer.shape))


def one_column(task: Task, settings: Settings, seed: int) -> Answers:
    """For each value of one column, or range of a number, what came with it; the column is the best on the second part.

    The column's place is in `settings["column"]` if it is there already.
    """
    edges = [np.unique(np.quantile(x, np.linspace(0, 1, BINS + 1)[1:-1])) for x in task.learn.numeric.T]
    overall = constant(task, settings, seed)(task.learn)[:1]
    wanted = np.eye(task.classes)[task.learn.target] if task.classes else task.learn.target[:, None]

    def of(column: int) -> Answers:
        def values(part: Part) -> NDArray[np.int64]:
            if column < len(edges):
                return np.searchsorted(edges[column], part.numeric[:, column])
            return part.categorical[:, column - len(edges)]

        size = len(edges[column]) + 1 if column < len(edges) else task.cardinalities[column - len(edges)]
        known = values(task.learn)
        count = np.bincount(known, minlength=size)[:, None]
        total = np.stack([np.bincount(known, weights, size) for weights in wanted.T], axis=1)
        mean = (total + DOUBT * overall.reshape(1, -1)) / (count + DOUBT)
        return lambda part: mean[values(part)] if task.classes else mean[values(part), 0]

    every = [of(column) for column in range(len(edges) + len(task.cardinalities))]
    losses = [loss(task, task.choose, answers(task.choose)) for answers in every]
    settings["column"] = int(np.argmin(losses))
    return every[int(settings["column"])]


def linear(task: Task, settings: Settings, seed: int) -> Answers:
    """A logistic or ridge regression on the numbers and one column per code."""

    def columns(part: Part) -> sparse.csr_matrix:
        sizes = np.array(task.cardinalities, np.int64)
        places = part.categorical + np.cumsum(sizes) - sizes
        ones, starts = np.ones(places.size, np.float32), np.arange(len(places) + 1) * len(sizes)
        codes = sparse.csr_matrix((ones, places.ravel(), starts), shape=(len(places), int(sizes.sum())))
        return sparse.hstack([sparse.csr_matrix(part.numeric), codes]).tocsr()

    model = LogisticRegression(C=settings["C"], max_iter=300) if task.classes else Ridge(1 / settings["C"])
    model.fit(columns(task.learn), task.learn.target)
    return lambda part: model.predict_proba(columns(part)) if task.classes else model.predict(columns(part))


def trees(task: Task, settings: Settings, seed: int) -> Answers:
    """Gradient-boosted trees, which stop when the second part has not improved for a while."""
    counts = [
        np.bincount(codes, minlength=size)
        for codes, size in zip(task.learn.categorical.T, task.cardinalities, strict=True)
    ]
    frequent = [np.sort(np.argsort(-count, kind="stable")[: CODES - 1]) for count in counts]

    def columns(part: Part) -> Array:
        codes = []
        for own, known in zip(part.categorical.T, frequent, strict=True):  # the rarer ones become one
            place = np.searchsorted(known, own).clip(max=len(known) - 1)
            codes.append(np.where(known[place] == own, place, len(known)))
        return np.column_stack([part.numeric, *codes])

    kind = HistGradientBoostingClassifier if task.classes else HistGradientBoostingRegressor
    categorical = np.arange(task.learn.numeric.shape[1] + len(frequent)) >= task.learn.numeric.shape[1]
    model = kind(
        learning_rate=settings["learning_rate"], max_leaf_nodes=int(settings["leaves"]),
        min_samples_leaf=int(settings["rows_of_a_leaf"]), l2_regularization=settings["l2"], max_iter=TREES,
        categorical_features=categorical, early_stopping=True, n_iter_no_change=PATIENCE, random_state=seed,
    )  # fmt: skip
    model.fit(columns(task.learn), task.learn.target, X_val=columns(task.choose), y_val=task.choose.target)

    def staged(part: Part) -> Iterator[Array]:
        return model.staged_predict_proba(columns(part)) if task.classes else model.staged_predict(columns(part))

    # It keeps the trees that made it no better; a network goes back to its best weights, so this one does, too.
    best = int(np.argmin([loss(task, task.choose, answers) for answers in staged(task.choose)]))
    return lambda part: next(islice(staged(part), best, None))


class Embedded(nn.Module):
    """rtdl's MLP behind rtdl's embeddings of codes."""

    def __init__(self, task: Task, d_embedding: int, **sizes: Any) -> None:
        super().__init__()
        codes = list(task.cardinalities)
        self.embeddings = CategoricalEmbeddings(codes, d_embedding, bias=False) if codes else None
        self.net = MLP(d_in=len(task.numeric_names) + len(codes) * d_embedding, **sizes)

    def forward(self, numeric: Tensor, categorical: Tensor | None) -> Tensor:
        embedded = [] if self.embeddings is None else [self.embeddings(categorical).flatten(1)]
        return self.net(torch.cat([numeric, *embedded], dim=1))


def _mlp(task: Task, settings: Settings) -> nn.Module:
    width, blocks, embedding = (int(settings[name]) for name in ("width", "blocks", "embedding"))
    sizes = {"n_blocks": blocks, "d_block": width, "dropout": settings["dropout"]}
    return Embedded(task, embedding, d_out=max(task.classes, 1), **sizes)


def _resnet(task: Task, settings: Settings) -> nn.Module:
    width, blocks, embedding = (int(settings[name]) for name in ("width", "blocks", "embedding"))
    return TabularResNet(
        len(task.numeric_names), task.cardinalities, d_embedding=embedding, d_block=width, n_blocks=blocks,
        d_hidden_multiplier=2.0, dropouts=(settings["dropout"], 0.0), d_out=max(task.classes, 1),
    )  # fmt: skip


def _transformer(task: Task, settings: Settings) -> nn.Module:
    return FTTransformer(
        n_cont_features=len(task.numeric_names), cat_cardinalities=list(task.cardinalities), d_out=max(task.classes, 1),
        n_blocks=int(settings["blocks"]), d_block=int(settings["width"]), attention_n_heads=4,
        attention_dropout=settings["dropout"], ffn_d_hidden=None, ffn_d_hidden_multiplier=4 / 3,
        ffn_dropout=settings["dropout"] / 2, residual_dropout=0.0,
    )  # fmt: skip


def _network(make: Callable[[Task, Settings], nn.Module]) -> Callable[[Task, Settings, int], Answers]:
    """How to train a network: always as many steps, and in the end the weights that did best on the second part."""

    def fit(task: Task, settings: Settings, seed: int) -> Answers:
        recipe = Recipe(
            STEPS // EVERY, BATCH, settings["rate"], "cosine", 0.05, weight_decay=settings["decay"], seed=seed
        )
        numeric, codes, target = (torch.from_numpy(values) for values in vars(task.learn).values())

        def batches(step: int) -> Iterator[Tensor]:
            generator = torch.Generator().manual_seed(seed)
            while True:
                order = torch.randperm(len(target), generator=generator)
                yield from order[: len(target) // BATCH * BATCH].split(BATCH)

        def objective(rows: Tensor) -> Judged:
            out, wanted = net(numeric[rows], codes[rows] if task.cardinalities else None), target[rows]
            if task.classes:
                return Judged(F.cross_entropy(out, wanted), (out.argmax(1) != wanted).sum(), len(rows))
            return Judged(F.mse_loss(out[:, 0], wanted), torch.tensor(0), len(rows))

        @torch.no_grad()
        def answers(part: Part) -> Array:
            net.eval()
            pairs = zip(*(torch.from_numpy(x).split(500) for x in (part.numeric, part.categorical)), strict=True)
            out = torch.cat([net(x, codes if task.cardinalities else None) for x, codes in pairs]).double()
            return (out.softmax(1) if task.classes else out[:, 0]).numpy()

        with alone(seed):
            net = make(task, settings)
            train(
                net, adamw(net, recipe), recipe, batches, objective, steps=STEPS, every=EVERY,
                validate=lambda: loss(task, task.choose, answers(task.choose)), progress=False,
            )  # fmt: skip
        return answers

    return fit


def _of_a_line(rng: np.random.Generator) -> Settings:
    return {"C": float(10 ** rng.uniform(-3, 1))}


def _of_trees(rng: np.random.Generator) -> Settings:
    leaves, rows = rng.choice([7, 15, 31, 63]), rng.choice([5, 20, 50])
    rate, l2 = 10 ** rng.uniform(-1.5, -0.5), 10 ** rng.uniform(-3, 1)
    return {"learning_rate": float(rate), "leaves": float(leaves), "rows_of_a_leaf": float(rows), "l2": float(l2)}


def _of_a_network(widths: tuple[int, ...], blocks: int) -> Callable[[np.random.Generator], Settings]:
    def draw(rng: np.random.Generator) -> Settings:
        return {
            "width": float(rng.choice(widths)), "blocks": float(rng.integers(1, blocks + 1)),
            "embedding": float(rng.choice([4, 8, 16])), "dropout": float(rng.choice([0.0, 0.1, 0.25, 0.4])),
            "rate": float(10 ** rng.uniform(-3, -2)), "decay": float(10 ** rng.uniform(-5, -1)),
        }  # fmt: skip

    return draw


_USUAL = {"width": 64.0, "blocks": 2.0, "embedding": 8.0, "dropout": 0.1, "rate": 3e-3, "decay": 1e-2}
RIVALS: Mapping[str, Rival] = {
    "constant": Rival(constant, {}),
    "one column": Rival(one_column, {}),
    "linear": Rival(linear, {"C": 1.0}, _of_a_line),
    "trees": Rival(trees, {"learning_rate": 0.1, "leaves": 31.0, "rows_of_a_leaf": 20.0, "l2": 0.0}, _of_trees),
    "MLP": Rival(_network(_mlp), _USUAL, _of_a_network((32, 64, 128), 3)),
    "ResNet": Rival(_network(_resnet), _USUAL, _of_a_network((32, 64, 128), 3)),
    "FT-Transformer": Rival(_network(_transformer), _USUAL | {"width": 32.0}, _of_a_network((16, 32), 2)),
}
