"""P-values that are valid, lists whose share of false alarms is bounded, and what anomalies in the past do to both."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from residual.detect.conformal import Conformal, discoveries, scores_needed

ALPHA = 0.1


def test_p_values_by_hand() -> None:
    fitted = Conformal().fit([1, 2, 2, 5, 70], ["a", "a", "a", "a", "b"])
    p = fitted.p_values([0, 2, 3, 9, 60, 80], ["a", "a", "a", "a", "b", "b"])
    # Of the four in "a" and the new one: all five, then the two equal ones and 5 and itself, then 5 and itself, itself.
    assert p.tolist() == pytest.approx([5 / 5, 4 / 5, 2 / 5, 1 / 5, 2 / 2, 1 / 2])
    assert fitted.least_ == {"a": 1 / 5, "b": 1 / 2}
    assert fitted.p_values([1e9], ["never seen"]).tolist() == [1]
    assert fitted.p_values([], []).shape == (0,)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_p_values_are_valid_with_ties(scores: list[int]) -> None:
    """Of equally likely rows, each in turn the new one, at most a share t has a p-value of t or less."""
    p = np.array(
        [
            Conformal().fit(scores[:i] + scores[i + 1 :], "a" * (len(scores) - 1)).p_values([scores[i]], "a")[0]
            for i in range(len(scores))
        ]
    )
    assert all((p <= t).mean() <= t + 1e-12 for t in np.unique(p))


def test_how_many_scores_a_small_p_needs() -> None:
    assert scores_needed(5e-5) == 19_999
    assert Conformal().fit(np.zeros(19_999), ["a"] * 19_999).least_["a"] == pytest.approx(5e-5)
    assert scores_needed(1) == 0


def measured(seed: int, contamination: float) -> tuple[float, float]:
    """Shares of false alarms among those reported and of anomalies that are found, in two strata of other scales."""
    rng = np.random.default_rng(seed)

    def draw(normal: int, odd: int) -> tuple[NDArray[np.float64], list[str]]:
        scores = np.concatenate([rng.normal(size=normal), rng.normal(4, 1, size=odd)])
        strata = rng.choice(["users", "machines"], len(scores)).tolist()
        return np.where(np.array(strata) == "users", 1000 * scores, scores), strata

    fitted = Conformal().fit(*draw(6000, int(6000 * contamination)))
    found = discoveries(fitted.p_values(*draw(900, 100)), ALPHA)
    return float(found[:900].sum() / max(found.sum(), 1)), float(found[900:].mean())


def test_few_false_alarms_over_twenty_seeds() -> None:
    false, found = np.mean([measured(seed, 0) for seed in range(20)], axis=0)
    assert false <= ALPHA
    assert found > 0.8


def test_anomalies_in_the_past_cost_power_and_invent_no_alarm() -> None:
    clean, spoiled = (np.mean([measured(seed, share) for seed in range(20)], axis=0) for share in (0, 0.02))
    assert spoiled[0] < clean[0] <= ALPHA
    assert spoiled[1] < clean[1]


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(1,\)"):
        Conformal().fit([1, 2], ["a"])
    with pytest.raises(ValueError, match="got nan in row 1"):
        Conformal().fit([1, np.nan], "aa")
    with pytest.raises(ValueError, match="must be fitted"):
        Conformal().p_values([1], "a")
    for p, alpha, words in [([1.5], 0.1, "p must hold"), ([np.nan], 0.1, "p must hold"), ([0.5], 1, "alpha must lie")]:
        with pytest.raises(ValueError, match=words):
            discoveries(p, alpha)
    with pytest.raises(ValueError, match="p must be above 0"):
        scores_needed(0)
    assert discoveries([], 0.1).shape == (0,)
