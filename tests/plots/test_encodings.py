"""Figures of encodings show the numbers they are given."""

import numpy as np

from residual.plots import encodings as drawn


def test_the_circle_closes() -> None:
    share = np.arange(24) / 276
    line, circle = drawn.clock({"A": share}).axes
    assert np.allclose(line.lines[0].get_ydata(), 100 * share)
    x, y = circle.lines[0].get_data()
    assert np.isclose(x[-1] - x[0], 2 * np.pi)
    assert y[0] == y[-1]


def test_points_lie_at_values_a_bucket() -> None:
    (axes,) = drawn.hashing({10: [(5, 0.4), (20, 0.9)]}, (np.array([0.1, 1]), np.array([0.1, 0.6]))).axes
    assert list(axes.lines[1].get_xdata()) == [0.5, 2]
    assert list(axes.lines[1].get_ydata()) == [0.4, 0.9]


def test_histograms_hold_every_event() -> None:
    axes = drawn.skews({"A": (np.array([0.0, 1, 100]), np.array([-1.0, 0, 1]))}).axes
    assert all(np.isclose(sum(bar.get_height() for bar in panel.patches), 100) for panel in axes)


def test_curves_and_bars_are_the_numbers() -> None:
    (axes,) = drawn.strangers({"A": ([0.5, 0.25], [0.4, 0.2], [0.6, 0.3])}).axes
    assert list(axes.lines[0].get_ydata()) == [50, 25]
    (axes,) = drawn.dumbbells({"A": ((0.4, 0.3, 0.5), (0.9, 0.8, 1.0))}).axes
    drawn_x = [list(line.get_xdata()) for line in axes.lines]
    assert drawn_x[:5] == [[0.4, 0.9], [0.3, 0.5], [0.4], [0.8, 1.0], [0.9]]
    (axes,) = drawn.gains({"A": ([0.1, 0.3], (0.2, 0.0, 0.4))}).axes
    assert [list(line.get_xdata()) for line in axes.lines[:3]] == [[0, 0.4], [0.2], [0.1, 0.3]]


def test_points_of_groups_and_stories() -> None:
    (axes,) = drawn.names({"A": np.array([[3.0, 1.0]]), "B": np.array([[9.0, 2.0]])}).axes
    assert [list(line.get_xdata()) for line in axes.lines] == [[3], [9]]
    story = (np.array([0.0, 1, 2]), np.array([1.0, 5, 2]), np.array([False, True, False]))
    left, right = drawn.stories({"A": story, "B": story}, feature="events").axes
    assert list(left.lines[1].get_ydata()) == [1, 2]
    assert list(left.lines[2].get_ydata()) == [5]
    assert left.get_ylim() == right.get_ylim()
