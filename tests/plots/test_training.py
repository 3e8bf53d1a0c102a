import matplotlib.colors
import numpy as np
import pytest
from matplotlib.lines import Line2D

from residual.experiments.stats import mean_interval
from residual.plots import PLAIN, RESIDUAL
from residual.plots.training import confusion, costs, mistaken, rounding, schedules, training_curves


def dots(line: Line2D) -> tuple[list[float], list[float]]:
    return list(map(float, line.get_xdata())), list(map(float, line.get_ydata()))


def test_a_piece_is_orange_where_its_interval_excludes_zero() -> None:
    seeds = {"warm-up": [-1.0, 1.0, 0.5], "schedule": [4.0, 4.2, 3.9]}
    drawing = costs({"digits": {name: (values, mean_interval(values)) for name, values in seeds.items()}})
    (axes,) = drawing.axes
    bar, _, points = axes.lines[1:4], axes.lines[4], axes.lines[4:7]
    assert [line.get_color() for line in bar] == [RESIDUAL] * 3
    assert [line.get_color() for line in points] == [PLAIN] * 3
    assert dots(axes.lines[3]) == ([-1.0, 1.0, 0.5], [0, 0, 0])
    found = mean_interval(seeds["schedule"])
    assert dots(axes.lines[4])[0] == [found.low, found.high]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["no warm-up", "no schedule"]


def test_only_mistakes_have_color_and_every_cell_its_count() -> None:
    (axes,) = confusion([[90, 3], [12, 80]], ("cat", "dog")).axes
    assert [text.get_text() for text in axes.texts] == ["90", "3", "12", "80"]
    (image,) = axes.images
    alpha = image.to_rgba(image.get_array(), bytes=False)[:, :, 3]
    assert alpha[0, 0] == alpha[1, 1] == 0
    assert 0 < alpha[0, 1] < alpha[1, 0]


def test_every_mistake_is_shown_with_label_and_answer() -> None:
    images = np.arange(7 * 4, dtype=float).reshape(7, 2, 2)
    drawing = mistaken(images, list("1234567"), list("7654321"), columns=3)
    shown = [axes for axes in drawing.axes if axes.images]
    assert [axes.get_title() for axes in shown] == [f"{i}, taken for {8 - i}" for i in range(1, 8)]
    for axes, image in zip(shown, images, strict=True):
        assert np.array_equal(axes.images[0].get_array(), image)
        assert axes.images[0].cmap(0.0) == matplotlib.colors.to_rgba("white")  # paper is white, ink dark
    assert not any(axes.axison for axes in drawing.axes)


def test_lines_have_their_values() -> None:
    (axes,) = schedules({"a": [0.1, 0.2, 0.1], "b": [0.3, 0.3]}).axes
    assert dots(axes.lines[0]) == ([0, 50, 100], [0.1, 0.2, 0.1])
    left, right = training_curves({"x": {"a": [[3.0, 1.0], [4.0, 2.0]]}, "y": {"a": [[5.0]], "b": [[6.0]]}}).axes
    assert [dots(line) for line in left.lines] == [([1, 2], [3, 1]), ([1, 2], [4, 2])]
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["a", "b"]
    (axes,) = rounding({"float32": [1e-7, 2e-7], "bfloat16": [0.01]}).axes
    assert axes.get_xscale() == "log"
    assert dots(axes.lines[1]) == (pytest.approx([0.01]), [1])
