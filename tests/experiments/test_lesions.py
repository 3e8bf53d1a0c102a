import numpy as np
import pytest
import torch

from residual.experiments import lesions, solutions
from residual.experiments.lesions import (
    Lesions,
    Shuffle,
    by_correlation,
    keeps_shape,
    order_correlation,
    random_swaps,
    studies,
    study,
)
from residual.experiments.solutions import Solution, solve
from residual.probes.blocks import find_blocks
from residual.training import Recipe
from residual.vision import CifarNet

RECIPE = Recipe(epochs=1, batch_size=128)
NAMES = [f"layer{stage}.{block}" for stage in (1, 2) for block in range(3)]


@pytest.fixture(autouse=True)
def small_nets(monkeypatch: pytest.MonkeyPatch) -> None:
    nets = {"deep": (14, True, False), "plain": (14, False, False)}
    monkeypatch.setattr(solutions, "NETS", nets)


def made(**fields: object) -> Lesions:
    whole = {
        "net": "deep",
        "seed": 0,
        "intact": 2.0,
        "single": {"layer1.0": 5.0, "layer1.1": 3.0},
        "reshaping": {},
        "many": {1: (4.0, 6.0)},
        "shuffled": (),
    }
    return Lesions(**{**whole, **fields})  # type: ignore[arg-type]


def test_rises_are_over_the_whole_network() -> None:
    run = made()
    assert (run.rise, run.worst, run.least) == (2.0, 3.0, 1.0)
    assert (run.without(0), run.without(1)) == (2.0, 5.0)


def test_a_study_hurts_every_block_and_the_seed_decides_it() -> None:
    solution = solve("deep", 3, recipe=RECIPE)
    weights = [p.clone() for p in solution.net.parameters()]
    run = study(solution, counts=(1, 4, 5), swaps=(1,), draws=2)
    assert list(run.single) == ["layer1.0", "layer1.1", "layer2.1", "layer3.1"]
    assert list(run.reshaping) == ["layer2.0", "layer3.0"]
    assert {k: len(errors) for k, errors in run.many.items()} == {1: 2, 4: 2}  # four blocks keep their shape
    assert len(run.shuffled) == 2
    assert set(run.many[1]) <= set(run.single.values())
    assert run.many[4][0] == run.many[4][1]
    errors = [run.intact, *run.single.values(), *run.many[4], *(s.error for s in run.shuffled)]
    assert all(0 <= error <= 100 for error in errors)
    assert all(torch.equal(a, b) for a, b in zip(weights, solution.net.parameters(), strict=True))
    assert run == study(solve("deep", 3, recipe=RECIPE), counts=(1, 4, 5), swaps=(1,), draws=2)


def test_a_plain_net_loses_only_blocks_that_keep_the_shape() -> None:
    run = study(solve("plain", 0, recipe=RECIPE), counts=(1,), swaps=(), draws=1)
    assert list(run.single) == ["layer1.0", "layer1.1", "layer2.1", "layer3.1"]
    assert run.reshaping == {}
    assert run.shuffled == ()


@pytest.mark.parametrize("residual", [True, False])
def test_blocks_that_stride_do_not_keep_the_shape(residual: bool) -> None:
    blocks = find_blocks(CifarNet(14, width=4, residual=residual))
    assert [name for name, block in blocks.items() if not keeps_shape(block)] == ["layer2.0", "layer3.0"]


def test_swaps_stay_within_a_stage_and_none_comes_twice() -> None:
    pairs = random_swaps(NAMES, 100, np.random.default_rng(0))
    assert len(pairs) == len(set(pairs)) == 6
    assert all(one.split(".")[0] == other.split(".")[0] and one < other for one, other in pairs)
    assert len(random_swaps(NAMES, 2, np.random.default_rng(0))) == 2


def test_rank_correlation_counts_pairs_out_of_order() -> None:
    assert order_correlation(NAMES, []) == pytest.approx(1)
    # One of 15 pairs is out of order after a swap of neighbors, three after one over a distance of two.
    assert order_correlation(NAMES, [("layer1.0", "layer1.1")]) == pytest.approx(1 - 2 / 15)
    assert order_correlation(NAMES, [("layer1.0", "layer1.2")]) == pytest.approx(1 - 6 / 15)
    assert order_correlation(NAMES, [("layer1.0", "layer1.1")] * 2) == pytest.approx(1)


def test_shuffles_are_averaged_within_an_interval() -> None:
    one = made(shuffled=(Shuffle(0.95, 10.0), Shuffle(0.9, 20.0), Shuffle(0.5, 40.0)))
    other = made(shuffled=(Shuffle(0.92, 30.0),))
    assert by_correlation([one, other], (0.4, 0.9, 1.0)) == [[40.0], [15.0, 30.0]]


def test_every_solution_is_hurt_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lesions, "study", lambda solution: made(net=solution.name, seed=solution.seed))
    net = CifarNet(8)
    arms = [("deep", 4), ("deep", 2), ("plain", 4)]
    found = studies([Solution(name, seed, net) for name, seed in arms], workers=1, progress=False)
    assert [(run.net, run.seed) for run in found] == arms
