import numpy as np
from matplotlib.figure import Figure

from residual.plots.grids import bare, numbers, picture


def test_numbers_are_written_in_their_places_and_zero_has_no_sign() -> None:
    axes = Figure().subplots()
    numbers(axes, np.array([[1.25, -0.04], [-2, 0]]))
    assert [(t.get_position(), t.get_text()) for t in axes.texts] == [
        ((0, 0), "1.2"),
        ((1, 0), "0.0"),
        ((0, 1), "-2.0"),
        ((1, 1), "0.0"),
    ]


def test_zero_has_the_middle_color_of_a_signed_picture() -> None:
    axes = Figure().subplots()
    picture(axes, np.array([[-1.0, 4.0]]), signed=True)
    assert axes.images[0].get_clim() == (-4, 4)


def test_bare_axes_have_no_ticks() -> None:
    axes = Figure().subplots()
    bare(axes)
    assert len(axes.get_xticks()) == len(axes.get_yticks()) == 0
