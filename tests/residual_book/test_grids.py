from typing import Any

import numpy as np
import pytest

from residual_book.grids import numbers, picture
from residual_book.style import Drawing, figure


@pytest.mark.parametrize("draw", [numbers, lambda axes, values: picture(axes, values, signed=True)])
def test_panels_are_drawn_without_ticks(draw: Any) -> None:
    _, (axes,) = figure()
    draw(axes, np.array([[1.25, -0.04], [-2, 0]]))
    assert len(axes.get_xticks()) == len(axes.get_yticks()) == 0


def test_numbers_are_written_and_zero_has_no_sign() -> None:
    drawing, (axes,) = figure()
    numbers(axes, np.array([[1.25, -0.04], [-2, 0]]))
    svg = Drawing(drawing, "Four numbers.").svg()
    assert all(f">{text}<" in svg for text in ("1.2", "0.0", "-2.0"))
    assert ">-0.0<" not in svg
