import pytest

from residual.plots.paths import LINES, shares_by_length


def test_lines_are_percent_with_their_mean_and_the_papers_range_is_shaded() -> None:
    counts, sampled = list(LINES)[:2]
    drawing = shares_by_length(
        {"new": {counts: [[0.25, 0.5, 0.25]], sampled: [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]}}, published={"new": (5, 17)}
    )
    (axes,) = drawing.axes
    assert [list(line.get_ydata()) for line in axes.lines] == [
        [25, 50, 25],
        [100, 0, 0],
        [50, 50, 0],
        [75, 25, 0],
    ]
    (span,) = axes.patches
    assert span.get_extents().transformed(axes.transData.inverted()).x0 == pytest.approx(4.5)
    (legend,) = drawing.legends
    assert [text.get_text() for text in legend.get_texts()] == ["Veit et al.: 5 to 17", counts, sampled]
