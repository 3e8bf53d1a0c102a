import math

import torch

from residual.plots.landscape import lines, planes
from residual.probes.landscape import Slice

STEPS = (-1.0, 0.0, 1.0)


def test_every_seed_has_its_line_and_a_gap_stays_one() -> None:
    gap = Slice(STEPS, torch.tensor([5.0, 1.0, math.nan]))
    drawing = lines({"plain-20": [gap, Slice(STEPS, torch.tensor([4.0, 2.0, 3.0]))]})
    (axes,) = drawing.axes
    first, second = axes.lines
    assert list(first.get_xdata()) == [-1, 0, 1]
    assert list(first.get_ydata())[:2] == [5, 1]
    assert math.isnan(list(first.get_ydata())[2])
    assert list(second.get_ydata()) == [4, 2, 3]
    assert axes.get_yscale() == "log"


def test_planes_share_their_levels() -> None:
    low = Slice(STEPS, torch.full((3, 3), 0.1) + torch.eye(3))
    drawing = planes({"plain-20": low, "plain-56": Slice(STEPS, 1e6 * low.losses)})
    *panels, bar = drawing.axes
    assert [axes.get_title(loc="left") for axes in panels] == ["plain-20", "plain-56"]
    assert bar.get_ylabel() == "training loss"
