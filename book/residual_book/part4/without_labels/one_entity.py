"""What is expected of one entity, hour by hour: the run of the page itself, on a smaller organization.

Told in `book/part4/without-labels.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy import stats
from torch import Tensor

from residual.simulate.calendar import HOUR, START
from residual.tabular.expectation import surprise
from residual_book.part4.without_labels.expectations import FIT, RIVALS, Fitted, Run, fitted, measured, observe
from residual_book.part4.without_labels.panels import panels


@dataclass(frozen=True)
class Example:
    """An entity in the days around its most surprising window.

    Attributes:
        entity: its name.
        feature: what is counted.
        hour: of each window, from the organization's first, (n,).
        seen: (n,).
        expected: by arm, the quantiles 0.05, 0.5 and 0.95 that were expected, (n, 3).
        surprise: of the network, (n,).
        at: the most surprising one of these windows.
        episode: type of the attack, fault or twin that the entity took part in during that window; "" for none.
    """

    entity: str
    feature: str
    hour: np.ndarray
    seen: np.ndarray
    expected: dict[str, np.ndarray]
    surprise: np.ndarray
    at: int
    episode: str = ""


def live(seed: int = 0, *, users: int = 25, days: int = 21) -> tuple[Run, Example]:
    """Three features of machines in a smaller organization, in three weeks; and an example of an expectation."""
    watched, some = observe(seed, users=users, days=days), [0, 4, 6]
    (panel,) = panels(watched.events, days, [("machine",)])
    few = replace(panel, features=tuple(panel.features[i] for i in some), values=panel.values[..., some])
    fit = fitted(few, (*RIVALS, "network", "without skip"), seed=seed)
    shown = example(fit, number=2)
    begin = START + shown.hour[shown.at] * HOUR
    named = (pl.col("kind") == "machine") & (pl.col("value") == shown.entity)
    then = watched.truth.touches.filter(named & pl.col("time").is_between(begin, begin + HOUR, closed="left"))
    types = then.join(watched.truth.episodes, on="episode")["type"].unique().sort()
    return measured(seed, [fit]), replace(shown, episode=", ".join(types))


def example(fit: Fitted, number: int, *, before: int = 60, after: int = 12) -> Example:
    """The most surprising window of a feature, a count, in the test days, and those around it."""
    panel, values = fit.panel, fit.past.values
    odd = surprise(fit.expected["network"].flatten(0, 1), values.flatten(0, 1), panel.sums).view(values.shape)
    odd = odd[..., number] * fit.tested
    entity, window = divmod(int(odd.argmax()), odd.shape[1])
    some = slice(max(window - before, 0), window + after)
    return Example(
        entity=panel.names[panel.entities[0]][entity],
        feature=str(panel.features[number]),
        hour=np.arange(values.shape[1])[some] * panel.hours + 24 * FIT.start,
        seen=values[entity, some, number].numpy(),
        expected={arm: quantiles(fit.expected[arm][entity, some, number]) for arm in ("seasonal mean", "network")},
        surprise=odd[entity, some].numpy(),
        at=window - some.start,
    )


def quantiles(expected: Tensor, levels: Sequence[float] = (0.05, 0.5, 0.95)) -> np.ndarray:
    """Of expected counts (n, 3): (n, levels)."""
    mean, a = expected[:, :2].double().exp().T.numpy()
    return np.stack([stats.nbinom.ppf(level, 1 / a, 1 / (1 + mean * a)) for level in levels], axis=1)
