"""After training: blocks taken out, gradients by length of path, the loss around solutions, and what the page says."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from residual.probes.blocks import find_blocks
from residual.probes.branches import BranchSize
from residual.probes.landscape import Slice
from residual.training import Recipe, fit
from residual.vision import CifarNet
from residual.vision.data import digits
from residual_book.claims import ClaimError
from residual_book.part1.after_training import claims, figures, landscape, lesions, paths
from residual_book.part1.after_training.landscape import PLANES, Around, around, training_loss
from residual_book.part1.after_training.lesions import Lesions, Shuffle, order_correlation, random_swaps
from residual_book.part1.after_training.paths import PathLengths, measure, new_net
from residual_book.part1.after_training.solutions import NETS, SEEDS, Solution, select, solve
from residual_book.style import Drawing

SHORT = Recipe(epochs=1, batch_size=128)
NAMES = [f"layer{stage}.{block}" for stage in (1, 2) for block in range(3)]
KEEPING = ["layer1.0", "layer1.1", "layer2.1", "layer3.1"]  # blocks of a net of 14 layers that keep their input's shape


def small(residual: bool, seed: int = 3) -> Solution:
    torch.manual_seed(seed)
    net = CifarNet(14, residual=residual, in_channels=1, width=4)
    fit(net, digits(), SHORT, progress=False)
    return Solution("small", seed, net.eval())


@pytest.fixture(scope="module")
def solution() -> Solution:
    return solve("residual-20", 0, recipe=Recipe(epochs=2, batch_size=64))


# --- solutions


def test_a_solution_is_trained_frozen_and_the_seed_decides_it(solution: Solution) -> None:
    assert (solution.name, solution.net.depth, solution.net.training) == ("residual-20", 20, False)
    assert training_loss(solution.net)().item() < 0.5 < 2 < training_loss(CifarNet(20, in_channels=1).eval())().item()
    one, again, other = (solve("plain-20", seed, recipe=SHORT).net.fc.weight for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


# --- lesions


@pytest.mark.parametrize("residual", [True, False])
def test_a_study_hurts_every_block_and_leaves_the_net_as_it_was(residual: bool) -> None:
    solution = small(residual)
    weights = [p.clone() for p in solution.net.parameters()]
    run = lesions.study(solution)
    assert (run.name, run.seed, list(run.single)) == ("small", 3, KEEPING)
    assert list(run.reshaping) == (["layer2.0", "layer3.0"] if residual else [])  # a plain net cannot lose them
    assert {k: len(errors) for k, errors in run.many.items()} == {1: 3, 2: 3, 4: 3}  # four blocks keep their shape
    assert set(run.many[1]) <= set(run.single.values())
    assert len(set(run.many[4])) == 1
    assert len(run.shuffled) == 15
    errors = [run.intact, *run.single.values(), *run.many[4], *(shuffle.error for shuffle in run.shuffled)]
    assert all(0 <= error <= 100 for error in errors)
    assert all(torch.equal(a, b) for a, b in zip(weights, solution.net.parameters(), strict=True))
    assert lesions.studies([solution]) == [run]


@pytest.mark.parametrize("residual", [True, False])
def test_blocks_that_stride_do_not_keep_the_shape(residual: bool) -> None:
    blocks = find_blocks(CifarNet(14, width=4, residual=residual))
    assert [name for name, block in blocks.items() if lesions.keeps_shape(block)] == KEEPING


def test_swaps_stay_within_a_stage_and_none_comes_twice() -> None:
    pairs = random_swaps(NAMES, 100, np.random.default_rng(0))
    assert len(pairs) == len(set(pairs)) == 6
    assert all(first.split(".")[0] == second.split(".")[0] and first < second for first, second in pairs)
    assert len(random_swaps(NAMES, 2, np.random.default_rng(0))) == 2


def test_rank_correlation_counts_pairs_out_of_order() -> None:
    assert order_correlation(NAMES, []) == pytest.approx(1)
    # One of 15 pairs is out of order after a swap of neighbors, three after one over a distance of two.
    assert order_correlation(NAMES, [("layer1.0", "layer1.1")]) == pytest.approx(1 - 2 / 15)
    assert order_correlation(NAMES, [("layer1.0", "layer1.2")]) == pytest.approx(1 - 6 / 15)
    assert order_correlation(NAMES, [("layer1.0", "layer1.1")] * 2) == pytest.approx(1)


def test_rises_are_over_the_whole_network() -> None:
    run = Lesions("any", 0, 2.0, {"layer1.0": 5.0, "layer1.1": 3.0}, {}, {1: (4.0, 6.0)}, ())
    assert (run.rise, run.worst, run.least) == (2.0, 3.0, 1.0)
    assert (run.without(0), run.without(1)) == (2.0, 5.0)


# --- paths


def test_the_whole_gradient_is_accounted_for_in_new_and_trained_nets() -> None:
    trained, new = small(residual=True), new_net(0, depth=14, width=4)
    assert not new.net.training
    for solution in (trained, new):
        lengths = measure(solution)
        assert len(lengths.norms) == len(lengths.single) == 1 + len(lengths.sizes) == 7
        for shares in (lengths.shares, lengths.veit, lengths.counts):
            assert len(shares) == 7
            assert sum(shares) == pytest.approx(1)
            assert min(shares) >= 0
        # There is one path of length 0 and one of length n: sampled or not, it is the same.
        assert lengths.single[0] == pytest.approx(lengths.norms[0], rel=1e-4)
        assert lengths.single[-1] == pytest.approx(lengths.norms[-1], rel=1e-3)
        other = replace(solution, seed=5)  # samples other paths
        assert paths.measures([other, solution]) == [measure(other), lengths]
        assert measure(other).norms == lengths.norms
        assert measure(other).single != lengths.single
    assert measure(new_net(1, depth=14, width=4)).norms != measure(new).norms


def test_a_plain_net_is_refused() -> None:
    with pytest.raises(ValueError, match="residual blocks only"):
        measure(Solution("plain", 0, CifarNet(8, in_channels=1, residual=False).eval()))


def test_number_of_paths_is_binomial() -> None:
    lengths = PathLengths((1.0,) * 5, (1.0,) * 5, ())
    assert lengths.counts == pytest.approx([math.comb(4, k) / 16 for k in range(5)])
    assert lengths.veit == pytest.approx(lengths.counts)
    assert paths.mean_length(lengths.counts) == pytest.approx(2)


@given(values=st.lists(st.floats(0.001, 1), min_size=1, max_size=12))
def test_the_range_that_carries_holds_its_share_and_no_shorter_one_does(values: list[float]) -> None:
    first, last = paths.carrying(values)
    needed = paths.SHARE * sum(values)
    assert sum(values[first : last + 1]) >= needed - 1e-9
    shorter = last - first
    assert all(sum(values[i : i + shorter]) < needed + 1e-9 for i in range(len(values) - shorter + 1))


# --- landscape


def test_the_loss_is_that_of_the_first_training_images(solution: Solution) -> None:
    expected = F.cross_entropy(
        solution.net(digits().train_images[: landscape.IMAGES]), digits().train_labels[: landscape.IMAGES]
    )
    assert training_loss(solution.net)().item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_line_goes_through_the_solution_which_lies_lower_than_its_ends(solution: Solution) -> None:
    measured = around(solution)
    assert (measured.name, measured.seed, measured.line.steps) == ("residual-20", 0, landscape.STEPS)
    assert measured.loss == pytest.approx(training_loss(solution.net)().item(), rel=1e-6)
    assert min(measured.line.losses[0], measured.line.losses[-1]) > measured.loss
    assert 0 < measured.rise < math.inf
    (again,) = landscape.surroundings([solution])
    assert again.rise == measured.rise
    assert torch.equal(again.line.losses, measured.line.losses)


def test_the_planes_are_those_of_the_first_seed_and_hold_the_line() -> None:
    net = CifarNet(8, in_channels=1, width=4).eval()
    solutions = [Solution(name, seed, net) for name in NETS for seed in (0, 1)]
    slices = landscape.planes(solutions)
    assert list(slices) == list(PLANES)
    line = around(solutions[0]).line
    for plane in slices.values():
        assert plane.losses.shape == (11, 11)
        torch.testing.assert_close(plane.losses[:, 5], line.losses[::2])


# --- what the page shows and says

HURT: dict[str, dict[str, Any]] = {
    "plain-20": {"single": {"a": 80.0, "b": 90.0}, "many": {7: 90.0, 20: 90.0}, "shuffled": 85.0},
    "residual-20": {"single": {"a": 20.0, "b": 5.0}, "many": {7: 60.0, 20: 90.0}, "shuffled": 40.0},
    "residual-56": {"single": {"a": 4.0, "b": 3.0}, "many": {7: 8.0, 20: 30.0}, "shuffled": 9.0},
}
RISES = {"plain-20": 0.3, "residual-20": 0.25, "plain-56": 900.0, "residual-56": 0.4}
NEW, TRAINED = {"gradient": 10, "sampled": 17}, {"gradient": 2, "sampled": 4}


def jittered(value: float, name: str, seed: int) -> float:
    """So that seeds differ, and differences between nets do too."""
    return value * (1 + 0.001 * seed * (1 + list(NETS).index(name)))


def hurt(spoiled: str = "", **fields: Any) -> list[Lesions]:
    return [
        Lesions(
            name,
            seed,
            intact=jittered(2, name, seed),
            single={block: jittered(error, name, seed) for block, error in made["single"].items()},
            reshaping={},
            many={k: (jittered(error, name, seed),) for k, error in made["many"].items()},
            shuffled=(Shuffle(0.9, 3.0), Shuffle(0.5, jittered(made["shuffled"], name, seed))),
        )
        for name, good in HURT.items()
        for made in [{**good, **(fields if name == spoiled else {})}]
        for seed in SEEDS
    ]


def lengths(blocks: int, *, gradient: int, sampled: int) -> list[PathLengths]:
    """All of the gradient in paths of one length, all sampled gradients in those of another; longer in one seed."""

    def only(length: int) -> tuple[float, ...]:
        return tuple(float(k == length) for k in range(blocks + 1))

    sizes = [(BranchSize("a block", 1.0 + seed, 2.0),) * blocks for seed in SEEDS]
    return [PathLengths(only(gradient + (i == 1)), only(sampled + 2 * (i == 1)), sizes[i]) for i in SEEDS]


def solved(**rises: float) -> list[Around]:
    return [
        Around(name, seed, Slice((-1.0, 0.0, 1.0), torch.tensor([5.0, jittered(2, name, seed), math.nan])), rise)
        for name, mean in {**RISES, **rises}.items()
        for seed in SEEDS
        for rise in [jittered(mean, name, seed)]
    ]


@pytest.mark.parametrize(
    ("draw", "labels"),
    [
        (lambda: figures.one_block(hurt()), ["plain-20", "residual-20", "residual-56", "block taken out"]),
        (lambda: figures.many_blocks(hurt()), ["plain-20", "residual-20", "residual-56", "blocks taken out"]),
        (lambda: figures.shares_by_length(lengths(54, **NEW), lengths(27, **TRAINED)), ["Veit et al.: 5 to 17"]),
        (lambda: figures.lines(solved()), [*RISES, "training loss"]),
        (
            lambda: figures.planes(dict.fromkeys(PLANES, Slice((-1.0, 0.0, 1.0), 0.1 + torch.eye(3)))),
            [*PLANES, "training loss"],
        ),
    ],
)
def test_figures_have_their_labels(draw: Callable[[], Drawing], labels: list[str]) -> None:
    svg = draw().svg()
    assert all(f">{label}<" in svg for label in labels)


def test_good_results_pass() -> None:
    claims.on_lesions(hurt())
    claims.on_paths(lengths(54, **NEW), lengths(27, **TRAINED))
    claims.on_landscapes(solved())
    assert len(select(hurt(), "plain-20")) == len(SEEDS)


@pytest.mark.parametrize(
    ("claim", "check"),
    [
        ("lesion-plain", lambda: claims.on_lesions(hurt("plain-20", single={"a": 90.0, "b": 30.0}))),
        ("lesion-residual", lambda: claims.on_lesions(hurt("residual-56", single={"a": 12.0, "b": 3.0}))),
        ("lesion-skip-alone", lambda: claims.on_lesions(hurt("residual-20", single={"a": 70.0, "b": 80.0}))),
        ("lesion-many", lambda: claims.on_lesions(hurt("residual-56", many={7: 16.0, 20: 30.0}))),
        ("lesion-many", lambda: claims.on_lesions(hurt("residual-56", many={7: 8.0, 20: 14.0}))),
        ("lesion-order", lambda: claims.on_lesions(hurt("residual-56", shuffled=16.0))),
        ("lesion-order", lambda: claims.on_lesions(hurt("plain-20", shuffled=50.0))),
        ("paths-short", lambda: claims.on_paths(lengths(54, gradient=17, sampled=21), lengths(27, **TRAINED))),
        ("paths-cancel", lambda: claims.on_paths(lengths(54, gradient=10, sampled=12), lengths(27, **TRAINED))),
        ("paths-trained", lambda: claims.on_paths(lengths(54, **NEW), lengths(27, gradient=5, sampled=6))),
        ("landscape-skip", lambda: claims.on_landscapes(solved(**{"residual-56": 95.0}))),
        ("landscape-depth", lambda: claims.on_landscapes(solved(**{"residual-20": 95.0}))),
        ("landscape-shallow-plain", lambda: claims.on_landscapes(solved(**{"plain-20": 95.0}))),
    ],
)
def test_a_result_that_does_not_bear_a_sentence_out_stops_the_page(claim: str, check: Callable[[], None]) -> None:
    with pytest.raises(ClaimError, match=f"'{claim}'"):
        check()
