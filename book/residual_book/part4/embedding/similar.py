"""Find events like this one: how often the nearest events of other episodes are of the same type."""

import numpy as np
from numpy.typing import NDArray

from residual.tabular.quality import nearest
from residual_book.evaluation.watched import TEST
from residual_book.part4.embedding.events import Organization
from residual_book.part4.embedding.representations import Represent

NEAREST = 10
PER_EPISODE, QUERIES = 20, 5  # events of an episode that can be found, and that ask


def precision(org: Organization, represent: Represent) -> float:
    """Mean over the types of episodes, attacks and twins, of the precision of the ten nearest events."""
    points, types, episodes, asks = [], [], [], []
    for events in org.events.values():
        which = np.concatenate([np.flatnonzero(events.episode == n)[:PER_EPISODE] for n in _names(events.episode)])
        points.append(represent(*events.rows(which)))
        types.append(events.type[which])
        episodes.append(events.episode[which])
        asks.append(events.day[which] >= TEST.start)
    return mean_precision(*map(np.concatenate, (points, types, episodes, asks)))


def mean_precision(
    points: NDArray[np.float32], types: NDArray[np.str_], episodes: NDArray[np.str_], asks: NDArray[np.bool_]
) -> float:
    """As `precision`, of points with the types and names of their episodes, and whether they may ask: (n, d), (n,).

    A type with a single episode has nothing to be found, and is left out.
    """
    shares = []
    for kind in _names(types):
        names = _names(episodes[types == kind])
        each = []
        for name in names if len(names) > 1 else ():
            queries, others = np.flatnonzero((episodes == name) & asks)[:QUERIES], np.flatnonzero(episodes != name)
            if len(queries):
                found = others[nearest(points[queries], points[others], NEAREST).indices]
                each.append((types[found] == kind).mean())
        if each:
            shares.append(np.mean(each))
    return float(np.mean(shares))


def _names(values: NDArray[np.str_]) -> list[str]:
    return [str(name) for name in np.unique(values) if name]
