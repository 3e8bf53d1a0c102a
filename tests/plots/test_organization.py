"""Figures of the organization show the numbers they are given."""

import numpy as np

from residual.plots.organization import persons_day, precision_by_type, twins, week


def test_a_week_is_relative_to_the_busiest_hour() -> None:
    hourly = {"A": np.arange(168.0), "B": np.zeros(168)}
    (image,) = week(hourly).axes[0].images
    assert np.allclose(image.get_array(), [np.arange(168) / 167, np.zeros(168)])


def test_a_day_marks_what_is_injected() -> None:
    (axes,) = persons_day({"A": np.array([1.0, 2.0])}, {"A": np.array([2.0])}).axes
    assert [list(line.get_xdata()) for line in axes.lines] == [[1, 2], [2]]


def test_twins_have_a_row_a_machine() -> None:
    pairs = {"a": (np.array([0.0, 1.0]), np.array([0, 0])), "b": (np.array([0.0, 2.0]), np.array([0, 1]))}
    left, right = twins(pairs, {"a": [np.array([0.5])], "b": [np.array([0.1]), np.array([0.2])]}).axes
    assert [list(line.get_ydata()) for line in left.lines] == [[0, 0], [2, 3]]
    assert [list(line.get_xdata()) for line in right.lines] == [[50], [10], [20]]


def test_both_classifiers_and_chance() -> None:
    (axes,) = precision_by_type({"a": [0.1, 0.2]}, {"a": [0.9, 0.8]}, {"a": 0.05}).axes
    assert [list(line.get_xdata()) for line in axes.lines] == [[0.1, 0.2], [0.9, 0.8], [0.05]]
