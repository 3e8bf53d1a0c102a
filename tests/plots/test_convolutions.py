import numpy as np
from matplotlib.patches import Rectangle

from residual.plots.convolutions import (
    Windows,
    channel_sum,
    normalized,
    pooled,
    shift_errors,
    under_kernels,
    weights_by_layers,
    window_places,
)


def test_each_kernel_has_its_numbers_and_its_response() -> None:
    kernels = {"a": np.eye(3), "b": np.full((3, 3), 1 / 9)}
    responses = {name: np.full((2, 2), i + 1.0) for i, name in enumerate(kernels)}
    drawing = under_kernels(np.zeros((4, 4)), kernels, responses)
    _, first, second, _, below_first, below_second = drawing.axes
    assert {t.get_text() for t in first.texts} == {"0", "1"}
    assert {t.get_text() for t in second.texts} == {"0.11"}
    assert below_first.images[0].get_array().max() == 1
    assert below_second.images[0].get_array().max() == 2


def test_windows_stand_where_stride_and_padding_put_them() -> None:
    (axes,) = window_places({"x": Windows(size=6, kernel=3, stride=2, padding=1, output=3)}).axes
    drawn = [p for p in axes.patches if isinstance(p, Rectangle) and p.get_width() == 3]
    assert [p.get_xy() for p in drawn] == [(-1, -1), (3, 3)]
    assert sorted({float(x) for line in axes.lines for x in line.get_xdata()}) == [0.5, 2.5, 4.5]
    assert len(axes.patches) == 2 * 8 * 8 + 2


def test_filtered_channels_are_joined_by_signs() -> None:
    ones = np.ones((2, 2))
    drawing = channel_sum([ones, ones, ones], [ones, ones, ones], 3 * ones)
    assert [t.get_text() for axes in drawing.axes for t in axes.texts] == ["+", "+", "="]


def test_every_window_of_a_pooled_map_is_outlined() -> None:
    image = np.arange(16.0).reshape(4, 4)
    drawing = pooled(image, {"max": image[1::2, 1::2], "mean": image[1::2, 1::2] - 2.5})
    left, top, mean = drawing.axes
    assert len(left.patches) == 4
    assert [t.get_text() for t in top.texts] == ["5", "7", "13", "15"]
    assert [t.get_text() for t in mean.texts] == ["2.50", "4.50", "10.50", "12.50"]


def test_rows_that_are_exact_say_so() -> None:
    (axes,) = shift_errors({"a": [0.0, 0.0], "b": [0.5, 0.7]}).axes
    assert [(t.get_position()[1], t.get_text()) for t in axes.texts] == [(0, "exact")]


def test_gaps_have_a_line_a_seed() -> None:
    values = np.random.default_rng(0).normal(size=(4, 50))
    drawing = normalized(values, values, [{0: 3.0, 10: 0.5}, {0: 2.0, 10: 0.4}])
    *_, right = drawing.axes
    assert [list(line.get_ydata()) for line in right.lines] == [[3, 0.5], [2, 0.4]]
    assert [t.get_text() for t in right.get_xticklabels()] == ["0", "10"]


def test_bars_are_as_long_as_their_weights() -> None:
    (axes,) = weights_by_layers({"3x3": 36_864, "7x7": 200_704}, {"3x3": "3x3", "7x7": "7x7"}).axes
    assert [patch.get_width() for patch in axes.patches] == [36_864, 200_704]
    assert [text.get_text() for text in axes.texts] == ["36,864, sees 3x3", "200,704, sees 7x7"]
