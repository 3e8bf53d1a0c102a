"""The figure of `book/primers/pytorch.md`."""

from collections.abc import Sequence

from residual_book.primers.pytorch.loop import Errors
from residual_book.style import OTHER, PAPER, PLAIN, RESIDUAL, Drawing, dots_by_row, figure, styled


@styled
def errors(runs: Sequence[Errors]) -> Drawing:
    """Test errors of the same nets as they should be trained and asked, and with one line forgotten."""
    drawing, (axes,) = figure(height=2.6)
    rows = {
        "all lines in place": [run.right for run in runs],
        "trained without zero_grad()": [run.not_cleared for run in runs],
        "asked without eval(), all at once": [run.left_in_training for run in runs],
        "asked without eval(), one by one": [run.one_by_one for run in runs],
    }
    dots_by_row(axes, rows, (RESIDUAL, PLAIN, PAPER, OTHER[0]))
    axes.set(xlabel="test error (%), one dot per seed", xlim=(-2, 100))
    axes.grid(axis="y", visible=False)
    alt = "Four rows of dots. With all lines in place the errors are small. Without evaluation mode they are about the same when all images are asked at once, and far larger one by one. Without clearing the gradients they are spread to the right."
    return Drawing(drawing, alt)
