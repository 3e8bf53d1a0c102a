"""How deep can it go: nets that train or diverge, the recording, signals before training, the price, and the claims."""

import json
import math
import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from residual.training import Recipe
from residual.vision import CifarNet, NormFreeBlock, PreActBlock
from residual_book import cli
from residual_book.claims import ClaimError
from residual_book.part1.depth import claims, cost, experiment, figures, first_steps, signal_size
from residual_book.part1.depth.cost import DepthCost, kept_for_backward
from residual_book.part1.depth.experiment import (
    ARMS,
    DEEP,
    RATES,
    RECIPE,
    RECORDED,
    SEEDS,
    Run,
    build,
    record,
    select,
    train,
)
from residual_book.part1.depth.first_steps import THOUSAND, Steps
from residual_book.part1.depth.signal_size import BLOCKS, STACKS, Signal, measure, theory_factor, theory_growth
from residual_book.recording import RESULTS, read_record, recorded_runs, write_record
from residual_book.style import Drawing

SHORT = replace(RECIPE, epochs=1)
ROOT = "no norm, scale 1/√L"

# --- nets that train or diverge


def test_arms_start_with_their_scales() -> None:
    expected = {"no norm, scale 1": 1.0, ROOT: 1 / 3, "no norm, scale 0": 0.0}
    assert experiment.SCALES.keys() == expected.keys() < ARMS.keys()
    for arm in ARMS:
        scales = [block.scale.item() for block in build(arm, 20).blocks() if isinstance(block, NormFreeBlock)]
        assert scales == pytest.approx([expected[arm]] * 9 if arm in expected else [])


def test_all_arms_but_the_plain_one_have_skips() -> None:
    assert [arm for arm in ARMS if not build(arm, 8).residual] == ["plain"]


@pytest.mark.parametrize("arm", ["pre-activation", "no norm, scale 0"])
def test_a_run_is_decided_by_its_seed_and_learns(arm: str) -> None:
    state = torch.random.get_rng_state()
    run = train(arm, 8, 3, 0.1, recipe=SHORT)
    assert run == train(arm, 8, 3, 0.1, recipe=SHORT)
    assert run != train(arm, 8, 4, 0.1, recipe=SHORT)
    assert run.train_error is not None
    assert run.train_error < 89
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_net_that_diverges_is_a_result() -> None:
    run = train("no norm, scale 1", 110, 0, 0.1, recipe=SHORT)
    assert run == Run("no norm, scale 1", 110, 0, 0.1)
    assert run.diverged


def test_weights_that_the_last_step_broke_count_as_diverged() -> None:
    one_step = Recipe(epochs=1, batch_size=1437, schedule="constant", weight_decay=1e3)
    assert train("original", 8, 0, 1e38, recipe=one_step).diverged


@pytest.mark.parametrize(
    ("errors", "best"), [((3.0, 2.0), 0.01), ((2.0, 2.0), 0.1), ((None, 90.0), 0.01), ((None, None), 0.1)]
)
def test_the_rate_with_the_lower_training_error_is_chosen(errors: tuple[float | None, ...], best: float) -> None:
    tried = [Run("plain", 20, 99, rate, error, error) for rate, error in zip(RATES, errors, strict=True)]
    others = [Run("original", 20, 99, 0.1, 50.0, 1.0), Run("original", 20, 99, 0.01, 60.0, 0.0)]
    assert experiment.best_rates([*tried, *others]) == {"plain": best, "original": 0.1}
    assert experiment.CHOICE_SEED not in SEEDS


def test_a_sweep_trains_each_net_from_every_seed_at_its_rate() -> None:
    runs = experiment.sweep({"plain": 0.01}, (8,))
    assert [(r.arm, r.depth, r.seed, r.peak_lr) for r in runs] == [("plain", 8, seed, 0.01) for seed in SEEDS]
    assert runs[-1] == train("plain", 8, SEEDS[-1], 0.01)
    assert select(runs, "plain", 8) == select(runs, "plain") == runs
    assert select(runs, "plain", 20) == select(runs, "original") == []


# --- the recording


def made_record(out: Path, runs: list[Run], **recipe: Any) -> None:
    content = {"data": "digits", "command": "", "provenance": {}, "recipe": asdict(RECIPE) | recipe}
    write_record(out, {**content, "runs": [asdict(run) for run in runs]})


def test_it_goes_on_and_takes_more_depths_and_seeds(tmp_path: Path) -> None:
    out = tmp_path / "runs.json"
    *nets, missing = product(RECORDED, (8,), (0,), RATES)
    before = [Run(*net, 1.5, 2.5) for net in nets] + [Run("original", 14, 7, 0.1)]  # made up, the last one diverged
    made_record(out, before)
    with pytest.raises(ValueError, match="got 7"):  # no such depth: what was made before stands
        record(out, depths=(8, 7), seeds=(0,), workers=1)
    assert set(recorded_runs(out, Run)) == {*before, train(*missing)}  # only what was missing is trained
    more = [Run(arm, depth, 3, rate, 1.5, 2.5) for arm, depth, _, rate in nets]
    made_record(out, [*before, *more])
    record(out, depths=(8,), seeds=(0, 3), workers=1)
    runs, content = recorded_runs(out, Run), read_record(out)
    assert len(set(runs)) == len(runs) == len(before) + len(more) + 2
    assert [run.arm for run in runs] == sorted((run.arm for run in runs), key=list(ARMS).index)
    assert (content["data"], content["recipe"]["batch_size"]) == ("digits", RECIPE.batch_size)
    assert shlex.split(content["command"])[-4:] == ["--depths", "8,14", "--seeds", "0,3,7"]


def test_a_recording_of_another_recipe_is_refused(tmp_path: Path) -> None:
    made_record(tmp_path / "runs.json", [], epochs=9)
    with pytest.raises(ValueError, match="epochs=9, this run has 2"):
        record(tmp_path / "runs.json", depths=(14,), workers=1)


def test_the_recorded_command_repeats_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    monkeypatch.setattr(experiment, "record", lambda out, **options: called.append((out, options)))
    name, *arguments = shlex.split(json.loads((RESULTS / "depth-digits.json").read_text())["command"])
    for given in (arguments, ["depth", "--out", "runs.json", "--depths", "32,44", "--seeds", "5", "--workers", "1"]):
        cli.app(given, standalone_mode=False)
    assert name == "residual-book"
    assert called == [
        (Path("results/depth-digits.json"), {"depths": list(DEEP), "seeds": list(SEEDS), "workers": 2}),
        (Path("runs.json"), {"depths": [32, 44], "seeds": [5], "workers": 1}),
    ]


def test_the_books_recording_is_whole() -> None:
    runs = recorded_runs(RESULTS / "depth-digits.json", Run)
    nets = {(run.arm, run.depth, run.seed, run.peak_lr) for run in runs}
    assert nets == set(product(RECORDED, DEEP, SEEDS, RATES))


def test_only_nets_that_fail_are_shown_at_the_other_rate() -> None:
    runs = [Run("plain", depth, 0, 0.01) for depth in (8, 20, 56)] + [Run("original", 56, 0, 0.01)]
    assert experiment.retried(runs) == [runs[2]]


# --- a thousand layers


@pytest.mark.parametrize("arm", first_steps.ARMS)
def test_twenty_layers_take_steps_with_any_block(arm: str) -> None:
    run = first_steps.first_steps(arm, 0, depth=20, steps=12)
    assert run.finite
    assert (len(run.losses), len(run.gradients)) == (13, 12)
    assert min(run.losses) < run.losses[0]
    assert run == first_steps.first_steps(arm, 0, depth=20, steps=12)
    assert run != first_steps.first_steps(arm, 1, depth=20, steps=12)


def test_a_run_ends_at_the_first_gradient_that_is_not_finite() -> None:
    """600 plain layers: a factor of about 1.2 each, which is more than float32 holds."""
    run = first_steps.first_steps("plain", 0, depth=602)
    assert not run.finite
    assert len(run.losses) == len(run.gradients) == 1
    assert math.isfinite(run.losses[0])


def test_a_thousand_layers_are_more_than_that() -> None:
    assert THOUSAND > 1000
    assert (THOUSAND - 2) % 6 == 0  # a depth that `CifarNet` has


def test_an_unknown_block_is_named() -> None:
    with pytest.raises(ValueError, match="got 'wide'"):
        first_steps.first_steps("wide", 0)


# --- signals before training


@pytest.mark.parametrize("side", [2, 4, 8])
def test_theory_is_the_growth_of_the_expected_squares(side: int) -> None:
    """He's weights spread squares over 3x3 windows evenly, and a ReLU halves what they double: a box filter, twice."""
    squares = torch.ones(1, 1, side, side, dtype=torch.float64)
    for _ in range(200):
        branch = squares
        for _ in range(2):
            branch = F.avg_pool2d(branch, 3, stride=1, padding=1)
        before, squares = squares.sum(), squares + 0.49 * branch
        factor, squares = squares.sum() / before, squares / squares.sum()
    assert theory_factor(side, 0.7) == pytest.approx(factor.item(), rel=1e-9)


def test_theory_doubles_in_a_wide_map_and_keeps_without_a_branch() -> None:
    assert theory_factor(10_000) == pytest.approx(2, abs=1e-6)
    assert theory_factor(8, 0) == 1
    assert theory_growth("no norm, scale 0", 64) == 1
    assert theory_growth("no norm, scale 1", 3) == pytest.approx(theory_factor(8) ** 3)
    assert 2 < theory_growth(ROOT, 1e6) < math.e


def test_factor_is_that_of_an_exponential() -> None:
    signal = Signal("no norm, scale 1", 3, 0, (3.0, 6.0, 12.0, 24.0), (8.0, 4.0, 2.0, 1.0))
    assert signal.factor == pytest.approx(2)
    assert (signal.growth, signal.gradient_growth) == (8, 8)


def test_a_wide_stack_follows_the_theory() -> None:
    factors = [measure("no norm, scale 1", 4, seed, width=128, images=4).factor for seed in range(4)]
    assert sum(factors) / 4 == pytest.approx(theory_factor(8), rel=0.1)


def test_a_silent_stack_changes_nothing_and_a_scaled_one_stays_bounded() -> None:
    silent = measure("no norm, scale 0", 6, 0, width=4, images=4)
    assert silent.growth == silent.gradient_growth == 1
    assert len(silent.activations) == len(silent.gradients) == silent.blocks + 1 == 7
    scaled = measure(ROOT, 40, 0, width=16, images=4)
    assert 1 < scaled.growth < math.e * 1.5
    assert scaled == measure(ROOT, 40, 0, width=16, images=4) != measure(ROOT, 40, 1, width=16, images=4)


# --- the price


def test_a_linear_layer_keeps_its_input_and_a_relu_its_output() -> None:
    x, linear = torch.randn(5, 3), nn.Linear(3, 7)
    assert kept_for_backward(lambda: linear(x), list(linear.parameters())) == 4 * 5 * 3
    assert kept_for_backward(lambda: linear(x), []) == 4 * 5 * 3  # no one asks for x's gradient, which needs the weight
    assert kept_for_backward(lambda: linear(x).relu(), list(linear.parameters())) == 4 * (5 * 3 + 5 * 7)


def test_what_two_layers_keep_counts_once() -> None:
    x = torch.randn(5, 3, requires_grad=True)
    assert kept_for_backward(lambda: x.exp() + 0, []) == 4 * 15
    assert kept_for_backward(lambda: (y := x.exp()) * y, []) == 4 * 15


def test_nothing_is_kept_without_gradients() -> None:
    with torch.no_grad():
        assert kept_for_backward(lambda: nn.Linear(3, 7)(torch.randn(5, 3)), []) == 0


def test_resnet_20_costs_what_it_is_known_to_for_one_image() -> None:
    counted = cost.measure(20)
    assert (counted.multiply_adds, counted.depth) == (40_551_040, 20)
    net, images = CifarNet(20, block=PreActBlock), torch.randn(8, *cost.SHAPE)
    # Each batch norm keeps a mean and a deviation per channel, which a larger batch shares.
    assert kept_for_backward(lambda: net(images), list(net.parameters())) / 8 == pytest.approx(counted.kept, rel=0.01)


# --- what the page shows and says

Levels = Mapping[tuple[str, int], float | None]
# Training errors by arm and depth; None where nets diverge.
LEVELS: Levels = {
    ("plain", 56): 80.0,
    ("original", 56): 10.0,
    ("original", 218): 85.0,
    **{("pre-activation", depth): 4.0 for depth in (8, 20, *DEEP)},
    ("no norm, scale 1", 56): None,
    (ROOT, 56): 15.0,
    (ROOT, 110): None,
    (ROOT, 218): 20.0,
    **{("no norm, scale 0", depth): 12.0 for depth in DEEP},
}
OTHER: Levels = {("plain", 56): 85.0, ("original", 218): 20.0, ("no norm, scale 1", 56): 90.0}


def nets(levels: Levels, rate: float) -> list[Run]:
    """A run from each seed; the seeds differ by more in deeper nets, and differently from arm to arm."""
    spread = {arm: (1 + i + 10 * rate) / 2000 for i, arm in enumerate(ARMS)}
    return [
        Run(arm, depth, seed, rate) if level is None else Run(arm, depth, seed, rate, level + shift, level + 1 + shift)
        for (arm, depth), level in levels.items()
        for seed in SEEDS
        for shift in [spread[arm] * seed * depth]
    ]


def check_errors(spoiled: Levels = LEVELS, other: Levels = OTHER) -> None:
    claims.on_errors(nets({**LEVELS, **spoiled}, 0.1), nets({**OTHER, **other}, 0.01))


def test_nets_that_diverged_are_counted_and_left_out() -> None:
    runs = nets(LEVELS, 0.1)
    lost = next(i for i, run in enumerate(runs) if (run.arm, run.depth) == ("no norm, scale 0", 218))
    runs[lost] = replace(runs[lost], train_error=None, test_error=None)
    with pytest.raises(ClaimError, match=r"'depth-zero-trains'.*0\.333"):  # of three seeds: too many to be sure
        claims.on_errors(runs, nets(OTHER, 0.01))


def check_record(again: float) -> None:
    claims.on_record(Run("pre-activation", 110, 0, 0.1, again, again), nets(LEVELS, 0.1))


def signal(arm: str, blocks: int, seed: int, growth: float) -> Signal:
    sizes = tuple((growth * (1 + 0.001 * seed)) ** (k / blocks) for k in range(blocks + 1))
    return Signal(arm, blocks, seed, sizes, sizes[::-1])


def signals(root: float = 2.1, power: float = 1.0) -> list[Signal]:
    growth = {STACKS[0]: lambda n: 1.8**n, STACKS[1]: lambda n: (1 + n) ** power, ROOT: lambda n: root}
    return [
        signal(arm, blocks, seed, growth.get(arm, lambda n: 1)(blocks) * (1 + 0.0002 * seed * blocks))
        for arm, blocks, seed in product(STACKS, BLOCKS, signal_size.SEEDS)
    ]


def wide(factor: float) -> list[Signal]:
    return [signal("no norm, scale 1", 8, seed, factor**8) for seed in signal_size.SEEDS]


LOSSES = {
    "plain": (2.3,),
    "original": (2.3, 60.0, 2.2),
    "original, branches start at zero": (2.3, 2.29, 1.5),
    "pre-activation": (2.3, 2.2, 1.9),
}


def steps(arm: str = "plain", *losses: float, gradient: float = 1.0) -> list[Steps]:
    """Each block from three seeds; of one, the losses after the first may be given."""
    runs = []
    for name, (first, *later) in (LOSSES | ({arm: (2.3, *losses)} if losses else {})).items():
        gradients = (gradient if name == "pre-activation" else 1.0,) * len(later) or (math.inf,)
        for seed in first_steps.SEEDS:
            runs.append(Steps(name, seed, (first, *(loss * (1 + seed / 100) for loss in later)), gradients))
    return runs


def costs(extra: int = 0) -> list[DepthCost]:
    return [DepthCost(d, 10**6 * d, 7 * d, 10**5 * d + extra * (d == 56)) for d in cost.DEPTHS]


@pytest.mark.parametrize(
    ("draw", "labels"),
    [
        (lambda: figures.errors_by_depth(nets(LEVELS, 0.1), nets(OTHER, 0.01)), [*figures.LOOKS, "diverged"]),
        (lambda: figures.signal_sizes(signals()), [*STACKS, "blocks"]),
        (
            lambda: figures.losses_and_gradients(steps()),
            ["loss on one batch", "norm of the gradient", *first_steps.ARMS],
        ),
        (lambda: figures.price_and_return(costs()), ["kept for backward (MB)", "6.61", "7.61", "6.37", "4.92"]),
    ],
)
def test_figures_have_their_labels(draw: Callable[[], Drawing], labels: list[str]) -> None:
    svg = draw().svg()
    assert all(f">{label}<" in svg for label in labels)


def test_good_results_pass() -> None:
    check_errors()
    claims.on_signals(signals(), wide(1.85))
    check_record(5.0)
    claims.on_thousand_layers(steps())
    claims.on_cost(costs())


@pytest.mark.parametrize(
    ("claim", "check"),
    [
        ("depth-record-repeats", lambda: check_record(11.0)),
        ("depth-plain-fails", lambda: check_errors(other={("plain", 56): 55.0})),
        ("depth-plain-fails", lambda: check_errors({("plain", 56): 55.0})),
        ("depth-preact-level", lambda: check_errors({("pre-activation", 218): 20.0})),
        ("depth-original-degrades", lambda: check_errors({("original", 218): 20.0})),
        ("depth-original-rate", lambda: check_errors(other={("original", 218): 70.0})),
        ("depth-unscaled-diverges", lambda: check_errors(other={("no norm, scale 1", 56): 50.0})),
        ("depth-zero-trains", lambda: check_errors({("no norm, scale 0", 218): 61.0})),
        ("depth-zero-not-free", lambda: check_errors({("no norm, scale 0", 218): 3.0})),
        ("depth-block-factor", lambda: claims.on_signals(signals(), wide(1.6))),
        ("depth-root-bounded", lambda: claims.on_signals(signals(root=4.5), wide(1.85))),
        ("depth-norm-linear", lambda: claims.on_signals(signals(power=1.5), wide(1.85))),
        ("depth-thousand-plain", lambda: claims.on_thousand_layers(steps("plain", 2.2))),
        ("depth-thousand-original", lambda: claims.on_thousand_layers(steps("original", 2.29, 2.2))),
        ("depth-thousand-zero", lambda: claims.on_thousand_layers(steps("original, branches start at zero", 2.5))),
        ("depth-thousand-learns", lambda: claims.on_thousand_layers(steps("pre-activation", 2.35))),
        ("depth-thousand-learns", lambda: claims.on_thousand_layers(steps(gradient=math.inf))),
        ("depth-price-linear", lambda: claims.on_cost(costs(extra=8))),
    ],
)
def test_a_result_that_does_not_bear_a_sentence_out_stops_the_page(claim: str, check: Callable[[], None]) -> None:
    with pytest.raises(ClaimError, match=f"'{claim}'"):
        check()


def test_a_mean_does_not_take_the_error_of_a_net_that_diverged() -> None:
    with pytest.raises(ValueError, match="must be finite"):
        check_errors({("original", 218): None})
