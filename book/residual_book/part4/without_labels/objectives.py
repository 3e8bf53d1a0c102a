"""Networks that learn from the rows of an organization by two objectives, and what they have learned.

Told in `book/part4/without-labels.md`. Days 0 to 6 are learned from, the last of them to choose with; the rest test.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from residual.tabular.pretrain import Contrastive, MaskedParts, Parts, mean_loss
from residual.tabular.quality import effective_rank
from residual.tabular.resnet import TabularResNet
from residual.training import History, Recipe, adamw, train
from residual_book.part4.without_labels.fields import RIVALS, Field, Guesses, judged_fields
from residual_book.recording import RESULTS, alone, listed, record_all
from residual_book.rows import Rows, rows

SEEDS = (50, 51, 52, 53, 54)  # of the recording, never looked at before
LIVE = 0  # the organization that the page runs
RESULT = RESULTS / "objectives.json"
USERS, DAYS, FITTED = 20, 10, 7
RECIPE = Recipe(epochs=4, batch_size=512, peak_lr=0.01, weight_decay=1e-4)
CURVE = 10  # values of a training curve
CHECKED = 16  # batches of the chosen day that a curve is measured on
RANKED = 2000  # events of the test days whose embeddings have their rank measured
ARMS: dict[str, dict[str, float]] = {  # each differs from "masked" in one thing
    "masked": {},
    "six in ten hidden": {"hide": 0.6},
    "one block": {},
}
UNTRAINED, CONTRASTIVE = "untrained", "contrastive"


@dataclass(frozen=True)
class Run:
    """What the networks of one organization have learned.

    Attributes:
        seed: of the organization and of the weights.
        events: that were learned from.
        fields: what was guessed of each field, and how well, by the rivals and by the arms of the masked network.
        curve: by objective, the loss on the day that training was watched by, before it and along it.
        found: share of rows that the contrastive network finds again in its last passes.
        rank: by network, the effective rank of its embeddings.
    """

    seed: int
    events: int
    fields: tuple[Field, ...]
    curve: dict[str, tuple[float, ...]]
    found: float
    rank: dict[str, float]

    def __post_init__(self) -> None:
        read = tuple(Field(**f) if isinstance(f, dict) else f for f in self.fields)
        object.__setattr__(self, "fields", read)


def network(data: Rows, *, n_blocks: int = 2) -> TabularResNet:
    """A new network for the rows, of torch's random numbers."""
    return TabularResNet(
        len(data.encoder.numeric_names_), data.encoder.cardinalities_.tolist(),
        d_embedding=8, d_block=128, n_blocks=n_blocks, d_hidden_multiplier=2.0, dropouts=(0.0, 0.0),
    )  # fmt: skip


def learned(
    data: Rows, objective: MaskedParts | Contrastive, recipe: Recipe, days: int, steps: int | None = None
) -> History:
    """Train an objective on all but the last of the first `days`; by the last one its curve is measured."""
    earlier, watched = data.day < days - 1, data.day == days - 1
    steps = steps or recipe.epochs * (int(earlier.sum()) // recipe.batch_size)
    checks = list(islice(data.steps(watched, recipe.batch_size, 0)(0), CHECKED))
    return train(
        objective, adamw(objective, recipe), recipe, data.steps(earlier, recipe.batch_size, recipe.seed), objective,
        steps=steps, every=max(steps // CURVE, 1), validate=partial(mean_loss, objective, checks), progress=False,
    )  # fmt: skip


def measure(seed: int, *, checkpoint: Path | None = None) -> Run:  # minutes, so nothing is kept of it
    """All arms on one organization. It takes minutes, so nothing is kept at `checkpoint`."""
    data = rows(seed, users=USERS, days=DAYS, fitted=FITTED)
    parts = Parts.of(data.encoder, data.given)
    guesses = Guesses(data, parts, FITTED)
    rng = np.random.default_rng(seed)
    ranked = data.where(rng.permutation(np.flatnonzero(data.day >= FITTED))[:RANKED])
    arms, curve, rank = dict[str, MaskedParts](), dict[str, tuple[float, ...]](), dict[str, float]()
    with alone(seed):
        rank[UNTRAINED] = rank_of(network(data), ranked)
        for name, options in ARMS.items():
            torch.manual_seed(seed)
            net = network(data, n_blocks=1 if name == "one block" else 2)
            arms[name] = MaskedParts(net, parts, seed=seed, **options)
            history = learned(data, arms[name], RECIPE, FITTED)
            curve[name], rank[name] = tuple(history.valid_loss), rank_of(arms[name].net, ranked)
        torch.manual_seed(seed)
        contrastive = Contrastive(network(data), parts, seed=seed)
        history = learned(data, contrastive, RECIPE, FITTED)
        curve[CONTRASTIVE], rank[CONTRASTIVE] = tuple(history.valid_loss), rank_of(contrastive.net, ranked)
        fields = judged_fields(guesses, arms)
    return Run(
        seed=seed,
        events=int((data.day < FITTED - 1).sum()),
        fields=tuple(fields),
        curve=curve,
        found=1 - history.train_error[-1] / 100,
        rank=rank,
    )


@torch.no_grad()
def rank_of(net: TabularResNet, some: Sequence[torch.Tensor]) -> float:
    """The effective rank of the embeddings of some rows."""
    return effective_rank(net.eval().embed(*some).numpy())


def record(out: Path, seeds: Iterable[int]) -> None:
    """Record organizations that are not yet in `out`."""

    def command(keys: Collection[tuple[int]]) -> str:
        return f"residual-book objectives --out {out.parent.name}/{out.name} --seeds {listed(s for (s,) in keys)}"

    record_all(
        out, {(seed,): partial(measure, seed) for seed in seeds}, Run, key=lambda run: (run.seed,), command=command,
        label="organizations", recipe=RECIPE, users=USERS, days=DAYS, fitted=FITTED,
    )  # fmt: skip


def unsettled(run: Run) -> list[Field]:
    """The fields of a run that no other column settles."""
    return [field for field in run.fields if not field.settled]


def won(run: Run, measure: str = "right", arm: str = "masked") -> float:
    """Share of these fields on which an arm guesses better than the best other column: "right" or "score"."""
    gains = [getattr(field, measure)[arm] - getattr(field, measure)[RIVALS[2]] for field in unsettled(run)]
    return float(np.mean(np.array(gains) > 0))


def guessed(name: str, run: Run) -> float:
    """Share of right guesses of these fields by a rival or an arm, in the mean over fields."""
    return float(np.mean([field.right[name] for field in unsettled(run)]))


def scored(name: str, run: Run) -> float:
    """Log score of these fields by a rival or an arm, in the mean over fields."""
    return float(np.mean([field.score[name] for field in unsettled(run)]))
