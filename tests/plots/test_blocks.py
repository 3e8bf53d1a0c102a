import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from residual.plots.blocks import added_parameters, sights, weights_by_block


def bars(axes: Axes) -> list[float]:
    return [patch.get_width() for patch in axes.patches]


def test_bars_are_as_long_as_the_weights_and_say_them() -> None:
    drawing = weights_by_block({"basic": 1200, "bottleneck": 300}, {"basic": "all", "bottleneck": "3x3"})
    (axes,) = drawing.axes
    assert bars(axes) == [1200, 300]
    assert [text.get_text() for text in axes.texts] == ["1,200, sees all", "300, sees 3x3"]


def test_pixels_without_gradient_stay_empty() -> None:
    drawing = sights({"a": [[0.0, 1.0], [4.0, 0.0]], "b": [[1.0]]}, {"a": "first", "b": "second"})
    assert [axes.get_title(loc="left") for axes in drawing.axes] == ["first", "second"]
    filled = [p for p in drawing.axes[0].patches if isinstance(p, Rectangle) and p.get_fill()]
    assert [(round(p.get_x()), round(p.get_y())) for p in filled] == [(1, 0), (0, 1)]
    assert [p.get_alpha() for p in filled] == pytest.approx([0.25 + 0.75 * 0.5, 1.0])


def test_each_net_has_a_bar_an_option() -> None:
    drawing = added_parameters({"x": {"B": 1.0, "C": 5.0}, "y": {"B": 2.0, "C": 6.0}})
    (axes,) = drawing.axes
    assert bars(axes) == [1.0, 2.0, 5.0, 6.0]
    assert [text.get_text() for text in axes.texts] == ["1.0 %", "2.0 %", "5.0 %", "6.0 %"]
