"""Watching does not change the net that trains; normalized steps have one relative size; claims can fail."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from commands import run

from residual.training import Recipe, fit
from residual.vision import CifarNet
from residual_book import cli
from residual_book.claims import ClaimError, judging
from residual_book.part1.gradients_in_training import along_training, claims, figures, normalized_steps
from residual_book.part1.gradients_in_training.along_training import ARMS, STEPS
from residual_book.part1.gradients_in_training.normalized_steps import CHOICE_SEEDS, NETS, RATES, SEEDS
from residual_book.recording import alone, images_of, recorded_runs
from residual_book.stats import seeds_of

TINY = Recipe(epochs=1, batch_size=400)  # three steps


def weights(recipe: Recipe, *, watched: bool) -> dict[str, torch.Tensor]:
    with alone(recipe.seed):
        net = CifarNet(8, residual=False, in_channels=1, width=4)
        batch = images_of(None).train_images[:8], images_of(None).train_labels[:8]
        forward = along_training.watching(net, (0, 1, 2), lambda: along_training.look(net, *batch))
        fit(net, images_of(None), recipe, forward=forward if watched else None, progress=False)
        return net.state_dict()


def test_a_watched_net_ends_with_the_same_weights_and_statistics() -> None:
    watched, alone_ = weights(TINY, watched=True), weights(TINY, watched=False)
    assert all(torch.equal(watched[key], alone_[key]) for key in alone_)


def test_it_looks_before_the_steps_that_were_asked_for() -> None:
    seen: list[int] = []
    calls = 0

    def model(x: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return x

    forward = along_training.watching(model, (0, 2, 9), lambda: seen.append(calls))  # type: ignore[arg-type]
    for _ in range(5):
        forward(torch.zeros(1))
    assert seen == [0, 2]


def test_a_look_is_what_autograd_says() -> None:
    data = images_of(None)
    torch.manual_seed(1)
    net = CifarNet(8, residual=True, in_channels=1, width=4)
    x, y = data.train_images[:16], data.train_labels[:16]
    first, last, first_weight, _, loss = along_training.look(net, x, y)
    net.double()
    outputs: list[torch.Tensor] = []
    for block in (net.layer1[0], net.layer3[-1]):
        block.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    value = F.cross_entropy(net(x.double()), y)
    weight = net.layer1[0].conv1.weight
    gradients = torch.autograd.grad(value, [*outputs, weight])
    assert loss == pytest.approx(value.item())
    assert [first, last] == pytest.approx([gradient.norm().item() for gradient in gradients[:2]])
    assert first_weight == pytest.approx((gradients[2].norm() / weight.norm()).item())


def test_the_last_look_is_after_the_last_step() -> None:
    run = along_training.train("residual-56", 3, steps=(0, 2, 3), recipe=TINY, depth=8)
    assert run.steps == (0, 2, 3)
    assert len(run.first) == len(run.losses) == 3
    assert run.losses[1] != run.losses[2]
    assert run == along_training.train("residual-56", 3, steps=(0, 2, 3), recipe=TINY, depth=8)


def test_the_first_step_moves_every_weight_by_the_rate_times_its_size() -> None:
    torch.manual_seed(0)
    net = CifarNet(8, residual=True, in_channels=1, width=4)
    before = [parameter.detach().clone() for parameter in net.parameters()]
    normalized_steps.normalize_steps(net)
    recipe = Recipe(epochs=1, batch_size=1000, peak_lr=0.01, schedule="constant", momentum=0.0, weight_decay=0.0)
    fit(net, images_of(None), recipe, progress=False)
    for old, new in zip(before, net.parameters(), strict=True):
        moved = (new.detach() - old).norm().item()
        if old.ndim > 1:
            assert moved == pytest.approx(0.01 * old.norm().item(), rel=1e-4)
        else:
            assert 0 < moved < 0.01 * len(old) ** 0.5 * 1.001


def test_a_zero_gradient_stays_zero() -> None:
    net = CifarNet(8, residual=True, zero_init_residual=True, in_channels=1)
    with torch.no_grad():
        net.layer1[0].conv1.weight.mul_(100)  # the norm of a weight that has been moved far
    normalized_steps.normalize_steps(net)
    data = images_of(None)
    F.cross_entropy(net(data.train_images[:16]), data.train_labels[:16]).backward()
    gradient = net.layer1[0].conv1.weight.grad
    assert gradient is not None
    assert gradient.count_nonzero() == 0


def test_statistics_are_measured_again_before_evaluation() -> None:
    run = normalized_steps.train("residual-56", "normalized", 0.03, 4, depth=8, recipe=TINY)
    assert run.running_error != run.train_error


def test_ordinary_steps_are_those_of_fit() -> None:
    run = normalized_steps.train("residual-56", "ordinary", 0.05, 4, depth=8, recipe=TINY)
    with alone(4):
        net = CifarNet(8, in_channels=1)
        history = fit(net, images_of(None), replace(TINY, peak_lr=0.05, seed=4), progress=False)
    assert (run.batch_loss, run.batch_error) == (history.train_loss[-1], history.train_error[-1])
    other = normalized_steps.train("residual-56", "normalized", 0.05, 4, depth=8, recipe=TINY)
    assert other.batch_loss != run.batch_loss


def test_a_net_that_diverges_counts_as_guessing(monkeypatch: pytest.MonkeyPatch) -> None:
    def diverges(*_: object, **__: object) -> None:
        raise FloatingPointError

    monkeypatch.setattr(normalized_steps, "fit", diverges)
    run = normalized_steps.train("plain-56", "ordinary", 0.1, 4, depth=8, recipe=TINY)
    assert (run.batch_error, run.train_error) == (90.0, 90.0)


def test_a_recording_goes_on_and_the_rate_is_chosen_by_its_own_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[object, ...]] = []

    def train(net: str, steps: str, rate: float, seed: int, **_: object) -> normalized_steps.Run:
        trained.append((net, steps, rate, seed))
        best = {"ordinary": 0.03, "normalized": 0.01}[steps] if seed in CHOICE_SEEDS else 0.0
        return normalized_steps.Run(net, steps, rate, seed, 1.0, 1.0, 1.0, abs(rate - best), 1.0)

    monkeypatch.setattr(normalized_steps, "train", train)
    out = tmp_path / "steps.json"
    for _ in range(2):
        normalized_steps.record(out, workers=1)
    runs = recorded_runs(out, normalized_steps.Run)
    choices = sum(map(len, RATES.values())) * len(NETS) * len(CHOICE_SEEDS)
    assert len(runs) == len(trained) == choices + len(NETS) * len(RATES) * len(SEEDS)
    assert normalized_steps.best_rate(runs, "plain-56", "ordinary") == 0.03
    assert seeds_of(normalized_steps.compared(runs, "plain-56", "normalized")) == SEEDS
    again = normalized_steps.sweep(normalized_steps.chosen(runs), (5,))
    assert [(run.net, run.steps, run.peak_lr, run.seed) for run in again[:2]] == [
        ("plain-56", "ordinary", 0.03, 5),
        ("plain-56", "normalized", 0.01, 5),
    ]


# Each arm's ratio of gradients at first and later, its ratio of relative steps later, and its loss at the end.
WATCHED = {
    "plain-56": (3000.0, 1.0, 0.01, 2.2),
    "plain-56, a tenth of the rate": (3000.0, 2.0, 0.03, 2.0),
    "residual-56": (11.0, 1.0, 2.0, 0.1),
    "residual-56, zero start": (0.4, 2.0, 2.0, 0.1),
    "plain-20": (11.0, 3.0, 2.0, 0.2),
}


def watched(**other: tuple[float, float, float, float]) -> list[along_training.Run]:
    """Runs of six seeds in which the last block's gradient is one."""
    runs = []
    for arm, values in (WATCHED | {name.replace("_", "-"): values for name, values in other.items()}).items():
        start, later, moves, loss = values
        for seed in range(6):
            first = tuple((start if step == 0 else later) * (1 + seed / 1000) for step in STEPS)
            ones, moved = (1.0,) * len(STEPS), (moves,) * len(STEPS)
            losses = tuple(2.3 if step == 0 else loss for step in STEPS)
            runs.append(along_training.Run(arm, seed, STEPS, first, ones, moved, ones, losses, 50.0))
    return runs


LOSSES = {
    ("plain-56", "ordinary"): 2.1,
    ("plain-56", "normalized"): 1.5,
    ("residual-56", "ordinary"): 0.3,
    ("residual-56", "normalized"): 0.3,
}


def compared(*, error: float = 1.0, **normalized: float) -> list[normalized_steps.Run]:
    """Runs of every rate and seed; the rate in the middle is the best."""
    losses = LOSSES | {(net.replace("_", "-"), "normalized"): loss for net, loss in normalized.items()}
    return [
        normalized_steps.Run(
            net, steps, rate, seed, error, 50.0, 50.0, losses[net, steps] + abs(i - 2) + seed / 1e3, 50.0
        )
        for net in NETS
        for steps, rates in RATES.items()
        for i, rate in enumerate(rates)
        for seed in (*CHOICE_SEEDS, *SEEDS)
    ]


def at_best(runs: Sequence[normalized_steps.Run], seeds: Sequence[int]) -> list[normalized_steps.Run]:
    """A run of every arm from `seeds`, like those the rates were chosen by."""
    best = [run for run in runs if run.seed == CHOICE_SEEDS[0] and run.peak_lr == RATES[run.steps][2]]
    return [replace(run, seed=seed, batch_loss=run.batch_loss + seed / 1e3) for run in best for seed in seeds]


def test_the_figures_say_what_they_show() -> None:
    for drawing, labels in (
        (figures.along(watched()), ARMS),
        (figures.sizes_and_moves(watched()), figures.MOVED),
        (figures.losses_by_rate(compared()), ("plain-56, normalized", "residual-56, ordinary")),
    ):
        svg = drawing.svg()
        assert all(label in svg for label in (drawing.alt[:20], *labels))


@pytest.mark.parametrize(
    ("id", "other"),
    [
        ("training-explosion-passes", {"plain_56": (3000.0, 100.0, 0.01, 2.2)}),
        ("training-ratio-does-not-tell", {"plain_56": (3e5, 100.0, 0.01, 2.2)}),
        ("training-ratio-does-not-tell", {"plain_56": (3000.0, 1.0, 0.01, 0.5)}),
        ("training-first-layer-stops", {"plain_56": (3000.0, 1.0, 0.2, 2.2)}),
        ("training-zero-start-no-explosion", {"residual_56, zero start": (11.0, 2.0, 2.0, 0.1)}),
        ("training-slower-stops-too", {"plain_56, a tenth of the rate": (3000.0, 2.0, 0.6, 2.0)}),
        ("training-others-keep-moving", {"plain_20": (11.0, 3.0, 0.05, 0.2)}),
    ],
)
def test_claims_fail_for_other_nets(id: str, other: dict[str, tuple[float, float, float, float]]) -> None:
    claims.on_training(watched())
    with pytest.raises(ClaimError, match=f"'{id}'"):
        claims.on_training(watched(**other))


def test_the_last_end_must_stay() -> None:
    runs = [replace(run, last=(0.1, *run.last[1:]), first=(300.0, *run.first[1:])) for run in watched()]
    with pytest.raises(ClaimError, match="'training-last-end-stays'"):
        claims.on_training(runs)


@pytest.mark.parametrize(
    ("id", "other"),
    [
        ("training-normalized-not-enough", {"plain_56": 1.2}),
        ("training-normalized-teaches", {"error": 11.0}),
    ],
)
def test_claims_fail_for_other_steps(id: str, other: dict[str, float]) -> None:
    claims.on_steps(compared())
    with pytest.raises(ClaimError, match=f"'{id}'"):
        claims.on_steps(compared(**other))


def test_a_record_must_repeat() -> None:
    runs = watched()
    claims.on_records(runs[0], runs)
    with pytest.raises(ClaimError, match="'gradients-record-repeats'"):
        claims.on_records(replace(runs[0], first=(2900.0, *runs[0].first[1:])), runs)


def test_a_record_of_steps_must_repeat() -> None:
    before = compared()[0]
    claims.on_repeated_steps(before, before)
    with pytest.raises(ClaimError, match="'training-steps-repeat'"):
        claims.on_repeated_steps(replace(before, batch_loss=before.batch_loss + 0.1), before)


def test_claims_are_judged_again_on_other_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sequence[int]] = []
    monkeypatch.setattr(along_training, "sweep", lambda seeds: (asked.append(seeds), watched())[1])
    monkeypatch.setattr(claims, "recorded_runs", lambda path, kind: compared())
    monkeypatch.setattr(normalized_steps, "sweep", lambda runs, seeds: (asked.append(seeds), at_best(runs, seeds))[1])
    with judging() as outcomes:
        claims.on_fresh_seeds((30, 31, 32))
    assert asked == [(30, 31, 32)] * 2
    assert len(outcomes) == 9
    assert all(outcome.held for outcome in outcomes)
    assert outcomes[-1].claim.seeds == (30, 31, 32)


def test_the_commands_reach_the_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[object] = []
    for module in (along_training, normalized_steps):
        monkeypatch.setattr(module, "record", lambda out, **options: called.append((out, options)))
    run(cli.main, "along-training", "--out", "a.json", "--seeds", "3,4", "--workers", "1")
    run(cli.main, "normalized-steps", "--out", "b.json", "--workers", "5")
    assert called == [(Path("a.json"), {"seeds": [3, 4], "workers": 1}), (Path("b.json"), {"workers": 5})]
