"""The degradation experiment: the same runs however they are spread, and recordings that go on where they were."""

import json
import math
import shlex
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_runs import CutOff, CutOffError

from residual.training import Recipe, error_rate, fit
from residual.vision import data
from residual.vision.cifar import CifarNet
from residual_book import cli, nets, recording
from residual_book.claims import ClaimError
from residual_book.part1.degradation import claims, experiment, figures, plateau
from residual_book.part1.degradation.experiment import ARMS, Run, net_name, net_named, select, train
from residual_book.recording import recorded_runs

TINY = Recipe(epochs=1, batch_size=64)
SMALL = Recipe(epochs=2, batch_size=32)  # four steps per epoch on the files of `folder`


def test_a_sweep_is_every_net_sorted() -> None:
    runs = experiment.sweep((8,), (1, 0), recipe=TINY)
    expected = [train(arm, 8, replace(TINY, seed=seed)) for arm in ("plain", "residual") for seed in (0, 1)]
    assert runs == expected
    assert len({run.curve for run in runs}) == 4  # no two of them are the same run
    arm = "residual-without-zeros"
    assert experiment.sweep((8,), (1,), arms=(arm,), recipe=TINY) == [train(arm, 8, replace(TINY, seed=1))]


def test_a_net_is_found_by_its_name() -> None:
    for arm in ARMS:
        assert net_named(net_name(arm, 20)) == (arm, 20)
    for name in ("wide-20", "plain", "plain-x", "-20"):
        with pytest.raises(ValueError, match="nets must be named"):
            net_named(name)


def test_pages_of_one_build_train_a_net_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = train("residual", 8, TINY)
    monkeypatch.setenv("RESIDUAL_CHECKPOINTS", str(tmp_path))
    assert train("residual", 8, TINY) == before
    (kept,) = tmp_path.iterdir()
    written = kept.stat().st_mtime_ns
    assert train("residual", 8, TINY) == before
    assert [path.stat().st_mtime_ns for path in tmp_path.iterdir()] == [written]  # not trained again

    others = [("residual", 14, TINY), ("plain", 8, TINY), ("residual-without-zeros", 8, TINY)]
    others.append(("residual", 8, replace(TINY, seed=1)))
    for other in others:
        train(*other)
    assert len(list(tmp_path.iterdir())) == 1 + len(others)
    nets.trained(8, False, TINY, zero_init=False)  # a plain net has no weights to start at zero: it is one of them
    assert len(list(tmp_path.iterdir())) == 1 + len(others)


def test_a_run_does_not_depend_on_the_callers_threads_or_random_numbers() -> None:
    first = train("residual", 8, replace(TINY, seed=3))
    torch.set_num_threads(2)
    try:
        torch.manual_seed(99)
        state = torch.get_rng_state()
        assert train("residual", 8, replace(TINY, seed=3)) == first
        assert torch.get_num_threads() == 2
        assert torch.equal(torch.get_rng_state(), state)
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("arm", ARMS)
def test_a_run_is_that_of_the_net_it_names(arm: str) -> None:
    recipe, images = replace(TINY, seed=4, peak_lr=0.05), data.digits()
    run = train(arm, 8, recipe)
    torch.manual_seed(4)
    model = CifarNet(8, residual=arm != "plain", zero_init_residual=arm == "residual", in_channels=1)
    assert run.curve == tuple(fit(model, images, recipe, progress=False).train_error)
    assert run.train_error == error_rate(model, images.train_images, images.train_labels)
    assert run.test_error == error_rate(model, images.test_images, images.test_labels)
    assert (run.name, run.seed, run.peak_lr, run.epochs) == (f"{arm}-8", 4, 0.05, 1)


def made(plain_20: float, plain_56: float, residual_20: float, residual_56: float, unseen: float = 2.0) -> list[Run]:
    """Runs of three seeds around the training errors given, with as much more on unseen images."""
    nets = (
        ("plain", 20, plain_20),
        ("plain", 56, plain_56),
        ("residual", 20, residual_20),
        ("residual", 56, residual_56),
    )
    noisy = [(arm, depth, seed, error * (1 + seed / 100)) for arm, depth, error in nets for seed in range(3)]
    return [
        Run(arm, depth, 0.1, 4, seed, error, error + unseen * (1 + seed / 10), (90.0, error))
        for arm, depth, seed, error in noisy
    ]


GOOD = made(1.0, 80.0, 0.5, 0.6)
RECORD = {"recipe": {"epochs": 25, "batch_size": 128, "peak_lr": 0.1}, "precision": "bfloat16 autocast"}


def on_photographs(plain_56: float = 20.0, zeros_20: float = 12.0, zeros_56: float = 9.0, skip_56: float = 5.0) -> None:
    """The claims on CIFAR-10, of nets with such training errors."""
    without = made(0.0, 0.0, 8.0, skip_56)
    renamed = [replace(run, arm="residual-without-zeros") for run in without if run.arm == "residual"]
    claims.on_cifar10([*made(10.0, plain_56, zeros_20, zeros_56), *renamed], RECORD)


def test_select_gives_one_network_by_seed() -> None:
    runs = select(GOOD, "residual", 56)
    assert [(run.arm, run.depth, run.seed) for run in runs] == [("residual", 56, seed) for seed in range(3)]
    assert select(GOOD, "plain", 32) == []


def test_claims_hold_for_nets_that_degrade() -> None:
    claims.on_digits(GOOD, select(GOOD, "residual", 56))
    claims.on_gentle(select(GOOD, "plain", 56))
    on_photographs()


@pytest.mark.parametrize(
    ("id", "runs"),
    [
        ("degradation-gap-56", made(1.0, 80.0, 41.0, 41.0)),
        ("degradation-plain-deeper", made(81.0, 80.0, 0.5, 0.6)),
        ("degradation-underfitting", made(1.0, 80.0, 0.5, 0.6, unseen=12.0)),
        ("degradation-residual-flat", made(1.0, 80.0, 4.0, 0.6)),
    ],
)
def test_claims_fail_for_other_nets(id: str, runs: list[Run]) -> None:
    with pytest.raises(ClaimError, match=f"'{id}'"):
        claims.on_digits(runs, select(GOOD, "residual", 56))


def test_claims_on_other_nets_fail_too() -> None:
    with pytest.raises(ClaimError, match="'degradation-skip-alone'"):
        claims.on_digits(GOOD, select(made(1.0, 80.0, 0.5, 50.0), "residual", 56))
    with pytest.raises(ClaimError, match="'degradation-gentle'"):
        claims.on_gentle(select(GOOD, "plain", 20))


@pytest.mark.parametrize(
    ("id", "errors"),
    [
        ("plain", {"plain_56": 9.0}),
        ("skip", {"plain_56": 11.0, "skip_56": 12.0}),
        ("deeper", {"skip_56": 8.5}),
        ("zeros", {"zeros_56": 4.0}),
        ("zeros-20", {"zeros_20": 7.0}),
    ],
)
def test_claims_on_photographs_fail_for_other_nets(id: str, errors: dict[str, float]) -> None:
    with pytest.raises(ClaimError, match=f"'degradation-cifar10-{id}'"):
        on_photographs(**errors)


def finished(
    plain: float, skip: float, fast: int = 3, slow: int = 30, shallow: int = 4, left: float = 0.1
) -> list[Run]:
    """Recorded runs: one seed at every rate, of which 0.01 is best, and three at that one; `fast`, `slow` epochs.

    After three times the steps all nets have the training error `left`.
    """
    runs = []
    nets = ((*plateau.LONGER_NETS, plateau.SHALLOW), (plain, skip, 0.0), (slow, fast, shallow))
    for name, error, epochs in zip(*nets, strict=True):
        curve = tuple(90.0 if epoch < epochs else error for epoch in range(plateau.EPOCHS))
        for rate, more in zip(plateau.RATES, (30.0, 5.0, 0.0, 1.0), strict=True):
            run = Run(*net_named(name), rate, plateau.EPOCHS, plateau.CHOICE_SEED, error + more, 2 * error, curve)
            runs.append(run)
            if more == 0:
                seeds = [replace(run, seed=seed, train_error=error + seed / 10) for seed in range(3)]
                longer = {"epochs": plateau.LONGER * plateau.EPOCHS, "curve": 3 * curve, "train_error": left}
                runs += [*seeds, *(replace(run, **longer) for run in seeds)]
    return runs


PLATEAU = finished(5.0, 0.0)


def test_the_best_rate_is_chosen_by_a_seed_that_is_not_compared() -> None:
    assert set(plateau.chosen(PLATEAU).values()) == {0.01}
    best = plateau.at_best(PLATEAU, "plain-56")
    assert [(run.peak_lr, run.seed) for run in best] == [(0.01, 0), (0.01, 1), (0.01, 2)]
    # Of two rates without an error, the one that had learned first.
    tied = [replace(run, train_error=0.0, curve=(1.0,)) if run.peak_lr == 0.03 else run for run in finished(5.0, 0.0)]
    assert plateau.chosen(tied) == dict.fromkeys((*plateau.LONGER_NETS, plateau.SHALLOW), 0.03)


def test_steps_end_with_the_first_epoch_that_is_good_enough() -> None:
    run = replace(GOOD[0], curve=(90.0, 20.0, 4.0, 8.0))
    assert (plateau.steps(run), plateau.steps(run, 20.0), plateau.steps(run, 1.0)) == (66, 44, math.inf)


def test_claims_on_finished_nets() -> None:
    claims.on_plateau(PLATEAU)
    claims.on_spot(PLATEAU[0], PLATEAU[0])
    spoiled = {
        "degradation-plateau-learns": finished(30.0, 0.0),
        "degradation-plateau-gap": finished(5.0, 5.0),
        "degradation-plateau-slow": finished(5.0, 0.0, fast=25),
        "degradation-plateau-deeper": finished(5.0, 0.0, shallow=12),
        "degradation-longer-learns": finished(5.0, 0.0, left=2.0),
    }
    for id, runs in spoiled.items():
        with pytest.raises(ClaimError, match=f"'{id}'"):
            claims.on_plateau(runs)
    with pytest.raises(ClaimError, match="'degradation-record-repeats'"):
        claims.on_spot(PLATEAU[0], replace(PLATEAU[0], train_error=60.0))


def test_arms_are_compared_by_the_seeds_that_both_have() -> None:
    """A recording that goes on has more seeds of one net than of another."""
    claims.on_plateau([run for run in PLATEAU if run.depth == 56 or run.seed != 1])
    few, more = ([replace(GOOD[0], seed=seed) for seed in seeds] for seeds in ((0, 2), (0, 1, 2)))
    assert plateau.with_shared_seeds(few, more) == [few, few]


def test_the_figures_say_what_they_show() -> None:
    for drawing, labels in (
        (figures.errors_by_depth(GOOD), ("plain", "residual")),
        (figures.training_curves(GOOD), ("plain-20", "plain-56", "residual-20", "residual-56")),
        (figures.rates_and_time(PLATEAU), ("plain", "residual without zeros")),
        (figures.recorded_and_published(GOOD), ("plain", "residual", "Table 6")),
    ):
        svg = drawing.svg()
        assert all(label in svg for label in (drawing.alt[:20], *labels))
    assert "| plain, 56 layers | 3 | 80.8 (80.0 to 81.6) |" in figures.recorded_table(GOOD).data
    table = figures.plateau_table(PLATEAU).data
    assert "| plain, 56 layers | 0.01 | 880 | 3 | 5.1 (5.0 to 5.2) | 10.0 (10.0 to 10.0) | 682 (682 to 682) |" in table
    assert "| plain, 56 layers | 0.01 | 2,640 | 3 | 0.1 (0.1 to 0.1) |" in table


def test_a_recorded_net_with_few_seeds_is_left_out_of_the_table() -> None:
    """So that a table from a recording that is going on has no means of one or two."""
    few = [run for run in PLATEAU if run.arm == "plain" or run.seed in (0, plateau.CHOICE_SEED)]
    assert "residual" not in figures.plateau_table(few).data


def test_plateaus_are_recorded_rates_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each net's rate is tried on the seed that chooses, then other seeds are trained at the best; once."""
    monkeypatch.setattr(plateau, "LONGER_NETS", ("plain-8",))
    monkeypatch.setattr(plateau, "SPOT", ("plain-8", 0.1))
    monkeypatch.setattr(plateau, "EPOCHS", 1)
    out, made = tmp_path / "digits.json", {"nets": ("plain-8",), "rates": (0.1, 0.001), "workers": 1}
    plateau.record(out, seeds=(0,), epochs=1, **made)
    runs = recorded_runs(out, Run)
    rate = plateau.chosen(runs)["plain-8"]
    expected = [(0.001, 1, 20), (0.1, 1, 20), (rate, 1, 0), (rate, plateau.LONGER, 0)]
    assert sorted((run.peak_lr, run.epochs, run.seed) for run in runs) == sorted(expected)
    assert plateau.at_best(runs, "plain-8", epochs=1) == [train("plain", 8, replace(TINY, peak_lr=rate))]
    recorded, now = plateau.spot_check(runs)
    assert recorded == now
    plateau.record(out, seeds=(0, 1), epochs=1, **made)
    again = recorded_runs(out, Run)
    assert set(runs) < set(again)
    assert len(again) == 6


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """CIFAR-10's layout with 26 images per file instead of 10,000."""
    monkeypatch.setattr(data, "CIFAR10_IMAGES_PER_FILE", 26)
    folder = tmp_path / "cifar"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (*data.CIFAR10_TRAIN, *data.CIFAR10_TEST):
        content = rng.integers(0, 256, (26, data.CIFAR10_RECORD), dtype=np.uint8)
        content[:, 0] %= 10
        content.tofile(folder / name)
    (folder / "batches.meta.txt").write_text("\n".join("abcdefghij"))
    yield folder
    recording.images_of.cache_clear()


def small_record(out: Path, folder: Path, **options: Any) -> None:
    options = {"label": "random", "nets": ("plain-8", "residual-8"), "seeds": (0, 1), "recipe": SMALL, **options}
    experiment.record(out, folder, workers=1, **options)


def test_record_writes_runs_with_their_making(tmp_path: Path, folder: Path) -> None:
    out = tmp_path / "runs.json"
    small_record(out, folder)
    arms = list(product(("plain", "residual"), (0, 1)))
    assert recorded_runs(out, Run) == [train(arm, 8, replace(SMALL, seed=seed), folder=folder) for arm, seed in arms]
    content = json.loads(out.read_text())
    assert (content["data"], content["precision"]) == ("random", "float32")
    assert content["provenance"].keys() >= {"commit", "date", "machine", "python", "torch"}
    assert Recipe(**content["recipe"]) == SMALL
    assert list((tmp_path / "runs.partial").iterdir()) == []  # checkpoints of finished runs are gone


def test_record_adds_to_what_is_recorded_and_keeps_it(tmp_path: Path, folder: Path) -> None:
    out = tmp_path / "runs.json"
    small_record(out, folder, seeds=(0,))
    content = json.loads(out.read_text())
    content["runs"][0]["train_error"] = 12.5  # as no net would have it that is trained again
    out.write_text(json.dumps(content))
    first, before = recorded_runs(out, Run), out.read_bytes()
    small_record(out, folder, seeds=(0,), recipe=replace(SMALL, seed=5))  # each run has its own seed in any case
    others = (({"label": "CIFAR-10"}, "label"), ({"recipe": replace(SMALL, epochs=3)}, "epochs"))
    for other, field in (*others, ({"bf16": True}, "precision"), ({"device": "cpu"}, "device")):
        with pytest.raises(ValueError, match=f"was recorded with {field}="):
            small_record(out, folder, **other)
    assert out.read_bytes() == before
    small_record(out, folder, nets=("residual-without-zeros-8",), seeds=(0,))
    runs = recorded_runs(out, Run)
    assert set(runs) > set(first)
    assert [run.arm for run in runs] == list(ARMS)


def test_record_goes_on_where_it_was_cut_off(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nets are trained in the order of their names, seed by seed, so that a whole comparison is kept."""
    out = tmp_path / "runs.json"
    crops = CutOff(8 + 8 + 6)  # in the second epoch of the third network
    monkeypatch.setattr(nets, "crop_and_flip", crops)
    names = ("residual-14", "plain-8", "plain-14")
    with pytest.raises(CutOffError):
        small_record(out, folder, nets=names)
    assert [(run.name, run.seed) for run in recorded_runs(out, Run)] == [("plain-8", 0), ("residual-14", 0)]
    assert len(list((tmp_path / "runs.partial").iterdir())) == 1

    crops.step, crops.steps = -1, 0
    small_record(out, folder, nets=names)
    assert crops.steps == 4 + 3 * 8  # the third network trained only the epoch it lacked
    assert select(recorded_runs(out, Run), "plain", 14)[0] == train("plain", 14, SMALL, folder=folder)
    assert list((tmp_path / "runs.partial").iterdir()) == []


def test_runs_of_another_experiment_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "runs.json"
    out.write_text('{"command": "", "provenance": {}, "runs": [{"curve": [], "depths": 3}]}')
    with pytest.raises(ValueError, match=r"part1\.degradation"):
        recorded_runs(out, Run)


def test_the_recorded_command_repeats_the_recording(tmp_path: Path, folder: Path) -> None:
    """Also after a second call that added to the first, and with a label that a shell would take apart."""
    out, again = tmp_path / "runs.json", tmp_path / "again.json"
    options = {"label": "somebody's (JPEG) $copy", "recipe": replace(experiment.CIFAR10_RECIPE, epochs=1)}
    small_record(out, folder, seeds=(1,), **options)
    small_record(out, folder, nets=("residual-without-zeros-8",), seeds=(0,), **options)
    recorded = json.loads(out.read_text())
    places = {"FOLDER": str(folder), "results/runs.json": str(again)}
    name, *arguments = (places.get(word, word) for word in shlex.split(recorded["command"]))
    assert name == "residual-book"
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main([*arguments, "--workers", "1"])
    assert set(recorded_runs(out, Run)) <= set(recorded_runs(again, Run))
    repeated = json.loads(again.read_text())
    assert (repeated["data"], repeated["recipe"]) == (recorded["data"], recorded["recipe"])
