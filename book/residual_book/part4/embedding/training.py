"""The networks that learn without labels, all of one shape, for equally many steps on the events of the first week."""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import torch

from residual.tabular.batches import Batch
from residual.tabular.fitting import DECAY, NETWORK, RATE, given
from residual.tabular.pretrain import Contrastive, MaskedParts, Parts, steps_of
from residual.tabular.resnet import TabularResNet
from residual.training import Recipe, adamw, train
from residual_book.evaluation.watched import FIRST_WEEK
from residual_book.part4.embedding.events import Organization, rows_of
from residual_book.recording import alone

STEPS, BATCH = 1350, 512  # about three passes over the first week of 80 people
RECIPE = Recipe(epochs=1, batch_size=BATCH, peak_lr=RATE, weight_decay=DECAY)
M = TypeVar("M", MaskedParts, Contrastive)


def parts_of(org: Organization) -> Parts:
    """What is hidden or exchanged together; who acts, when, and what came before is given."""
    return Parts.of(org.encoder, given(org.encoder))


def network(org: Organization, *, seed: int) -> TabularResNet:
    """The shape of all networks of this page, untrained."""
    sizes, n_numeric = org.encoder.cardinalities_.tolist(), len(org.encoder.numeric_names_)
    with alone(seed):
        return TabularResNet(n_numeric, sizes, **NETWORK)


def masked(org: Organization, *, seed: int) -> MaskedParts:
    """A network that learned to predict hidden parts of events."""
    with alone(seed):
        model = MaskedParts(network(org, seed=seed), parts_of(org), seed=seed)
    return learned(org, model, seed=seed)


def contrastive(
    org: Organization, *, seed: int, steps: int = STEPS, size: int = BATCH, days: range = FIRST_WEEK
) -> Contrastive:
    """A network that learned to find an event again after many of its parts were exchanged (SCARF)."""
    with alone(seed):
        model = Contrastive(network(org, seed=seed), parts_of(org), seed=seed)
    return learned(org, model, seed=seed, steps=steps, size=size, days=days)


def learned(
    org: Organization, model: M, *, seed: int, steps: int = STEPS, size: int = BATCH, days: range = FIRST_WEEK
) -> M:
    """Train a model in place, on the events of some days, in batches of a size."""
    numeric, categorical = rows_of([events.stored(np.isin(events.day, days)) for events in org.events.values()])

    def one_pass(number: int, start: int) -> Iterator[Batch]:
        order = np.random.default_rng((seed, number)).permutation(len(numeric))
        for begin in range(start * size, len(order) - size + 1, size):
            rows = torch.from_numpy(order[begin : begin + size])
            yield Batch(numeric[rows].float(), categorical[rows].int(), rows)

    batches = steps_of(one_pass, len(numeric) // size)
    with alone(seed):
        train(model, adamw(model, RECIPE), RECIPE, batches, model, steps=steps, every=50, progress=False)
    return model.eval()
