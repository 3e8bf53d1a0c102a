"""After training: blocks taken out, gradients by length of path, the loss around solutions, and what the page says."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from residual.probes.blocks import find_blocks
from residual.probes.branches import BranchSize
from residual.training import Recipe, fit
from residual.vision import CifarNet
from residual.vision.data import digits
from residual_book import cli
from residual_book.claims import ClaimError
from residual_book.part1.after_training import claims, figures, landscape, lesions, paths, plateau
from residual_book.part1.after_training.landscape import around, training_loss
from residual_book.part1.after_training.lesions import Lesions, order_correlation, random_swaps
from residual_book.part1.after_training.paths import PathLengths, measure, new_net
from residual_book.part1.after_training.plateau import HIGH_RATE, RECIPE, Plateau
from residual_book.part1.after_training.solutions import NETS, SEEDS, SHORT, Solution, select, solve
from residual_book.recording import RESULTS, recorded_runs
from residual_book.style import Drawing

QUICK = Recipe(epochs=1, batch_size=128)
NAMES = [f"layer{stage}.{block}" for stage in (1, 2) for block in range(3)]
KEEPING = ["layer1.0", "layer1.1", "layer2.1", "layer3.1"]  # blocks of a net of 14 layers that keep their input's shape


def small(residual: bool, seed: int = 3) -> Solution:
    torch.manual_seed(seed)
    net = CifarNet(14, residual=residual, in_channels=1, width=4)
    fit(net, digits(), QUICK, progress=False)
    return Solution("small", seed, net.eval())


@pytest.fixture(scope="module")
def solution() -> Solution:
    return solve("residual-20, usual start", 0, recipe=Recipe(epochs=2, batch_size=64))


# --- solutions


def test_a_solution_is_trained_frozen_and_the_seed_decides_it(solution: Solution) -> None:
    assert (solution.name, solution.net.depth, solution.net.training) == ("residual-20, usual start", 20, False)
    assert training_loss(solution.net)().item() < 0.5 < 2 < training_loss(CifarNet(20, in_channels=1).eval())().item()
    one, again, other = (solve("plain-20", seed, recipe=QUICK).net.fc.weight for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_the_start_is_all_that_differs_between_two_residual_nets_of_one_depth() -> None:
    zero, usual = (
        CifarNet(20, in_channels=1, zero_init_residual=NETS[f"residual-20, {start} start"][2])
        for start in ("zero", "usual")
    )
    assert all(block.bn2.weight.eq(0).all() for block in zero.layer1)
    assert all(block.bn2.weight.eq(1).all() for block in usual.layer1)


# --- lesions


@pytest.mark.parametrize("residual", [True, False])
def test_a_study_hurts_every_block_and_leaves_the_net_as_it_was(residual: bool) -> None:
    solution = small(residual)
    weights = [p.clone() for p in solution.net.parameters()]
    run = lesions.study(solution)
    assert (run.name, run.seed, list(run.single)) == ("small", 3, KEEPING)
    assert list(run.reshaping) == (["layer2.0", "layer3.0"] if residual else [])  # a plain net cannot lose them
    assert [k for k, _ in run.many] == [2] * 3 + [4] * 3  # four blocks keep their shape
    assert len({error for k, error in run.many if k == 4}) == 1
    assert len(run.shuffled) == 9
    errors = [run.intact, *run.single.values(), *(error for _, error in run.many + run.shuffled)]
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
    single = {"layer1.0": 5.0, "layer1.1": 3.0, "layer1.2": 10.0}
    shuffled = ((1.0, 90.0), (0.5, 4.0), (0.5, 5.0), (0.5, 6.0))
    run = Lesions("any", 0, 2.0, single, {}, ((1, 4.0), (1, 6.0), (2, 9.0)), shuffled)
    assert (run.rise, run.worst, run.typical, run.least) == (4.0, 8.0, 3.0, 1.0)
    assert (run.without(0), run.without(1), run.without(2)) == (0.0, 3.0, 7.0)
    assert run.reordered == 3.0  # of the last three


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
        assert lengths.branch == pytest.approx(sum(size.ratio for size in lengths.sizes) / 6)
        other = replace(solution, seed=5)  # samples other paths
        assert paths.measures([other, solution]) == [measure(other), lengths]
        assert measure(other).norms == lengths.norms
        assert measure(other).single != lengths.single
    assert measure(new_net(1, depth=14, width=4)).norms != measure(new).norms
    nets = [Solution("any", 0, CifarNet(depth, residual=residual)) for depth in (20, 56) for residual in (True, False)]
    assert paths.deep(nets) == [nets[2]]


def test_a_plain_net_is_refused() -> None:
    with pytest.raises(ValueError, match="residual blocks only"):
        measure(Solution("plain", 0, CifarNet(8, in_channels=1, residual=False).eval()))


def test_number_of_paths_is_binomial() -> None:
    lengths = PathLengths("any", 0, (1.0,) * 5, (1.0,) * 5, ())
    assert lengths.counts == pytest.approx([math.comb(4, k) / 16 for k in range(5)])
    assert lengths.veit == pytest.approx(lengths.counts)
    assert paths.mean_length(lengths.counts) == pytest.approx(2)


# --- landscape


def test_the_loss_is_that_of_the_first_training_images(solution: Solution) -> None:
    expected = F.cross_entropy(
        solution.net(digits().train_images[: landscape.IMAGES]), digits().train_labels[: landscape.IMAGES]
    )
    assert training_loss(solution.net)().item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_line_goes_through_the_solution_which_lies_lower_than_its_ends(solution: Solution) -> None:
    measured = around(solution)
    assert len(measured.line) == len(landscape.STEPS)
    line = [math.inf if loss is None else loss for loss in measured.line]
    assert line[10] == pytest.approx(training_loss(solution.net)().item(), rel=1e-6)
    assert min(line[0], line[-1]) > line[10]
    assert 0 < measured.rise < math.inf
    assert measured.plane == ()
    assert around(solution) == measured


def test_the_plane_holds_the_line() -> None:
    measured = around(Solution("any", 1, CifarNet(8, in_channels=1, width=4).eval()), plane=True)
    assert [len(row) for row in measured.plane] == [11] * 11
    assert [row[5] for row in measured.plane] == pytest.approx(measured.line[::2])


def test_a_loss_that_is_not_finite_leaves_a_gap() -> None:
    net = CifarNet(8, in_channels=1, width=4).eval()
    net.fc.weight.data.fill_(1e38)
    assert None in around(Solution("any", 0, net)).line


# --- nets trained to a plateau


def test_a_recording_goes_on_and_reads_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[str] = []

    def fake(name: str, seed: int, peak_lr: float, *, checkpoint: Path) -> Plateau:
        trained.append(name)
        return next(run for run in solved() if (run.name, run.seed, run.peak_lr) == (name, seed, peak_lr))

    monkeypatch.setattr(plateau, "measure", fake)
    out = tmp_path / "after.json"
    plateau.record(out, seeds=[0], workers=1)
    assert sorted(trained) == sorted(NETS)
    plateau.record(out, rates=[HIGH_RATE], seeds=[0], workers=1)
    assert len(trained) == 2 * len(NETS) - 1  # plain-56 does not learn at the higher rate
    command = json.loads(out.read_text())["command"]
    assert [part.split()[-4:] for part in command.split(" && ")] == [
        ["--rates", rate, "--seeds", "0"] for rate in ("0.01", "0.1")
    ]
    runs = recorded_runs(out, Plateau)
    assert runs == [run for run in sorted(solved(), key=plateau.key) if run.seed == 0]


def test_the_recorded_command_repeats_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    monkeypatch.setattr(plateau, "record", lambda out, **options: called.append((out, options)))
    content = json.loads((RESULTS / "after-training-digits.json").read_text())
    recorded = {
        (rate, seed)
        for rate, _, seed in map(plateau.key, recorded_runs(RESULTS / "after-training-digits.json", Plateau))
    }
    for command in content["command"].split(" && "):
        cli.app(command.split()[1:], standalone_mode=False)
    assert {str(out) for out, _ in called} == {"results/after-training-digits.json"}
    assert {(rate, seed) for _, options in called for rate in options["rates"] for seed in options["seeds"]} == recorded


def test_the_books_recording_is_whole() -> None:
    runs = recorded_runs(RESULTS / "after-training-digits.json", Plateau)
    at = {rate: {(run.name, run.seed) for run in runs if run.peak_lr == rate} for rate in (RECIPE.peak_lr, HIGH_RATE)}
    assert at[RECIPE.peak_lr] == {(name, seed) for name in NETS for seed in SEEDS}
    assert {name for name, _ in at[HIGH_RATE]} == set(NETS) - {"plain-56"}
    assert all(run.plane for run in runs if run.seed == plateau.PLANE_SEED)


def test_a_net_is_measured_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plateau, "solve", lambda name, seed, **_: Solution(name, seed, small(residual=True).net))
    run = plateau.measure("residual-20, usual start", plateau.PLANE_SEED)
    assert (run.name, run.seed, run.peak_lr, len(run.plane)) == ("residual-20, usual start", 0, RECIPE.peak_lr, 11)
    assert sum(run.shares) == pytest.approx(1)
    assert run.branch > 0
    assert run.loss == run.line[10]
    assert run.far == pytest.approx((run.line[0] + run.line[-1]) / 2 - run.loss)  # type: ignore[operator]
    monkeypatch.setattr(plateau, "solve", lambda name, seed, **_: Solution(name, seed, small(residual=False).net))
    run = plateau.measure("plain-20", 1)
    assert (run.shares, run.branch, run.plane) == ((), 0, ())


# --- what the page shows and says

HURT: dict[str, dict[str, Any]] = {
    "plain-20": {"single": (80.0, 90.0, 95.0), "many": {7: 90.0, 20: 90.0}, "shuffled": 85.0},
    "residual-20, usual start": {"single": (3.0, 34.0, 5.0), "many": {7: 60.0, 20: 90.0}, "shuffled": 40.0},
    "residual-20, zero start": {"single": (2.0, 4.0, 3.0), "many": {7: 20.0, 20: 90.0}, "shuffled": 4.0},
    "residual-56, usual start": {"single": (3.0, 30.0, 2.0), "many": {7: 50.0, 20: 90.0}, "shuffled": 40.0},
    "residual-56, zero start": {"single": (2.0, 4.0, 3.0), "many": {7: 8.0, 20: 30.0}, "shuffled": 5.0},
    "plain-56": {"single": (80.0, 90.0, 95.0), "many": {7: 90.0, 20: 90.0}, "shuffled": 85.0},
}
RISES = {
    "plain-20": 2.0,
    "residual-20, usual start": 5.0,
    "residual-20, zero start": 1.2,
    "plain-56": 3.0,
    "residual-56, usual start": 20.0,
    "residual-56, zero start": 2.0,
}
NEW, TRAINED = {"gradient": 10, "sampled": 17}, {"residual-56, usual start": 3, "residual-56, zero start": 2}


def jittered(value: float, name: str, seed: int) -> float:
    """So that seeds differ, and differences between nets do too."""
    return value * (1 + 0.001 * seed * (1 + list(NETS).index(name)))


def wounds(name: str, seed: int, single: tuple[float, ...], many: dict[int, float], shuffled: float) -> dict[str, Any]:
    errors = {f"block {i}": jittered(error, name, seed) for i, error in enumerate(single)}
    draws = tuple((k, jittered(error, name, seed)) for k, error in many.items())
    orders = ((0.9, 3.0), *[(0.5, jittered(shuffled, name, seed))] * 3)
    return {
        "name": name,
        "seed": seed,
        "intact": jittered(2, name, seed),
        "single": errors,
        "reshaping": {},
        "many": draws,
        "shuffled": orders,
    }


def hurt(spoiled: str = "", **fields: Any) -> list[Lesions]:
    made = {name: {**HURT[name], **(fields if name == spoiled else {})} for name in SHORT}
    return [Lesions(**wounds(name, seed, **made[name])) for name in SHORT for seed in SEEDS]


def lengths(name: str, blocks: int, *, gradient: int, sampled: int) -> list[PathLengths]:
    """All of the gradient in paths of one length, all sampled gradients in those of another; longer in one seed."""

    def only(length: int) -> tuple[float, ...]:
        return tuple(float(k == length) for k in range(blocks + 1))

    sizes = [(BranchSize("a block", 1.0 + seed, 2.0),) * blocks for seed in SEEDS]
    return [PathLengths(name, i, only(gradient + (i == 1)), only(sampled + 2 * (i == 1)), sizes[i]) for i in SEEDS]


def new(**changed: int) -> list[PathLengths]:
    return lengths("residual-110, new", 54, **{**NEW, **changed})


def old(**changed: int) -> list[PathLengths]:
    nets = {**TRAINED, **changed}
    return [run for name, k in nets.items() for run in lengths(name, 27, gradient=k, sampled=k)]


def solved(spoiled: str = "", *, rate: float = RECIPE.peak_lr, **fields: Any) -> list[Plateau]:
    """Recorded nets at both rates; `fields` change those called `spoiled` at one rate."""

    def net(name: str, seed: int, peak_lr: float) -> Plateau:
        order = 1 if peak_lr == RECIPE.peak_lr else -1  # at the high rate the flatter net is the other one
        rise = jittered(RISES[name] ** order, name, seed)
        end = 1e5 if name == "plain-56" else 10.0
        made = {
            **wounds(name, seed, **HURT[name]),
            "peak_lr": peak_lr, "train_error": 0.5, "line": (end, *[0.1] * 19, None), "loss_rise": rise,
            "plane": ((0.1,) * 11,) * 11 if seed == plateau.PLANE_SEED else (),
            "shares": (0.5, 0.5) if "zero" in name else (0.0, 1.0), "branch": 0.3,
        }  # fmt: skip
        made["line"] = (*made["line"][:-1], end)
        return Plateau(**{**made, **(fields if (name, peak_lr) == (spoiled, rate) else {})})

    nets = [(name, peak_lr) for peak_lr in (RECIPE.peak_lr, HIGH_RATE) for name in NETS]
    nets.remove(("plain-56", HIGH_RATE))
    return [net(name, seed, peak_lr) for name, peak_lr in nets for seed in SEEDS]


def slow() -> list[Plateau]:
    return [run for run in solved() if run.peak_lr == RECIPE.peak_lr]


KINDS = ["plain", "residual, usual start", "residual, zero start"]


@pytest.mark.parametrize(
    ("draw", "labels"),
    [
        (lambda: figures.two_by_two(hurt(), when="after four epochs"), [*KINDS, "seven blocks", "56"]),
        (lambda: figures.two_by_two(slow(), when="at a plateau"), [*KINDS, "seven blocks", "56"]),
        (lambda: figures.one_block(hurt()), [*KINDS, "plain-20", "residual-20", "residual-56", "block taken out"]),
        (lambda: figures.many_blocks(hurt()), ["plain-20", "residual-56, zero start", "blocks taken out"]),
        (lambda: figures.shares_by_length(new(), old()), [*KINDS[1:], "Veit et al.: 5 to 17"]),
        (lambda: figures.lines(slow()), [*KINDS, "20 layers", "56 layers", "training loss"]),
        (lambda: figures.planes(slow()), ["plain-20", "plain-56", "training loss"]),
    ],
)
def test_figures_have_their_labels(draw: Callable[[], Drawing], labels: list[str]) -> None:
    svg = draw().svg()
    assert all(f">{label}<" in svg for label in labels)


def test_good_results_pass() -> None:
    claims.on_lesions(hurt())
    claims.on_paths(new(), old())
    claims.on_plateau(solved())
    claims.on_landscapes(solved())
    claims.on_again(solved()[0], solved())
    assert len(select(hurt(), "plain-20")) == len(SEEDS)


ZERO_20, ZERO_56, USUAL_20, USUAL_56 = (
    f"residual-{depth}, {start} start" for start in ("zero", "usual") for depth in (20, 56)
)
EVEN = {"block 0": 3.0, "block 1": 4.0}
TORN = {"block 0": 3.0, "block 1": 40.0}


@pytest.mark.parametrize(
    ("claim", "check"),
    [
        ("lesion-plain", lambda: claims.on_lesions(hurt("plain-20", single=(90.0, 30.0)))),
        ("lesion-start", lambda: claims.on_lesions(hurt(USUAL_20, single=(4.0, 6.0)))),
        ("lesion-start", lambda: claims.on_lesions(hurt(USUAL_56, single=(4.0, 6.0)))),
        ("lesion-residual", lambda: claims.on_lesions(hurt(ZERO_56, single=(8.0, 3.0)))),
        ("lesion-residual", lambda: claims.on_lesions(hurt(ZERO_20, single=(8.0, 3.0)))),
        ("lesion-most", lambda: claims.on_lesions(hurt(USUAL_56, single=(20.0, 30.0, 2.0)))),
        ("lesion-depth", lambda: claims.on_lesions(hurt(USUAL_56, single=(3.0, 11.0, 2.0)))),
        ("lesion-skip-alone", lambda: claims.on_lesions(hurt(USUAL_20, single=(70.0, 80.0)))),
        ("lesion-many", lambda: claims.on_lesions(hurt(ZERO_56, many={7: 16.0, 20: 30.0}))),
        ("lesion-many", lambda: claims.on_lesions(hurt(ZERO_56, many={7: 8.0, 20: 14.0}))),
        ("lesion-many", lambda: claims.on_lesions(hurt(USUAL_56, many={7: 10.0, 20: 90.0}))),
        ("lesion-order", lambda: claims.on_lesions(hurt(ZERO_56, shuffled=16.0))),
        ("lesion-order", lambda: claims.on_lesions(hurt(USUAL_56, shuffled=8.0))),
        ("lesion-order", lambda: claims.on_lesions(hurt("plain-20", shuffled=50.0))),
        ("paths-short", lambda: claims.on_paths(new(gradient=17, sampled=21), old())),
        ("paths-cancel", lambda: claims.on_paths(new(sampled=12), old())),
        ("paths-trained", lambda: claims.on_paths(new(), old(**{USUAL_56: 6}))),
        ("paths-start", lambda: claims.on_paths(new(), old(**{USUAL_56: 2}))),
        ("plateau-fits", lambda: claims.on_plateau(solved("plain-56", train_error=26.0))),
        ("plateau-fits", lambda: claims.on_plateau(solved(USUAL_56, train_error=2.0))),
        ("plateau-start", lambda: claims.on_plateau(solved(USUAL_56, single=EVEN))),
        ("plateau-zero", lambda: claims.on_plateau(solved(ZERO_56, single={"block 0": 9.0}))),
        ("plateau-rate", lambda: claims.on_plateau(solved(ZERO_20, rate=HIGH_RATE, single=TORN))),
        ("landscape-skip", lambda: claims.on_landscapes(solved("plain-56", loss_rise=25.0))),
        ("landscape-start", lambda: claims.on_landscapes(solved(USUAL_56, loss_rise=3.5))),
        ("landscape-far", lambda: claims.on_landscapes(solved("plain-56", line=(20.0, *[0.1] * 19, 20.0)))),
        ("landscape-depth", lambda: claims.on_landscapes(solved(ZERO_20, loss_rise=0.4))),
        ("landscape-rate", lambda: claims.on_landscapes(solved(USUAL_56, rate=HIGH_RATE, loss_rise=9.0))),
        ("plateau-repeats", lambda: claims.on_again(replace(solved()[0], single=TORN), solved())),
    ],
)
def test_a_result_that_does_not_bear_a_sentence_out_stops_the_page(claim: str, check: Callable[[], None]) -> None:
    with pytest.raises(ClaimError, match=f"'{claim}'"):
        check()
