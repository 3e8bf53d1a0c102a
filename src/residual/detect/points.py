"""How odd a single row is beside rows of the past. Told in `book/part5/distance.md`.

All detectors here have one manner: `fit` with the rows of the past, then `oddness` of new ones. **The higher, the
odder**, which is the other way round than scikit-learn's `score_samples`, and the same as PyOD's `decision_function`.
A row's oddness depends on the fitted rows alone, never on the rows that it is asked about with. A fitted row is taken
for a new one: it finds itself among its neighbors.

Rows are arrays of shape (rows, columns) of finite numbers, and distances are Euclidean: scale the columns before.
"""

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import IsolationForest as SklearnForest
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from residual.extras import need

EXACT = 200_000  # rows up to which all distances are looked at
PROBED, PLANTED = 16, 100  # cells of an index that a search looks into; outliers that its recall is measured with
CHUNK = 4096  # rows whose neighbors are held at a time
Floats = NDArray[np.float64]


class Detector(ABC):
    """What all detectors share: checks of what comes in.

    Attributes:
        columns_: how many columns the fitted rows had.
    """

    columns_: int

    def fit(self, rows: ArrayLike) -> Self:
        """Learn what is usual from the rows of the past.

        Raises:
            ValueError: for no table of finite numbers, or fewer rows than are needed.
        """
        known = _checked(rows)
        self._fit(known)
        self.columns_ = known.shape[1]
        return self

    def oddness(self, rows: ArrayLike) -> Floats:
        """How odd each row is, the higher the odder: (rows,).

        Raises:
            ValueError: before `fit`, for no table of finite numbers, or another number of columns than were fitted.
        """
        if not hasattr(self, "columns_"):
            raise ValueError(f"{type(self).__name__} must be fitted before it is asked for oddness")
        new = _checked(rows)
        if new.shape[1] != self.columns_:
            raise ValueError(f"rows must have {self.columns_} columns, as the fitted ones had, got {new.shape[1]}")
        return self._oddness(new) if len(new) else np.zeros(0)

    @abstractmethod
    def _fit(self, rows: Floats) -> None: ...

    @abstractmethod
    def _oddness(self, rows: Floats) -> Floats: ...


class Neighbors(Detector):
    """Distance to the k-th nearest row of the past (Ramaswamy, Rastogi & Shim 2000).

    Of up to `EXACT` rows of the past, all are looked at. Of more, faiss sorts them into 4 sqrt(rows) cells, and only
    the `PROBED` nearest cells are: a distance then is never too small, and sometimes too large. A graph of neighbors
    (HNSW) would be faster still, but what lies far from everything may become unreachable in it.

    Args:
        k: which neighbor; a group of fewer than k anomalies does not hide itself.

    Attributes:
        recall_: share of the k nearest rows that a search finds, or others as near, for outliers planted at three
            times the distance of fitted rows from the mean; 1 where all rows are looked at.
    """

    recall_: float

    def __init__(self, k: int = 5) -> None:
        self.k = _positive("k", k)

    def _fit(self, rows: Floats) -> None:
        _enough(rows, self.k, f"as many as k={self.k}")
        self._mean = rows.mean(axis=0)  # far from the origin, differences of squares would lose the distance
        self._past = rows - self._mean
        self._all = NearestNeighbors(n_neighbors=self.k, algorithm="brute").fit(self._past)
        self._cells, self.recall_ = None, 1.0
        if len(rows) > EXACT:
            need(f"Neighbors of more than {EXACT:,} rows", "detect", "faiss")
            import faiss

            single = self._past.astype(np.float32)
            columns = rows.shape[1]
            self._cells = faiss.IndexIVFFlat(faiss.IndexFlatL2(columns), columns, int(4 * len(rows) ** 0.5))
            self._cells.train(single)
            self._cells.add(single)
            self._cells.nprobe = PROBED
            planted = 3 * self._past[np.random.default_rng(0).choice(len(rows), PLANTED, replace=False)]
            exact = self._apart(planted, self._all.kneighbors(planted, return_distance=False))
            near = self._apart(planted, self._nearest(planted)) <= exact.max(axis=1, keepdims=True)
            self.recall_ = float(near.mean())

    def _nearest(self, rows: Floats) -> NDArray[np.int64]:
        if self._cells is None:
            return self._all.kneighbors(rows, return_distance=False)
        near = self._cells.search(rows.astype(np.float32), self.k)[1]
        if (few := (near < 0).any(axis=1)).any():  # the cells held fewer than k rows
            near[few] = self._all.kneighbors(rows[few], return_distance=False)
        return near

    def _apart(self, rows: Floats, nearest: NDArray[np.int64]) -> Floats:
        """Distances (rows, k) again: those of a search come from products of whole batches, and round as these do."""
        return np.linalg.norm(self._past[nearest] - rows[:, None], axis=2)

    def _oddness(self, rows: Floats) -> Floats:
        parts = np.split(rows - self._mean, range(CHUNK, len(rows), CHUNK))
        return np.concatenate([self._apart(part, self._nearest(part)).max(axis=1) for part in parts])


class LocalOutliers(Detector):
    """Local outlier factor: how much thinner the rows lie around a row than around its neighbors (Breunig et al. 2000).

    About 1 where they lie as thick. Equal rows of the past count once, as the paper advises: more than k of them would
    have no distance, and any row near them an endless factor.

    Args:
        k: how many neighbors are looked at.
    """

    def __init__(self, k: int = 20) -> None:
        self.k = _positive("k", k)

    def _fit(self, rows: Floats) -> None:
        rows = np.unique(rows, axis=0)
        _enough(rows, self.k + 1, f"more different ones than k={self.k}")
        self._factor = LocalOutlierFactor(n_neighbors=self.k, novelty=True).fit(rows)

    def _oddness(self, rows: Floats) -> Floats:
        return -self._factor.score_samples(rows)


class IsolationForest(Detector):
    """How few random cuts set a row apart from others, as a number from 0 to 1 (Liu, Ting & Zhou 2008).

    Args:
        trees: how many draw their own cuts, each among 256 rows of the past.
        seed: of the cuts.
    """

    def __init__(self, trees: int = 100, *, seed: int = 0) -> None:
        self.trees, self.seed = _positive("trees", trees), seed

    def _fit(self, rows: Floats) -> None:
        _enough(rows, 2, "two or more")
        self._forest = SklearnForest(n_estimators=self.trees, random_state=self.seed).fit(rows)

    def _oddness(self, rows: Floats) -> Floats:
        return -self._forest.score_samples(rows)


class Tails(Detector):
    """ECOD: how far out in the tails of its columns a row lies, added up over the columns (Li et al. 2022).

    Of each column, the rarer tail counts, or that to which the column is skewed if this says more. The tails are those
    of the past and the row itself. PyOD's class gives the same for one row at a time, which is slow; of several at once
    it makes each other's past.
    """

    def _fit(self, rows: Floats) -> None:
        _enough(rows, 2, "two or more")
        self._sorted = np.sort(rows, axis=0)
        self._mean = rows.mean(axis=0)
        self._square, self._cube = (((rows - self._mean) ** power).sum(axis=0) for power in (2, 3))

    def _oddness(self, rows: Floats) -> Floats:
        n = len(self._sorted)
        columns = list(zip(self._sorted.T, rows.T, strict=True))
        below = np.stack([np.searchsorted(past, new, side="right") for past, new in columns], axis=1)
        above = n - np.stack([np.searchsorted(past, new, side="left") for past, new in columns], axis=1)
        left, right = (-np.log((count + 1) / (n + 1)) for count in (below, above))
        off = rows - self._mean  # the sign of the skewness with the new row among the others (Pébay 2008)
        skew = np.sign(self._cube + off**3 * n * (n - 1) / (n + 1) ** 2 - 3 * off * self._square / (n + 1))
        skewed = np.where(skew <= 0, left, 0) + np.where(skew >= 0, right, 0)
        return np.maximum(np.maximum(left, right), skewed).sum(axis=1)


def _checked(given: ArrayLike) -> Floats:
    try:
        rows = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"rows must be an array of numbers, (rows, columns): {error}") from None
    if rows.ndim != 2 or not rows.shape[1]:
        raise ValueError(f"rows must have the shape (rows, columns), with one column or more, got {rows.shape}")
    if not (fits := np.abs(rows) <= np.finfo(np.float32).max).all():  # a forest and an index of cells have 32 bits
        row, column = np.argwhere(~fits)[0]
        raise ValueError(f"rows must be finite in 32 bits, got {rows[row, column]} in row {row}, column {column}")
    return rows


def _enough(rows: Floats, least: int, words: str) -> None:
    if len(rows) < least:
        raise ValueError(f"rows to fit must be {words}, got {len(rows)}")


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{name} must be 1 or more, got {value}")
    return value
