import pytest

from residual.experiments.stacks import ARMS
from residual.experiments.stats import Interval
from residual.plots.stacks import LOOKS, against_depth, gradient_lines


def test_every_arm_has_a_look_of_its_own() -> None:
    assert set(ARMS) <= set(LOOKS)
    assert len({(look.color, look.marker) for look in LOOKS.values()}) == len(LOOKS)


def test_lines_run_from_end_to_end() -> None:
    drawing = gradient_lines({"a": [1.0, 2.0, 3.0], "b": [0.0, 1.0, 0.0], "c": [1.0, 1.0, 1.0]}, low=-2, high=2)
    (line,) = drawing.axes[0].lines
    assert list(line.get_xdata()) == [-2, 0, 2]
    assert list(line.get_ydata()) == [1, 2, 3]


@pytest.mark.parametrize("floor", [None, 1 / 64])
def test_each_arm_is_drawn_once_with_its_depths_and_the_bound_is_marked(floor: float | None) -> None:
    at = {3: Interval(0.9, 0.8, 1.0, 3), 100: Interval(0.5, 0.4, 0.6, 3)}
    drawing = against_depth({"left": {"plain": at}, "right": {"residual": at, "plain": at}}, ylabel="y", floor=floor)
    left, right = drawing.axes
    bound, line = left.lines
    assert list(bound.get_ydata()) == [floor or 0] * 2
    assert list(line.get_xdata()) == [3, 100]
    assert list(line.get_ydata()) == [0.9, 0.5]
    assert left.get_yscale() == ("linear" if floor is None else "log")
    assert len(right.lines) == 3
    (legend,) = drawing.legends
    assert [text.get_text() for text in legend.get_texts()] == ["plain", "residual"]
