"""What a representation is worth before anyone sees a label. Told in `book/part4/embedding.md`.

A representation is an array of points, one row per event, float (n, d). None of these measures says what it is good
for; together they say whether it holds what the events hold, whether it collapsed, and whether it would come out again.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

Points = NDArray[np.floating[Any]]
CHUNK = 4096  # points compared with a pool at a time


class Neighbors(NamedTuple):
    """Distances, from the nearest on, float32 (n, k), and which of the pool they are, int64 (n, k)."""

    distances: NDArray[np.float32]
    indices: NDArray[np.int64]


def nearest(points: Points, pool: Points, k: int) -> Neighbors:
    """The `k` points of a pool, (m, d), that are nearest to each of `points`, (n, d), by Euclidean distance.

    Raises:
        ValueError: for arrays that do not fit each other or are not finite, and for a `k` that is not from 1 to m.
    """
    _check(points, pool)
    if not 1 <= k <= len(pool):
        raise ValueError(f"k must be from 1 to {len(pool)}, the size of the pool, got {k}")
    known = torch.from_numpy(np.ascontiguousarray(pool, np.float32))
    middle = known.mean(0)  # about which rounding errors of the squares are least
    known, found = known - middle, []
    for some in torch.split(torch.from_numpy(np.ascontiguousarray(points, np.float32)), CHUNK):
        own = some - middle
        square = torch.addmm((known**2).sum(1).expand(len(own), -1), own, known.T, alpha=-2)
        least, index = square.topk(k, largest=False)
        found.append((((own**2).sum(1, keepdim=True) + least).clamp(min=0).sqrt(), index))
    return Neighbors(*(torch.cat(parts).numpy() for parts in zip(*found, strict=True)))


def linear_probe(points: Points, fields: NDArray[Any]) -> Pipeline:
    """Logistic regression of a field that was held out, (n,), on standardized points; `score` is its accuracy."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=200, tol=1e-3)).fit(points, fields)


def overlap(first: Points, second: Points, *, k: int = 10) -> float:
    """Share of the `k` nearest neighbors of a point in one representation that are so in another, (n, e), as well.

    It says how stable a representation is when events are perturbed or a network is trained again: 1 is the same
    neighbors, and k / (n - 1) is chance. Distances may be stretched or turned.
    """
    sides = [nearest(points, points, k + 1).indices for points in (first, second)]
    own = np.arange(len(first))[:, None]
    # A point is its own nearest neighbor, unless others lie in the same place.
    others = [np.take_along_axis(i, np.argsort(i == own, axis=1, kind="stable")[:, :k], axis=1) for i in sides]
    return float((others[0][:, :, None] == others[1][:, None, :]).any(2).mean())


def effective_rank(points: Points) -> float:
    """In how many directions the points spread: the exponential of the entropy of their normalized singular values.

    From 1 to d. Roy & Vetterli 2007, section 2; here of the centered points, so that their mean is no direction.
    """
    values = np.linalg.svd((points - points.mean(0)).astype(np.float64), compute_uv=False)
    if not values.sum() > 0:
        raise ValueError("points must differ, got points that are all the same")
    share = values / values.sum()
    return float(np.exp(-(share[share > 0] * np.log(share[share > 0])).sum()))


class Residual(NamedTuple):
    """Directions of least variance: the mean (d,) and an orthonormal basis (d, r)."""

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]

    def __call__(self, points: Points) -> NDArray[np.float32]:
        """The points in the subspace: (n, d) -> (n, r)."""
        return np.asarray((points - self.mean) @ self.basis, np.float32)


def residual_subspace(points: Points, *, share: float = 0.1) -> Residual:
    """The directions of least variance, as many as hold no more than `share` of it, one at least.

    Mai, Davies & Griffin 2023 look for anomalies there, and leave out the directions in which the normal points spread.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must be between 0 and 1, got {share}")
    mean = points.mean(0)
    variance, directions = np.linalg.eigh(np.cov((points - mean).T.astype(np.float64)).reshape(points.shape[1], -1))
    count = max(int((np.cumsum(variance) <= share * variance.sum()).sum()), 1)
    return Residual(mean.astype(np.float32), directions[:, :count].astype(np.float32))


def _check(points: Points, pool: Points) -> None:
    if points.ndim != 2 or pool.ndim != 2 or points.shape[1] != pool.shape[1]:
        raise ValueError(f"points must be (n, d) and (m, d), got {points.shape} and {pool.shape}")
    if not (np.isfinite(points).all() and np.isfinite(pool).all()):
        raise ValueError("points must be finite")
