"""Figures of OCSF records show the numbers they are given."""

import numpy as np

from residual.plots.records import fill_map, offered


def test_bars_and_marks() -> None:
    (axes,) = offered({"A": (3, 9), "B": (2, 5)}, {"A": [1, 2, 3], "B": [0, 1, 1]}).axes
    assert [bar.get_width() for bar in axes.patches] == [9, 5, 3, 2]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A", "B"]
    assert list(axes.lines[0].get_xdata()) == [1, 3]
    assert list(axes.lines[1].get_xdata()) == [2]


def test_the_map_is_the_shares() -> None:
    axes = fill_map({"A": np.array([1.0, 0.5, 0.0]), "B": np.array([0.0, 0.0, 1.0])}).axes[0]
    (image,) = axes.images
    assert np.array_equal(image.get_array(), [[1, 0.5, 0], [0, 0, 1]])
    assert image.get_clim() == (0, 1)
