"""The figure of a benchmark has each network's measurement on the row of its arm."""

import pytest

from residual.experiments.stats import Interval
from residual.plots.speed import times_as_fast


def test_each_dot_stands_on_the_row_of_its_arm_with_its_interval() -> None:
    arms = {"ours": Interval(1.0, 0.9, 1.1, 7), "fused": Interval(1.5, 1.4, 1.6, 7)}
    drawing = times_as_fast(
        {"1 image": {"a": arms}, "32 images": {"a": arms, "b": {"fused": arms["fused"]}}}, peer="them"
    )
    left, right = drawing.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["ours", "fused"]
    assert left.lines[0].get_xydata().tolist() == [[1.0, 0.0], [1.5, 1.0]]
    (bars,) = left.collections
    assert [segment[:, 0].tolist() for segment in bars.get_segments()] == [[0.9, 1.1], [1.4, 1.6]]
    assert right.lines[0].get_ydata() == pytest.approx([-0.12, 0.88])
    assert right.lines[1].get_xydata().tolist() == [[1.5, pytest.approx(1.12)]]
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["a", "b"]
    assert left.get_xlabel() == "times as fast as them"
