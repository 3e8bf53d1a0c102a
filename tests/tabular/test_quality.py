"""Measures of representations: values that are known, and what must not matter to them."""

import numpy as np
import pytest

from residual.tabular import quality

RNG = np.random.default_rng(0)
POINTS = RNG.standard_normal((300, 6)).astype(np.float32)
TURN = np.linalg.qr(RNG.standard_normal((6, 6)))[0].astype(np.float32)


def test_nearest_are_those_of_all_distances() -> None:
    points, pool = POINTS[:50], POINTS[50:]
    distance = np.linalg.norm(points[:, None] - pool[None], axis=2)
    found = quality.nearest(points, pool, 3)
    assert (found.indices == distance.argsort(axis=1)[:, :3]).all()
    assert np.allclose(found.distances, np.sort(distance, axis=1)[:, :3], atol=1e-4)


def test_nearest_are_right_far_from_the_origin() -> None:
    here, there = quality.nearest(POINTS, POINTS, 2), quality.nearest(POINTS + 1000, POINTS + 1000, 2)
    assert (here.indices == there.indices).mean() > 0.99


def test_no_point_has_no_neighbors() -> None:
    assert quality.nearest(POINTS[:0], POINTS, 4).distances.shape == (0, 4)


@pytest.mark.parametrize("k", [0, 301])
def test_there_must_be_so_many_neighbors(k: int) -> None:
    with pytest.raises(ValueError, match=f"from 1 to 300.*{k}"):
        quality.nearest(POINTS, POINTS, k)


def test_points_must_fit_each_other_and_be_finite() -> None:
    with pytest.raises(ValueError, match=r"\(n, d\).*\(300, 6\).*\(300, 5\)"):
        quality.nearest(POINTS, POINTS[:, :5], 1)
    with pytest.raises(ValueError, match="finite"):
        quality.nearest(np.full((1, 6), np.nan), POINTS, 1)


def test_a_field_that_is_a_direction_is_predicted_and_noise_is_not() -> None:
    field, noise = np.where(POINTS[:, 0] > 0, "up", "down"), RNG.permutation(["up", "down"] * 150)
    assert quality.linear_probe(POINTS[:200], field[:200]).score(POINTS[200:], field[200:]) > 0.8
    assert quality.linear_probe(POINTS[:200], noise[:200]).score(POINTS[200:], noise[200:]) < 0.7


def test_turning_and_stretching_changes_no_neighbors() -> None:
    assert quality.overlap(POINTS, 3 * POINTS @ TURN) > 0.99


def test_strangers_share_neighbors_by_chance() -> None:
    other = RNG.standard_normal(POINTS.shape)
    assert quality.overlap(POINTS, other, k=10) == pytest.approx(10 / 299, abs=0.02)


def test_events_that_are_all_alike_do_not_count_as_their_own_neighbors() -> None:
    alike = np.zeros((20, 3))
    assert 0 <= quality.overlap(alike, alike, k=5) <= 1


def test_effective_rank_counts_directions() -> None:
    corners = np.concatenate([np.eye(4), -np.eye(4)])
    assert quality.effective_rank(corners) == pytest.approx(4)
    assert quality.effective_rank(corners * [1, 1, 0, 0] + 7) == pytest.approx(2)
    assert 1 < quality.effective_rank(corners * [1, 0.1, 0, 0]) < 2
    with pytest.raises(ValueError, match="differ"):
        quality.effective_rank(np.ones((5, 3)))


def test_the_residual_subspace_leaves_out_where_points_spread() -> None:
    spread = POINTS * np.array([100, 100, 1, 1, 1, 1], np.float32)
    inside = quality.residual_subspace(spread @ TURN, share=0.1)
    assert inside.basis.shape == (6, 4)
    assert np.allclose(inside.basis.T @ inside.basis, np.eye(4), atol=1e-5)
    moved = spread + np.array([1000, 0, 0, 0, 0, 0], np.float32)
    assert np.allclose(inside(moved @ TURN), inside(spread @ TURN), atol=1)  # what spreads is not seen
    one = quality.residual_subspace(POINTS, share=0.001)
    assert one.basis.shape == (6, 1)
    with pytest.raises(ValueError, match=r"between 0 and 1, got 1"):
        quality.residual_subspace(POINTS, share=1)
