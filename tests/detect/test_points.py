"""Detectors of single rows: the scores of their reference implementations, in any batch; clear words for bad input."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyod.models.ecod import ECOD
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from pyod.models.lof import LOF
from sklearn.ensemble import IsolationForest as SklearnForest
from sklearn.neighbors import NearestNeighbors

from residual.detect import points
from residual.detect.points import Detector, IsolationForest, LocalOutliers, Neighbors, Tails

ALL: dict[str, Callable[[], Detector]] = {
    "neighbors": Neighbors,
    "local": LocalOutliers,
    "forest": lambda: IsolationForest(20),
    "tails": Tails,
}
RNG = np.random.default_rng(0)
PAST = RNG.normal(size=(400, 6)) @ RNG.normal(size=(6, 6)) + 50
PAST[:, 2] = np.exp(PAST[:, 2] / 20)  # skewed to the right
PAST[:, 3] = np.round(PAST[:, 3])  # with ties
NEW = np.concatenate([PAST[:20], RNG.permuted(PAST, axis=0)[:60], PAST[:5] + 30])
each = pytest.mark.parametrize("make", ALL.values(), ids=ALL)


def test_neighbors_are_those_of_scikit_learn_and_pyod() -> None:
    distances, _ = NearestNeighbors(n_neighbors=5, algorithm="kd_tree").fit(PAST).kneighbors(NEW)
    ours = Neighbors(5).fit(PAST).oddness(NEW)
    assert np.abs(ours - distances[:, -1]).max() < 1e-9
    assert np.abs(ours - KNN(n_neighbors=5).fit(PAST).decision_function(NEW)).max() < 1e-9


def test_local_outliers_are_those_of_pyod() -> None:
    theirs = LOF(n_neighbors=20).fit(PAST).decision_function(NEW)
    assert np.abs(LocalOutliers(20).fit(PAST).oddness(NEW) - theirs).max() < 1e-9


def test_the_forest_is_that_of_scikit_learn_and_pyod() -> None:
    ours = IsolationForest(50, seed=3).fit(PAST).oddness(NEW)
    assert np.abs(ours + SklearnForest(n_estimators=50, random_state=3).fit(PAST).score_samples(NEW)).max() < 1e-9
    theirs = IForest(n_estimators=50, random_state=3).fit(PAST).decision_function(NEW)  # moved by a constant
    assert np.ptp(ours - theirs) < 1e-9


def test_tails_are_those_of_pyod_for_one_row() -> None:
    theirs = ECOD().fit(PAST)
    alone = [float(theirs.decision_function(row[None])[0]) for row in NEW]
    assert np.abs(Tails().fit(PAST).oddness(NEW) - alone).max() < 1e-9


@each
def test_a_score_does_not_depend_on_the_batch(make: Callable[[], Detector]) -> None:
    detector = make().fit(PAST)
    together = detector.oddness(NEW)
    alone = np.concatenate([detector.oddness(row[None]) for row in NEW])
    backwards = detector.oddness(NEW[::-1])[::-1]
    assert np.abs(together - alone).max() < 1e-12
    assert np.abs(together - backwards).max() < 1e-12
    assert np.array_equal(detector.oddness(NEW), together)  # nor on what was asked before


@each
def test_what_lies_far_away_is_odder(make: Callable[[], Detector]) -> None:
    detector = make().fit(PAST)
    far = PAST.mean(axis=0) + 20 * PAST.std(axis=0)
    assert detector.oddness(far[None])[0] > detector.oddness(PAST).max()


@each
@given(column=st.integers(0, 5), value=st.sampled_from([0.0, -3.0, 1e9]))
def test_a_constant_column_says_nothing_until_it_changes(
    make: Callable[[], Detector], column: int, value: float
) -> None:
    past = PAST[:60].copy()
    past[:, column] = value
    detector = make().fit(past)
    usual, changed = past[:1], past[:1].copy()
    changed[0, column] += 1000
    assert np.isfinite(detector.oddness(past)).all()
    if not isinstance(detector, IsolationForest):  # it cannot cut where nothing differed
        assert detector.oddness(changed)[0] > detector.oddness(usual)[0]


def test_equal_rows_of_the_past_do_not_make_others_endlessly_odd() -> None:
    past = np.concatenate([PAST, np.repeat(PAST[:1], 100, axis=0)])
    near = PAST[:1] + 0.01
    assert LocalOutliers(20).fit(past).oddness(near)[0] == LocalOutliers(20).fit(PAST).oddness(near)[0]


@each
def test_bad_input_is_named(make: Callable[[], Detector]) -> None:
    hole, endless, large = PAST.copy(), PAST.copy(), PAST.copy()
    hole[7, 2], endless[3, 1], large[0, 0] = np.nan, np.inf, 1e300
    for bad, words in [
        (hole, "rows must be finite in 32 bits, got nan in row 7, column 2"),
        (endless, "rows must be finite in 32 bits, got inf in row 3, column 1"),
        (large, "rows must be finite in 32 bits, got 1e\\+300 in row 0, column 0"),
        (PAST[0], r"got \(6,\)"),
        (PAST[:, :0], "one column or more"),
        ([["a", "b"]], "rows must be an array of numbers"),
        ([[1, 2], [3]], "rows must be an array of numbers"),
        (PAST[:1], "rows to fit must be .*, got 1"),
    ]:
        with pytest.raises(ValueError, match=words):
            make().fit(bad)
    with pytest.raises(ValueError, match="must be fitted"):
        make().oddness(PAST)
    detector = make().fit(PAST)
    with pytest.raises(ValueError, match="rows must have 6 columns, as the fitted ones had, got 5"):
        detector.oddness(PAST[:, :5])
    with pytest.raises(ValueError, match="got nan in row 7"):
        detector.oddness(hole)
    assert detector.oddness(PAST[:0]).shape == (0,)


def test_too_few_rows_and_no_neighbors() -> None:
    with pytest.raises(ValueError, match="as many as k=5, got 4"):
        Neighbors(5).fit(PAST[:4])
    with pytest.raises(ValueError, match="more different ones than k=20, got 1"):
        LocalOutliers(20).fit(np.ones((100, 2)))
    for make in (lambda: Neighbors(0), lambda: LocalOutliers(0), lambda: IsolationForest(0)):
        with pytest.raises(ValueError, match="must be 1 or more, got 0"):
            make()


def test_many_rows_are_searched_by_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    past = RNG.normal(size=(6000, 8))
    new = np.concatenate([RNG.normal(size=(300, 8)), RNG.normal(size=(20, 8)) * 4])
    exact = Neighbors(5).fit(past)
    monkeypatch.setattr(points, "EXACT", 5000)
    cells = Neighbors(5).fit(past)
    assert exact.recall_ == 1
    assert 0.8 < cells.recall_ < 1
    truth, near = exact.oddness(new), cells.oddness(new)
    assert (near >= truth - 1e-9).all()  # it may miss a neighbor, and cannot invent one
    assert set(np.argsort(near)[-20:]) == set(range(300, 320))
    assert np.array_equal(np.concatenate([cells.oddness(row[None]) for row in new]), near)


def test_where_the_cells_are_empty_all_rows_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "EXACT", 300)
    monkeypatch.setattr(points, "PROBED", 1)
    past = np.concatenate([np.zeros((395, 3)), RNG.normal(size=(5, 3)) * 100])  # the far ones have cells of their own
    new = past[-5:] + 1
    truth = NearestNeighbors(n_neighbors=5).fit(past).kneighbors(new)[0][:, -1]
    assert np.abs(Neighbors(5).fit(past).oddness(new) - truth).max() < 1e-9


def test_cells_say_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "EXACT", 100)
    monkeypatch.setattr("residual.extras.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"residual\[detect\]"):
        Neighbors(5).fit(PAST)
