from itertools import pairwise

import numpy as np
import pytest

from residual.plots.resnet import along_the_layers, shapes, shares_by_part


def test_edges_grow_with_the_root_of_what_they_stand_for() -> None:
    drawing = shapes({"image": (16, 64, 64), "stage 1": (64, 16, 16), "linear layer": (16,)})
    (axes,) = drawing.axes
    fronts = [patch.get_path().vertices for patch in axes.patches[::3]]  # a front, a top and a side each
    widths, heights = zip(*(np.ptp(corners, axis=0) for corners in fronts), strict=True)
    assert np.array(widths) / widths[0] == pytest.approx([1, 2, 1])
    assert np.array(heights) / heights[0] == pytest.approx([1, 0.5, 0.125])
    assert [text.get_text() for text in axes.texts] == [
        "image",
        "16 × 64 × 64",
        "stage 1",
        "64 × 16 × 16",
        "linear layer",
        "16",
    ]


def test_resnet_50s_boxes_stay_inside_and_apart() -> None:
    stations = {"image": (3, 224, 224), "a": (64, 112, 112), "b": (256, 56, 56), "c": (2048, 56, 56), "d": (2048, 7, 7)}
    (axes,) = shapes({**stations, "e": (2048,), "f": (1000,)}).axes
    width, height = axes.get_xlim()[1], axes.get_ylim()[1]
    boxes = [
        np.vstack([p.get_path().vertices for p in axes.patches[i : i + 3]]) for i in range(0, len(axes.patches), 3)
    ]
    for corners in boxes:
        assert (corners >= 0).all()
        assert (corners <= (width, height)).all()
    for left, right in pairwise(boxes[:5]):  # one row
        assert left[:, 0].max() < right[:, 0].min()


def test_layers_have_a_point_each_in_both_panels() -> None:
    sees = {"V1.5": [7, 11, 19], "V1": [7, 11, 27]}
    left, right = along_the_layers([64, 64, 256], [112, 56, 56], sees, image=224, starts=[2]).axes
    assert [list(line.get_ydata()) for line in left.lines] == [[64, 64, 256], [112, 56, 56]]
    assert [list(line.get_ydata()) for line in right.lines[:2]] == [[7, 11, 27], [7, 11, 19]]
    assert right.lines[2].get_ydata()[0] == 224
    assert list(left.get_xticks()) == [2, 3]


def test_shares_are_bars_and_small_ones_say_so() -> None:
    part = {"parameters": 0.1, "multiply_adds": 3.0, "activations": 7.4}
    (axes,) = shares_by_part({"stem": part, "rest": {kind: 100 - value for kind, value in part.items()}}).axes
    assert [patch.get_height() for patch in axes.patches] == pytest.approx([0.1, 99.9, 3, 97, 7.4, 92.6])
    assert [text.get_text() for text in axes.texts] == ["<1", "100", "3", "97", "7", "93"]
