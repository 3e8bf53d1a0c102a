import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from residual.experiments import paths
from residual.experiments.paths import (
    PathLengths,
    carrying,
    in_new_net,
    in_new_nets,
    in_trained_net,
    in_trained_nets,
    mean_length,
)
from residual.experiments.solutions import Solution
from residual.training import Recipe, fit
from residual.vision import CifarNet
from residual.vision.data import digits


def accounts_for_the_whole(lengths: PathLengths, blocks: int) -> bool:
    assert len(lengths.norms) == len(lengths.along) == len(lengths.single) == blocks + 1
    assert len(lengths.sizes) == blocks
    assert sum(lengths.along) == pytest.approx(1, abs=1e-4)
    for shares in (lengths.shares, lengths.veit, lengths.counts):
        assert len(shares) == blocks + 1
        assert sum(shares) == pytest.approx(1)
        assert min(shares) >= 0
    # There is one path of length 0 and one of length n: sampled or not, it is the same.
    assert lengths.single[0] == pytest.approx(lengths.norms[0], rel=1e-4)
    assert lengths.single[-1] == pytest.approx(lengths.norms[-1], rel=1e-3)
    return True


def test_the_whole_gradient_of_a_new_net_is_accounted_for() -> None:
    lengths = in_new_net(0, depth=14, width=4)
    assert accounts_for_the_whole(lengths, 6)
    assert lengths == in_new_net(0, depth=14, width=4)
    assert lengths != in_new_net(1, depth=14, width=4)


def test_the_whole_gradient_of_a_trained_net_is_accounted_for() -> None:
    torch.manual_seed(3)
    net = CifarNet(14, in_channels=1, width=4)
    fit(net, digits(), Recipe(epochs=1, batch_size=128), progress=False)
    lengths = in_trained_net(Solution("a net", 3, net.eval()))
    assert accounts_for_the_whole(lengths, 6)
    assert lengths == in_trained_net(Solution("the same", 3, net))
    assert lengths.single != in_trained_net(Solution("other paths", 4, net)).single


def test_a_plain_net_is_refused() -> None:
    with pytest.raises(ValueError, match="residual blocks only"):
        in_trained_net(Solution("plain", 0, CifarNet(8, in_channels=1, residual=False).eval()))


def test_number_of_paths_is_binomial() -> None:
    lengths = PathLengths((1.0,) * 5, (0.2,) * 5, (1.0,) * 5, ())
    assert lengths.counts == pytest.approx([math.comb(4, k) / 16 for k in range(5)])
    assert lengths.veit == pytest.approx(lengths.counts)
    assert mean_length(lengths.counts) == pytest.approx(2)


def test_the_range_that_carries_is_the_shortest() -> None:
    shares = [0.02, 0.5, 0.4, 0.06, 0.02]
    assert carrying(shares, 0.9) == (1, 2)
    assert carrying(shares, 0.95) == (1, 3)
    assert carrying(shares, 1.0) == (0, 4)
    assert carrying([0, 0, 1], 0.95) == (2, 2)
    for share in (0, 1.1):
        with pytest.raises(ValueError, match="above 0 and at most 1"):
            carrying(shares, share)


@given(values=st.lists(st.floats(0.001, 1), min_size=1, max_size=12), share=st.floats(0.05, 1))
def test_the_range_holds_its_share_and_no_shorter_one_does(values: list[float], share: float) -> None:
    low, high = carrying(values, share)
    needed = share * sum(values)
    assert sum(values[low : high + 1]) >= needed - 1e-9
    shorter = high - low
    assert all(sum(values[i : i + shorter]) < needed + 1e-9 for i in range(len(values) - shorter + 1))


def test_every_net_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def scripted(seed: int) -> PathLengths:
        return PathLengths((float(seed),), (1.0,), (1.0,), ())

    monkeypatch.setattr(paths, "in_new_net", scripted)
    assert [found.norms[0] for found in in_new_nets((4, 2), workers=1, progress=False)] == [4, 2]
    monkeypatch.setattr(paths, "in_trained_net", lambda solution: scripted(solution.seed))
    solutions = [Solution("a net", seed, CifarNet(8)) for seed in (4, 2)]
    assert [found.norms[0] for found in in_trained_nets(solutions, workers=1, progress=False)] == [4, 2]
