import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residual.experiments import paths
from residual.experiments.paths import PathLengths, Paths, carrying, mean_length, studies, study
from residual.training import Recipe


def test_a_study_accounts_for_the_whole_gradient() -> None:
    run = study(0, depth=14, recipe=Recipe(epochs=1, batch_size=128), images=4, samples=2, width=4)
    for lengths in (run.start, run.trained):
        assert len(lengths.norms) == len(lengths.along) == len(lengths.single) == 7
        assert len(lengths.sizes) == 6
        assert sum(lengths.along) == pytest.approx(1, abs=1e-4)
        for shares in (lengths.shares, lengths.veit, lengths.counts):
            assert len(shares) == 7
            assert sum(shares) == pytest.approx(1)
            assert min(shares) >= 0
        # There is one path of length 0 and one of length n: sampled or not, it is the same.
        assert lengths.single[0] == pytest.approx(lengths.norms[0], rel=1e-4)
        assert lengths.single[-1] == pytest.approx(lengths.norms[-1], rel=1e-3)
    assert run == study(0, depth=14, recipe=Recipe(epochs=1, batch_size=128), images=4, samples=2, width=4)


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


def test_every_seed_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = PathLengths((1.0,), (1.0,), (1.0,), ())
    monkeypatch.setattr(paths, "study", lambda seed: Paths(seed, lengths, lengths, 1.0))
    assert [run.seed for run in studies((4, 2), workers=1, progress=False)] == [4, 2]
