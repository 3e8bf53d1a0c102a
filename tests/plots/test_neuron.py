import numpy as np
import pytest

from residual.plots.neuron import (
    distances,
    images_and_responses,
    outputs_by_contrast,
    paired_errors,
    weights_and_angles,
)


def test_a_response_stands_where_its_patch_has_its_middle() -> None:
    drawing = images_and_responses(np.zeros((2, 8, 8)), np.ones((2, 6, 6)))
    below = drawing.axes[2]
    assert below.images[0].get_extent() == [0.5, 6.5, 6.5, 0.5]
    assert below.get_xlim() == (-0.5, 7.5)


def test_cosines_are_drawn_as_angles() -> None:
    drawing = weights_and_angles({"a": np.eye(3), "b": -np.eye(3)}, [[0.0, 0.5], [0.5, 0.5]], np.sqrt(0.5))
    *_, axes = drawing.axes
    lines = [line.get_ydata() for line in axes.lines]
    assert lines[0] == pytest.approx([90, 60])
    assert lines[1] == pytest.approx([60, 60])
    assert lines[2] == pytest.approx([45, 45])
    assert " ".join(text.get_text() for text in drawing.axes[0].texts) == "1.0 0.0 0.0 0.0 1.0 0.0 0.0 0.0 1.0"


def test_right_and_wrong_answers_are_told_apart() -> None:
    contrasts = np.array([-2.0, -0.5, 0.5, 2.0])
    drawing = outputs_by_contrast(contrasts, {"x": np.array([0.9, 0.9, 0.1, 0.1])}, 1.0)
    _, right, wrong = drawing.axes[0].lines
    assert list(right.get_xdata()) == [-2, 0.5]
    assert list(wrong.get_xdata()) == [-0.5, 2]


def test_a_distance_of_zero_is_drawn_inside() -> None:
    (axes,) = distances({"a": [0.0, 1e-9], "b": [1e-15]}).axes
    low, high = axes.get_xlim()
    dots = axes.lines[:2]
    assert all(low < x < high for line in dots for x in line.get_xdata())
    assert dots[0].get_xdata()[1] == 1e-9


def test_pairs_are_joined() -> None:
    (axes,) = paired_errors({"a": [1.0, 2.0], "b": [3.0, 5.0]}).axes
    assert [list(line.get_xdata()) for line in axes.lines[:2]] == [[1, 3], [2, 5]]
    assert [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "|"] == [1.5, 4]
