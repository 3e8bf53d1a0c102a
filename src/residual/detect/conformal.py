"""From scores of any scale to p-values, and from p-values to a list with few false alarms. Told in part V.

Scores of rows that were not fitted, mostly normal ones, say how often normal rows score as high: split-conformal
p-values (Bates, Candès, Lei, Romano & Sesia 2023). They need no assumption but that normal rows of the past and new
normal rows are exchangeable. Anomalies among the past rows make p-values larger: alarms are missed, not invented.
"""

from collections.abc import Iterable
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control

Floats = NDArray[np.float64]


class Conformal:
    """P-values of scores, the higher the odder, by stratum: by class of events and kind of entity, for instance.

    Attributes:
        least_: the smallest p-value that each stratum can give, which is 1 / (its past scores + 1).
    """

    least_: dict[str, float]

    def fit(self, scores: ArrayLike, strata: Iterable[str]) -> Self:
        """Remember the scores of past rows that no detector was fitted to: (rows,), and the stratum of each.

        Raises:
            ValueError: for scores that are NaN, or another number of strata.
        """
        known, of = _checked(scores, strata)
        self._past = {stratum: np.sort(known[of == stratum]) for stratum in np.unique(of).tolist()}
        self.least_ = {stratum: 1 / (len(past) + 1) for stratum, past in self._past.items()}
        return self

    def p_values(self, scores: ArrayLike, strata: Iterable[str]) -> Floats:
        """The share of past scores of the stratum, with the new one among them, that are as high or higher: (rows,).

        A score that equals past ones gets the larger share. In a stratum without a past every p-value is 1.

        Raises:
            ValueError: before `fit`, for scores that are NaN, or another number of strata.
        """
        if not hasattr(self, "least_"):
            raise ValueError("Conformal must be fitted before it is asked for p-values")
        known, of = _checked(scores, strata)
        p = np.ones(len(known))
        for stratum in self._past.keys() & set(of.tolist()):
            past, own = self._past[stratum], of == stratum
            p[own] = (len(past) - np.searchsorted(past, known[own], side="left") + 1) / (len(past) + 1)
        return p


def scores_needed(p: float) -> int:
    """Past scores that a stratum needs before it can give a p-value as small as this.

    The fifty oddest of a million rows need p-values of about 5e-5, and so 19,999 past scores.

    Raises:
        ValueError: for a p-value that is not above 0 and at most 1.
    """
    if not 0 < p <= 1:
        raise ValueError(f"p must be above 0 and at most 1, got {p}")
    return int(np.ceil(1 / p - 1e-9)) - 1


def discoveries(p: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Which rows to report so that on average at most a share `alpha` of them is normal (Benjamini & Hochberg 1995).

    Raises:
        ValueError: for p-values or an `alpha` outside of 0 to 1.
    """
    shares = np.asarray(p, dtype=np.float64)
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError("p must hold numbers from 0 to 1")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, got {alpha}")
    if not shares.size:
        return np.zeros(0, dtype=np.bool_)
    return np.asarray(false_discovery_control(shares) <= alpha)


def _checked(scores: ArrayLike, strata: Iterable[str]) -> tuple[Floats, NDArray[np.str_]]:
    known, of = np.asarray(scores, dtype=np.float64), np.array(list(strata), dtype=np.str_)
    if known.ndim != 1 or known.shape != of.shape:
        raise ValueError(f"scores and strata must be as many, got the shapes {known.shape} and {of.shape}")
    if np.isnan(known).any():
        raise ValueError(f"scores must be numbers, got nan in row {np.flatnonzero(np.isnan(known))[0]}")
    return known, of
