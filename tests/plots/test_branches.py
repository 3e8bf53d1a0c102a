import pytest

from residual.plots.branches import branch_over_skip


def test_means_of_seeds_beside_one_over_the_root() -> None:
    drawing = branch_over_skip({"original": [[1.0, 0.6, 0.5], [1.2, 0.8, 0.5]]}, {"trained": [[0.1, 0.2], [0.3, 0.2]]})
    left, right = drawing.axes
    *seeds, mean, root = left.lines
    assert [list(line.get_ydata()) for line in seeds] == [[1.0, 0.6, 0.5], [1.2, 0.8, 0.5]]
    assert list(mean.get_ydata()) == pytest.approx([1.1, 0.7, 0.5])
    assert list(root.get_ydata()) == pytest.approx([1, 2**-0.5, 3**-0.5])
    assert list(right.lines[-1].get_ydata()) == pytest.approx([0.2, 0.2])
    assert list(right.lines[-1].get_xdata()) == [1, 2]
