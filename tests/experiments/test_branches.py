import math

import pytest

from residual.experiments.branches import BLOCKS, Branches, measure, sweep
from residual.probes.branches import BranchSize


def stage(ratios: list[float]) -> Branches:
    return Branches("original", 20, 0, tuple(BranchSize(f"layer1.{i}", r, 1.0) for i, r in enumerate(ratios)))


def test_equal_independent_branches_have_an_exponent_of_minus_one_half() -> None:
    """Behind a stem of size zero, block m + 1 adds 1 to m branches of size 1: a skip of sqrt(m)."""
    skips = [0.0, *(math.sqrt(m) for m in range(1, 9))]
    run = Branches("original", 56, 0, tuple(BranchSize(f"layer1.{i}", 1.0, s) for i, s in enumerate(skips)))
    assert run.exponent == pytest.approx(-0.5)
    assert run.growth == pytest.approx(1)
    assert run.last == pytest.approx(1 / math.sqrt(8))


def test_a_power_law_has_its_exponent() -> None:
    assert stage([7.0, *(3 * m**-0.8 for m in range(1, 7))]).exponent == pytest.approx(-0.8)


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_start_as_they_are_told_to(block: str) -> None:
    run = measure(block, 20, 0, images=16)
    assert [len(run.stage(number)) for number in (1, 2, 3)] == [3, 3, 3]
    assert all((size.ratio == 0) == ("zero" in block) for size in run.sizes)
    assert run == measure(block, 20, 0, images=16)


def test_sweep_is_in_order() -> None:
    runs = sweep((8,), (4, 2), blocks=("pre-activation", "original"))
    assert [(r.block, r.seed) for r in runs] == [(b, s) for b in ("pre-activation", "original") for s in (4, 2)]


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="got 'wide'"):
        measure("wide", 20, 0)
    with pytest.raises(ValueError, match="from 1, got 0"):
        stage([1.0]).stage(0)
    with pytest.raises(ValueError, match="not zero, got 3 blocks of 'original'"):
        _ = stage([1.0, 0.0, 0.0]).exponent
    with pytest.raises(ValueError, match="three blocks a stage"):
        _ = stage([1.0, 1.0]).exponent
