"""Stacks of linear blocks on records: what they are made of, what is measured of them, and what a row costs."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from residual.probes.lesions import removed
from residual.tabular.resnet import TabularResNet
from residual_book.claims import ClaimError
from residual_book.part4.rows import calls as task
from residual_book.part4.rows import claims, columns, experiment, figures, live
from residual_book.part4.rows.calls import Calls, is_left
from residual_book.part4.rows.experiment import ARMS, CHOICE_SEED, HURT_ARMS, LOOKS, RATES, Arm, Run
from residual_book.part4.rows.live import BLOCKS, Organization, Start
from residual_book.part4.rows.stacks import SIZES, Stack
from residual_book.part4.rows.theory import factor
from residual_book.recording import alone
from residual_book.rows import Rows, rows


@pytest.fixture(scope="module")
def made() -> Rows:
    return rows(7, users=10, days=3, fitted=2)


@pytest.fixture(scope="module")
def calls(made: Rows) -> Calls:
    return task.of_rows(made, 2)


def test_calls_are_the_rows_of_their_class(made: Rows, calls: Calls) -> None:
    own = (made.table["class_uid"] == task.API_ACTIVITY).to_numpy()
    assert 0 < calls.train < len(calls.target) <= own.sum()
    assert len(calls.numeric) == len(calls.categorical) == len(calls.target)
    assert set(calls.target[: calls.train].tolist()) == set(range(len(calls.operations)))
    assert (calls.categorical < torch.tensor(calls.cardinalities)).all()
    assert (calls.numeric != calls.numeric[:1]).any(dim=0).all()


def test_the_answer_is_not_among_the_inputs(made: Rows) -> None:
    left = [path for path in made.table.columns if is_left(path)]
    assert not {"api.operation", "activity_name", "type_uid", "context.first.api.operation"} & {*left}
    assert {"actor.user.name", "time", "context.user.since"} <= {*left}
    singles = task.single_columns(made, 2)
    assert set(singles) <= set(left)
    assert list(singles.values()) == sorted(singles.values(), reverse=True)


def test_a_residual_stack_is_the_network_of_the_library(calls: Calls) -> None:
    with alone(0):
        ours = Stack(calls, 3, residual=True)
    theirs = TabularResNet(
        calls.numeric.shape[1], calls.cardinalities, n_blocks=3, dropouts=(0, 0), d_out=len(calls.operations), **SIZES
    )
    theirs.load_state_dict(ours.state_dict())
    batch = calls.numeric[:16], calls.categorical[:16]
    for mode in (False, True):
        assert torch.equal(ours.train(mode)(*batch), theirs.train(mode)(*batch))


def test_a_plain_stack_has_the_same_layers_and_no_additions(calls: Calls) -> None:
    with alone(0):
        plain = Stack(calls, 2, residual=False)
    with alone(0):
        residual = Stack(calls, 2, residual=True)
    assert all(torch.equal(value, plain.state_dict()[key]) for key, value in residual.state_dict().items())
    batch = calls.numeric[:16], calls.categorical[:16]
    for net in (plain, residual):
        net.eval()
    with removed(residual, ["blocks.0", "blocks.1"]), removed(plain, ["blocks.0", "blocks.1"]):
        assert torch.equal(plain(*batch), residual(*batch))  # nothing is left that tells them apart
    assert not torch.equal(plain(*batch), residual(*batch))


def test_without_normalization_no_batch_norm_is_left(calls: Calls) -> None:
    kinds = [type(module) for module in Stack(calls, 2, residual=True, normalized=False).modules()]
    assert nn.BatchNorm1d not in kinds


@pytest.mark.parametrize("optimizer", RATES)
def test_training_lowers_the_loss_and_repeats(calls: Calls, optimizer: str) -> None:
    arm, rate = Arm(2, residual=True, optimizer=optimizer), RATES[optimizer][2]
    run, again = (experiment.train(arm, 1, rate, rows=calls, steps=15) for _ in range(2))
    assert run == again
    assert run.steps == (0, 10, 15)
    assert len(run.ratios) == len(run.batch_losses) == 3
    first, *_, last = run.batch_losses
    assert first is not None
    assert last is not None
    assert last < first
    assert len(run.lesions) == 2
    assert run.intact == pytest.approx(run.train_error, abs=10)


def test_a_look_leaves_the_net_as_it_is(calls: Calls) -> None:
    net = Stack(calls, 2, residual=True)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    experiment.look(net, calls, torch.arange(32))
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_a_recording_goes_on_and_chooses_rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[tuple[Arm, int, float]] = []

    def train(arm: Arm, seed: int, peak_lr: float, **_: Any) -> Run:
        trained.append((arm, seed, peak_lr))
        if len(trained) == 5 or len(trained) == 60:
            raise KeyboardInterrupt
        loss = None if peak_lr == RATES[arm.optimizer][-1] else abs(math.log(peak_lr / RATES[arm.optimizer][1]))
        return replace(run_of(arm, seed), peak_lr=peak_lr, train_loss=loss)

    monkeypatch.setattr(experiment, "train", train)
    monkeypatch.setattr(experiment, "provenance", lambda: {"commit": "of this test"})
    out = tmp_path / "rows.json"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            experiment.record(out, seeds=(1, 2))
    experiment.record(out, seeds=(1, 2))
    runs = experiment.read(out)
    assert len(trained) - 2 == len(runs) == len({(run.arm, run.seed, run.peak_lr) for run in runs})
    assert experiment.chosen(runs) == {arm: RATES[arm.optimizer][1] for arm in ARMS}
    assert [run.seed for run in experiment.of(runs, ARMS[0])] == [1, 2]


def test_new_blocks_have_the_factors_of_the_theory(calls: Calls) -> None:
    org = Organization(0, calls, {}, (0, 0))
    found = {(start.residual, start.normalized, start.blocks): start.ratio for start in live.starts([org])}
    for residual, normalized in ((False, True), (False, False), (True, False)):
        measured = found[residual, normalized, BLOCKS[-1]] ** (1 / (BLOCKS[-1] - 1))
        assert measured == pytest.approx(factor(residual=residual, normalized=normalized), rel=0.04)
    with pytest.raises(ValueError, match="no one factor"):
        factor(residual=True, normalized=True)


def test_parity_and_parameters(calls: Calls) -> None:
    assert max(live.parity(calls).values()) < 1e-6
    net = Stack(calls, 4, residual=True)
    assert sum(live.parameters(net).values()) == sum(parameter.numel() for parameter in net.parameters())


def test_costs_are_what_they_are_by_hand() -> None:
    ten, twenty = (columns.count("ResNet", features) for features in (10, 20))
    assert ten.multiply_adds == 10 * 192 + 2 * 2 * 192 * 384 + 192
    assert twenty.multiply_adds - ten.multiply_adds == twenty.parameters - ten.parameters == 10 * 192
    mlp = columns.count("MLP", 10)
    assert mlp.multiply_adds == 10 * 384 + 384 * 384 + 384
    assert mlp.kept == pytest.approx(
        4 * (10 + 2 * 3 * 384), rel=0.4
    )  # inputs; outputs, ReLUs and dropout of two layers


def test_polynomials_are_taken_apart() -> None:
    counts = [columns.Count("FT-Transformer", n, 0, 3 * n * n + 600 * n + 5, n) for n in columns.FEATURES]
    assert columns.overtakes(counts, "multiply_adds") == pytest.approx(200)
    assert columns.exponent(columns.FEATURES, [7 * n**1.5 for n in columns.FEATURES]) == pytest.approx(1.5)


def run_of(arm: Arm, seed: int) -> Run:
    """A run as the page has it, a little different from seed to seed."""
    more = seed / 10
    hard = not arm.residual and arm.blocks == 32
    blocks = range(arm.blocks) if arm in HURT_ARMS else ()
    return Run(
        arm=arm,
        seed=seed,
        peak_lr=RATES[arm.optimizer][0],
        steps=(*LOOKS, experiment.STEPS),
        ratios=tuple(3.0 + more for _ in range(len(LOOKS) + 1)),
        batch_losses=(3.0, *(1.0 + more for _ in LOOKS)),
        train_loss=0.5,
        train_error=(90 if hard else 20 if arm == Arm(32, True, False) else 5) + more,
        test_error=30 + more,
        lesions=tuple((90 if block == 0 or not arm.residual else 6) + more for block in blocks),
        intact=5 + more,
    )


RUNS = [run_of(arm, seed) for arm, seed in product(ARMS, (CHOICE_SEED, 1, 2, 3))]
STARTS = [
    Start(
        seed,
        blocks,
        residual,
        normalized,
        12 + seed / 10
        if residual and normalized
        else factor(residual=residual, normalized=normalized) ** (blocks - 1) * (1 + seed / 100),
    )
    for seed, blocks, residual, normalized in product((0, 1, 2), BLOCKS, (False, True), (False, True))
]
RACE = [
    replace(run_of(Arm(32, residual=residual), seed), train_error=30 + seed if residual else 90)
    for residual, seed in product((False, True), (0, 1, 2))
]
TIMES = columns.Times(
    {
        name: {n: [0.001 * n**power * (1 + k / 50) for k in range(6)] for n in columns.FEATURES}
        for name, power in zip(columns.NETS, (0.1, 0.2, 1.8), strict=True)
    }
)


@pytest.fixture(scope="module")
def counts() -> list[columns.Count]:
    return columns.counts((10, 250, 300, 400, 500))


def test_what_the_page_says_holds_for_good_numbers(counts: list[columns.Count], calls: Calls) -> None:
    organizations = [Organization(seed, calls, {"actor.user.name": 0.4 + seed / 100}, (9, 9)) for seed in range(3)]
    claims.on_task(organizations)
    claims.on_parity({"evaluation": 0.0, "training": 1e-7})
    claims.on_starts(STARTS)
    claims.on_race(RACE)
    claims.on_recorded(RUNS)
    claims.on_costs(counts, TIMES)


@pytest.mark.parametrize(
    ("claim", "spoil"),
    [
        (
            "degradation-adamw",
            lambda run: {"train_error": 50.0} if run.arm.blocks == 32 and not run.arm.residual else {},
        ),
        ("residual-adamw", lambda run: {"train_error": 40.0} if run.arm.blocks == 32 and run.arm.residual else {}),
        ("bare-trains", lambda run: {} if run.arm.normalized else {"train_error": 90.0 + run.seed}),
        ("depth-later-adamw", lambda run: {"test_error": 40.0} if run.arm.blocks == 2 else {}),
        (
            "depth-later-sgd",
            lambda run: {"test_error": 40.0 + run.seed} if run.arm == Arm(32, True, True, "SGD") else {},
        ),
        ("bare-depth", lambda run: {"train_error": 8.0} if run.arm == Arm(32, True, False) else {}),
        ("skip-shallow", lambda run: {"test_error": 34.0 + run.seed} if run.arm == Arm(2, False, True) else {}),
        ("lesion-plain", lambda run: {} if run.arm.residual else {"lesions": (*run.lesions[1:], 9.0)}),
        ("lesion-residual", lambda run: {"lesions": (*run.lesions[:-1], 60.0)} if run.arm.residual else {}),
        ("lesion-first", lambda run: {"lesions": (6.0, *run.lesions[1:])} if run.arm.residual else {}),
    ],
)
def test_a_claim_that_fails_stops_the_page(claim: str, spoil: Callable[[Run], dict[str, Any]]) -> None:
    with pytest.raises(ClaimError, match=f"rows-{claim}'"):
        claims.on_recorded([replace(run, **spoil(run)) for run in RUNS])


def test_figures_draw_what_was_measured(counts: list[columns.Count], calls: Calls) -> None:
    drawings = (
        figures.starts(STARTS),
        figures.degradation(RUNS),
        figures.along(RUNS),
        figures.lesions(RUNS),
        figures.costs([count for count in counts if count.features in TIMES.seconds["MLP"]], TIMES),
    )
    assert all(drawing.alt in drawing.svg() for drawing in drawings)
    shown = figures.singles([Organization(0, calls, {"actor.user.name": 0.4}, (9, 9))])
    assert "| `actor.user.name` | 40% |" in shown.data
    assert "| `blocks` | 1,200 |" in figures.parameters({"blocks": 1200}).data
    assert "| FT-Transformer | 1.25 |" in figures.exponents(counts, TIMES).data
