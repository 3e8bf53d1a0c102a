import torch
from matplotlib.patches import Rectangle

from residual.experiments.stats import Interval
from residual.plots.limits import ARMS, depth, errors_by_size, field_and_growth, parameters_by_part


def test_squares_have_their_sides_and_curves_end_at_the_whole() -> None:
    within = {"a": [[0.5, 0.8, 1.0], [0.4, 0.9, 1.0]], "b": [[0.1, 0.2, 1.0]]}
    gaussian = {"a": [0.4, 0.8, 1.0], "b": [0.1, 0.3, 1.0]}
    drawing = field_and_growth(torch.rand(5, 5), {"all": (5, "-"), "95 %": (3, "--")}, within, gaussian)
    left, right = drawing.axes
    assert [p.get_width() for p in left.patches if isinstance(p, Rectangle)] == [5, 3]
    solid = [line for line in right.lines if len(line.get_xdata()) == 3 and line.get_linestyle() == "-"]
    assert len(solid) == 3
    assert all(list(line.get_xdata()) == [1, 3, 5] for line in solid)


def test_each_way_of_training_has_its_means_and_its_seeds() -> None:
    name = "trained at one size"
    seeds = [{8: 80.0, 16: 1.0}, {8: 90.0, 16: 2.0}]
    means = {8: Interval(85, 80, 90, 2), 16: Interval(1.5, 1, 2, 2)}
    drawing = errors_by_size(
        {"left": {name: means}, "right": {name: means}}, {"left": {name: seeds}, "right": {name: seeds}}
    )
    for axes in drawing.axes:
        line, *dots = axes.lines
        assert list(line.get_ydata()) == [85, 1.5]
        assert [list(d.get_ydata()) for d in dots] == [[80, 1], [90, 2]]
    (legend,) = drawing.legends
    assert [text.get_text() for text in legend.get_texts()] == [name]


def test_parts_fill_the_bar_and_large_ones_are_written() -> None:
    parts = {"stem": 1.0, "stage 1": 4.0, "stage 2": 5.0, "stage 3": 30.0, "stage 4": 50.0, "head": 10.0}
    drawing = parameters_by_part({"x": parts, "y": parts})
    (axes,) = drawing.axes
    assert max(p.get_x() + p.get_width() for p in axes.patches if isinstance(p, Rectangle)) == 100
    assert [text.get_text() for text in axes.texts] == ["30", "50", "10"] * 2


def test_published_errors_are_written_and_an_early_end_is_marked() -> None:
    losses = {arm: [[2.3, 2.0]] for arm in ARMS} | {"plain": [[2.3]]}
    drawing = depth({"original": {110: 6.61, 1001: 7.61}, "pre-activation": {110: 6.37, 1001: 4.92}}, losses)
    left, right = drawing.axes
    assert [text.get_text() for text in left.texts] == ["6.61", "7.61", "6.37", "4.92"]
    assert [line.get_marker() for line in right.lines] == ["x", "None", "None", "None"]
