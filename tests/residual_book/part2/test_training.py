"""Training one: each arm is the recipe without the piece it names; a run that is killed goes on to the same bits."""

import itertools
import json
import shlex
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor, nn

from residual.training import fit, predictions
from residual.vision import data
from residual.vision.data import crop_and_flip, digits
from residual_book import cli, recording
from residual_book.claims import ClaimError
from residual_book.part2.training import ablation, claims, figures, interruption
from residual_book.part2.training.ablation import NOTHING, PIECES, RECIPE, WITHOUT, Run, ablate, cost, train
from residual_book.part2.training.interruption import Interruption, interrupt
from residual_book.part2.training.precision import Rounding, round_off
from residual_book.recording import recorded_runs
from residual_book.speeds import Speed
from residual_book.stats import Interval, mean_difference

SMALL = replace(RECIPE, epochs=2, batch_size=50, seed=3)  # four steps per epoch on 200 images
TINY = replace(RECIPE, epochs=1, batch_size=350)  # four steps on all digits


# --- the arms
@pytest.mark.parametrize("without", ["warm-up", "schedule", "weight decay", "label smoothing"])
def test_without_a_piece_is_the_whole_of_a_recipe_that_lacks_it(without: str) -> None:
    lacking = {
        "warm-up": replace(SMALL, warmup=0.0),
        "schedule": replace(SMALL, schedule="constant"),
        "weight decay": replace(SMALL, weight_decay=0.0, peak_lr=0.2),
        "label smoothing": replace(SMALL, label_smoothing=0.0),
    }[without]
    recipe = replace(SMALL, peak_lr=lacking.peak_lr)
    assert replace(train(without, recipe, images=200), without=NOTHING) == train(NOTHING, lacking, images=200)


def test_a_run_is_that_of_the_recipe_it_was_given() -> None:
    images = ablation.first_images(digits(), 200)
    for without, augment in ((NOTHING, ablation.shift), ("augmentation", None)):
        run = train(without, SMALL, images=200)
        torch.manual_seed(SMALL.seed)
        model = ablation.network(1)
        history = fit(model, images, SMALL, augment=augment, progress=False)
        wrong = predictions(model, images.test_images) != images.test_labels
        assert run.curve == tuple(history.train_error)
        assert run.test_error == pytest.approx(100 * wrong.double().mean().item())
        confusion = torch.tensor(run.confusion)
        assert confusion.sum(1).tolist() == images.test_labels.bincount().tolist()
        assert confusion.sum() - confusion.trace() == wrong.sum()


def test_every_arm_is_another_run_of_the_same_seed() -> None:
    rates = dict.fromkeys(WITHOUT, 0.1)
    runs = ablate(rates, (5,), recipe=replace(TINY, batch_size=140))  # ten steps, the first of them is the warm-up
    assert [(run.without, run.seed) for run in runs] == [(without, 5) for without in WITHOUT]
    assert len({(run.curve, run.train_error, run.confusion) for run in runs}) == len(WITHOUT)
    assert ablation.select(runs, "schedule") == runs[3:4]


def test_initial_convolutions_are_hes_or_torchs() -> None:
    """He et al. (2015), section 2.2: std sqrt(2 / n) with n the fan-out; torch: uniform within 1 / sqrt(fan-in)."""
    torch.manual_seed(0)
    he, default = ablation.network(3), ablation.network(3, he=False)
    for a, b in zip(he.modules(), default.modules(), strict=True):
        if isinstance(a, nn.Conv2d) and isinstance(b, nn.Conv2d) and a.weight.numel() > 2000:
            fan_out, fan_in = 9 * a.out_channels, 9 * a.in_channels
            assert a.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.06)
            assert b.weight.std().item() == pytest.approx((1 / (3 * fan_in)) ** 0.5, rel=0.06)
            assert b.weight.abs().max().item() <= fan_in**-0.5


@given(seed=st.integers(0, 1000), height=st.integers(1, 5), width=st.integers(1, 5))
def test_shift_moves_by_at_most_a_pixel_and_fills_with_the_darkest(seed: int, height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(6, 2, height, width, generator=generator)
    framed = torch.full((6, 2, height + 2, width + 2), images.min().item())
    framed[:, :, 1:-1, 1:-1] = images
    for shifted, frame in zip(ablation.shift(images, generator), framed, strict=True):
        windows = [frame[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
        assert any(torch.equal(shifted, window) for window in windows)


def test_shift_goes_every_way_and_its_generator_decides() -> None:
    images = torch.zeros(300, 1, 3, 3)
    images[:, :, 1, 1] = 1  # a dot in the middle
    shifted = ablation.shift(images, torch.Generator().manual_seed(0))
    assert torch.equal(shifted, ablation.shift(images, torch.Generator().manual_seed(0)))
    assert (shifted.sum(0) > 15).all()  # each of nine pixels, of 33 expected
    assert torch.equal(shifted.sum((1, 2, 3)), torch.ones(300))


@pytest.mark.parametrize("images", [10, 200, 1000])
def test_first_images_are_as_many_of_each_class(images: int) -> None:
    whole = digits()
    fewer = ablation.first_images(whole, images)
    assert fewer.train_labels.bincount().tolist() == [images // 10] * 10
    assert fewer.test_images is whole.test_images
    for label in range(10):
        of_class = whole.train_images[whole.train_labels == label]
        assert torch.equal(fewer.train_images[fewer.train_labels == label], of_class[: images // 10])


@pytest.mark.parametrize("images", [0, -10, 15, 1430])
def test_first_images_that_there_are_not(images: int) -> None:
    with pytest.raises(ValueError, match=f"images must be .* at most 139 .*got {images}$"):
        ablation.first_images(digits(), images)


def run(without: str, seed: int, error: float, train_error: float = 0.0, **more: Any) -> Run:
    return Run(without, seed, train_error, error, (error,), ((1,),), **more)


def test_a_rate_is_chosen_on_images_that_are_neither_trained_on_nor_tested() -> None:
    whole = digits()
    tuned = ablation.keep_back_a_fifth(whole)
    assert torch.equal(torch.cat([tuned.train_images, tuned.test_images]), whole.train_images)
    assert torch.equal(torch.cat([tuned.train_labels, tuned.test_labels]), whole.train_labels)
    assert len(tuned.test_images) == pytest.approx(len(whole.train_images) / 5, abs=1)
    made = train(NOTHING, SMALL, images=200, tuning=True)
    assert sum(map(sum, made.confusion)) == 40
    assert made.tuning


def test_the_rate_with_the_lowest_mean_over_the_tuning_runs_is_chosen() -> None:
    errors = {0.03: (4.0, 6.0), 0.1: (1.0, 8.0), 0.3: (9.0, 0.0)}  # 5, 4.5 and 4.5: of equals the lower rate
    tried = [
        run(NOTHING, seed, error, peak_lr=rate, tuning=True)
        for rate, pair in errors.items()
        for seed, error in enumerate(pair)
    ]
    compared = [run(NOTHING, 0, 0.0, peak_lr=0.3), run("warm-up", 0, 0.0)]  # says nothing about rates
    assert ablation.best_rates([*tried, *compared]) == {NOTHING: 0.1}
    assert ablation.select([*tried, *compared], NOTHING) == compared[:1]


def test_six_questions_at_once_take_wider_intervals() -> None:
    whole = [run(NOTHING, seed, 5.0) for seed in range(4)]
    less = [
        run(piece, seed, 6.0 + seed * width)
        for piece, width in (("warm-up", 0.2), ("schedule", 0.6))
        for seed in range(4)
    ]
    others = [replace(r, without=piece) for piece in PIECES if piece not in ("warm-up", "schedule") for r in whole]
    together = cost([*whole, *less], "warm-up")
    alone = mean_difference(less[:4], whole, lambda r: r.test_error)
    assert together.low < alone.low < alone.high < together.high
    assert 1 - together.confidence == pytest.approx((1 - alone.confidence) / len(PIECES))
    assert ablation.found([*whole, *less, *others]) == "warm-up (helps)"  # the schedule's would, alone
    assert mean_difference(less[4:], whole, lambda r: r.test_error).low > 0


def test_cost_pairs_by_seed() -> None:
    whole = [run(NOTHING, seed, error, error / 2) for seed, error in ((2, 9.0), (0, 5.0), (1, 7.0))]
    less = [run("warm-up", seed, error, error / 2) for seed, error in ((1, 9.0), (2, 10.0), (0, 8.0))]
    points = cost([*less, run("schedule", 0, 50.0), *whole], "warm-up")
    # 3, 2 and 1 points: paired in another way, the mean is the same and the interval is not.
    assert points.estimate == pytest.approx(2)
    quantile = stats.t.ppf(1 - 0.025 / 6, 2)
    assert points.high - points.estimate == pytest.approx(quantile / 3**0.5)
    assert cost([*less, *whole], "warm-up", "train_error").estimate == pytest.approx(1)
    with pytest.raises(ValueError, match="the same seeds"):
        cost([*less[1:], *whole], "warm-up")


# --- the recording
@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """CIFAR-10's layout with 20 images per file instead of 10,000, two of each class."""
    monkeypatch.setattr(data, "CIFAR10_IMAGES_PER_FILE", 20)
    folder = tmp_path / "cifar"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (*data.CIFAR10_TRAIN, *data.CIFAR10_TEST):
        content = rng.integers(0, 256, (20, data.CIFAR10_RECORD), dtype=np.uint8)
        content[:, 0] = np.arange(20) % 10
        content.tofile(folder / name)
    (folder / "batches.meta.txt").write_text("\n".join("abcdefghij"))
    yield folder
    recording.images_of.cache_clear()


FEW = replace(RECIPE, epochs=2, batch_size=20)  # two steps per epoch on 50 images


def record(out: Path, folder: Path, **options: Any) -> None:
    few = {"label": "random", "pieces": (NOTHING, "augmentation"), "seeds": (0, 1), "images": 50, "recipe": FEW}
    one_rate = {"rates": (0.1,), "tuning_seeds": (), "bf16": False, "device": None}
    ablation.record(out, folder, **{**few, **one_rate, "workers": 1, **options})


def test_with_several_rates_each_arm_is_compared_at_its_best(tmp_path: Path, folder: Path) -> None:
    out, rates = tmp_path / "runs.json", (0.01, 0.1)
    record(out, folder, rates=rates, tuning_seeds=(7,), seeds=(0,))
    runs = recorded_runs(out, Run)
    tuning, compared = ([r for r in runs if r.tuning is tuning] for tuning in (True, False))
    assert [(r.without, r.seed, r.peak_lr) for r in tuning] == [
        (piece, 7, rate) for piece in (NOTHING, "augmentation") for rate in rates
    ]
    assert {r.without: r.peak_lr for r in compared} == ablation.best_rates(runs)
    command = shlex.split(json.loads(out.read_text())["command"])
    assert command[command.index("--rates") + 1] == "0.01,0.1"
    assert command[command.index("--seeds") + 1] == "0"


def test_recorded_runs_are_those_of_the_experiment_and_say_how_they_were_made(tmp_path: Path, folder: Path) -> None:
    out = tmp_path / "runs.json"
    record(out, folder)
    runs = recorded_runs(out, Run)
    assert [(r.without, r.seed) for r in runs] == [
        (piece, seed) for piece in (NOTHING, "augmentation") for seed in (0, 1)
    ]
    assert runs == [train(r.without, replace(FEW, seed=r.seed), folder=folder, images=50) for r in runs]
    content = json.loads(out.read_text())
    assert (content["data"], content["images"]) == ("random", 50)
    assert list((tmp_path / "runs.partial").iterdir()) == []  # checkpoints of finished runs are gone


class CutOff:
    """Crops and flips until the second epoch, and ends the run there."""

    steps = 0

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        self.steps += 1
        if self.steps == 4:
            raise KeyboardInterrupt
        return crop_and_flip(images, generator)


def test_a_recording_goes_on_where_it_was_cut_off(tmp_path: Path, folder: Path) -> None:
    whole, out = tmp_path / "whole.json", tmp_path / "runs.json"
    record(whole, folder, pieces=(NOTHING,))
    record(out, folder, pieces=(NOTHING,), seeds=(0,))
    images = ablation.first_images(recording.images_of(folder), 50)
    torch.manual_seed(1)
    checkpoint = tmp_path / "runs.partial" / "0-1-0.1-False.safetensors"
    with pytest.raises(KeyboardInterrupt):
        fit(ablation.network(3), images, replace(FEW, seed=1), augment=CutOff(), checkpoint=checkpoint, progress=False)
    record(out, folder, pieces=(NOTHING,))
    assert recorded_runs(out, Run) == recorded_runs(whole, Run)
    assert not checkpoint.exists()


def test_recordings_are_not_mixed(tmp_path: Path, folder: Path) -> None:
    out = tmp_path / "runs.json"
    record(out, folder, pieces=(NOTHING,), seeds=(0,))
    content = out.read_bytes()
    other: dict[str, dict[str, Any]] = {"label": {"label": "CIFAR-10"}, "images": {"images": 40}}
    for name, options in (other | {"warmup": {"recipe": replace(FEW, warmup=0.2)}}).items():
        with pytest.raises(ValueError, match=f"recorded with {name}="):
            record(out, folder, **options)
    assert out.read_bytes() == content


def test_mistakes_are_said_before_anything_is_trained(tmp_path: Path, folder: Path) -> None:
    for options in ({"images": 55}, {"pieces": (NOTHING, "dropout")}):
        with pytest.raises(ValueError, match=r"images .* got 55|without .*'augmentation', got 'dropout'"):
            record(tmp_path / "runs.json", folder, **options)
    assert not (tmp_path / "runs.json").exists()


def test_another_experiments_recording(tmp_path: Path) -> None:
    out = tmp_path / "runs.json"
    out.write_text('{"command": "", "provenance": {}, "runs": [{"curve": [], "depth": 20}]}')
    with pytest.raises(ValueError, match=r"part2\.training\.ablation"):
        recorded_runs(out, Run)


def test_the_recorded_command_repeats_the_recording(tmp_path: Path, folder: Path) -> None:
    """Also after a second call that added to the first."""
    out, again = tmp_path / "runs.json", tmp_path / "again.json"
    options = {"label": "somebody's (JPEG) $copy", "images": 100, "recipe": replace(RECIPE, epochs=1)}
    record(out, folder, **options, pieces=("He initialization",), seeds=(1,))
    record(out, folder, **options, pieces=(NOTHING,), seeds=(0,))
    record(out, folder, **options, pieces=("He initialization", NOTHING))
    name, *arguments = shlex.split(json.loads(out.read_text())["command"])
    where = {"FOLDER": str(folder), "results/runs.json": str(again)}
    assert name == "residual-book"
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main([*(where.get(argument, argument) for argument in arguments), "--workers", "1"])
    repeated, recorded = (json.loads(path.read_text()) for path in (again, out))
    assert repeated["command"] == recorded["command"].replace("runs.json", "again.json")
    assert {**repeated, "command": ""} == {**recorded, "command": ""}


# --- interruption and precision
def test_a_killed_run_goes_on_to_the_same_bits() -> None:
    resumed = interrupt(replace(TINY, epochs=3))
    assert (resumed.ended_by, resumed.steps, resumed.killed_at) == ("SIGKILL", 12, 6)
    assert resumed.done_again == 8  # one epoch of three was kept
    assert resumed.differing == ()
    other = deepcopy(resumed.model)
    assert interruption.differing(resumed.model, other) == ()
    other.fc.bias.data[0] += 1
    assert interruption.differing(resumed.model, other) == ("fc.bias",)


def test_a_layout_costs_float32s_rounding_and_bf16_more() -> None:
    """A number is off by half its format's spacing at most, and a net of 20 layers adds up some of these."""
    rounded = [round_off(seed) for seed in (0, 1, 0)]
    for net in rounded:
        for distance in (net.float32, net.channels_last):
            assert 0 < distance < 100 * torch.finfo(torch.float32).eps
        assert torch.finfo(torch.bfloat16).eps / 10 < net.bf16 < 10 * torch.finfo(torch.bfloat16).eps
    assert rounded[0] == rounded[2] != rounded[1]


# --- figures and claims, of made-up results
def ablated(costs: dict[str, float], fit: float = -3.0) -> list[Run]:
    """Runs from three seeds; without a piece, the test error is higher by about its costs."""
    runs = []
    for piece, seed in itertools.product(WITHOUT, (0, 1, 2)):
        noise = 0.0 if piece == NOTHING else 0.1 * seed
        train_error = 5 + noise + (fit if piece == "augmentation" else 0)
        runs.append(run(piece, seed, 10 + noise + costs.get(piece, 0.0), train_error))
    return runs


def confused(same_kind: int) -> Run:
    """A cat is taken for a dog so often; any other mistake is a cat taken for a ship."""
    confusion = np.eye(10, dtype=int) * 80
    confusion[3, 5], confusion[3, 8] = same_kind, 10
    return replace(run(NOTHING, 0, 20.0), confusion=tuple(map(tuple, confusion.tolist())))


ROUNDED = [Rounding(seed, 1e-7, 2e-7, bf16) for seed, bf16 in enumerate((0.01, 0.011, 0.012))]
RECORD = {"recipe": {"epochs": 4}, "images": 10_000}
DIGITS = ablated({"schedule": 2.0})
CIFAR10 = ablated({"schedule": 20.0, "augmentation": -5.0})
AGAINST = ablated({"schedule": -2.0, "augmentation": -5.0})  # the schedule, which does not pay
FOR = ablated({"schedule": 20.0, "augmentation": 5.0})  # augmentation, which does


def speed(arm: str, low: float) -> Speed:
    return Speed("CIFAR training", "resnet20", 128, 2, "usual", arm, 100.0, Interval(low + 0.1, low, low + 0.2, 9), ())


def resumed(differing: Sequence[str]) -> Interruption:
    return Interruption("SIGKILL", 12, 6, 8, ablation.network(1), tuple(differing))


def test_good_results_pass_and_spoiled_ones_name_the_claim() -> None:
    notes, labels = {"share of our step inside convolutions": 0.8}, torch.arange(10)
    short_runs = [replace(confused(30 + seed), seed=seed) for seed in range(3)]
    spread = [replace(confused(same_kind), seed=seed) for seed, same_kind in enumerate((1, 30, 60))]
    again = DIGITS[0]
    claims.on_scale({0: 1e-6})
    claims.on_rounding(ROUNDED)
    claims.on_speed([speed("usual", 1.0), speed("ours", 1.2)], notes)
    claims.on_pieces(DIGITS)
    claims.on_recordings(DIGITS, again, CIFAR10, RECORD)
    claims.on_interruption(resumed(()))
    claims.on_mistakes(labels, labels.roll(1), confused(30), RECORD, short_runs)
    coarse = [replace(net, channels_last=1e-3) for net in ROUNDED]
    spoiled: list[tuple[str, Any, tuple[Any, ...]]] = [
        ("training-scale-hidden", claims.on_scale, ({0: 1e-6, 1: 0.5},)),
        ("training-rounding", claims.on_rounding, (coarse,)),
        ("training-speed", claims.on_speed, ([speed("ours", 1.2), speed("ours", 0.9)], notes)),
        ("training-augmentation-fit", claims.on_pieces, (ablated({"schedule": 2.0}, fit=1.0),)),
        ("training-cifar10-schedule", claims.on_recordings, (DIGITS, again, AGAINST, RECORD)),
        ("training-cifar10-augmentation", claims.on_recordings, (DIGITS, again, FOR, RECORD)),
        ("training-record-repeats", claims.on_recordings, (DIGITS, replace(again, test_error=16.0), CIFAR10, RECORD)),
        ("training-resume", claims.on_interruption, (resumed(["fc.bias"]),)),
        ("training-kinds", claims.on_mistakes, (labels, labels, confused(30), RECORD, spread)),
    ]
    for id, check, results in spoiled:
        with pytest.raises(ClaimError, match=f"'{id}'"):
            check(*results)


def test_figures_draw_what_they_are_given() -> None:
    images = digits()
    answers = images.test_labels.roll(1)
    for drawing, words in [
        (figures.schedules(RECIPE), ("one-cycle", "learning rate")),
        (figures.rounding(ROUNDED), ("bfloat16, channels last",)),
        (figures.costs(DIGITS, CIFAR10), [f"no {piece}" for piece in PIECES]),
        (figures.mistaken(images, answers), ("taken for",)),
        (figures.confusion(confused(30)), ("airplane", "truck", ">30<")),
    ]:
        text = drawing.svg()
        assert drawing.alt.split()[0] in text
        assert [word for word in words if word not in text] == []


def test_tables_have_signs_and_intervals() -> None:
    assert "| augmentation | 0.1 | -4.9 (-5.5 to -4.3) |" in figures.cost_table(CIFAR10).data
    tried = [run("warm-up", 20, error, peak_lr=rate, tuning=True) for rate, error in ((0.1, 2.0), (0.3, 3.0))]
    assert "| warm-up | **2.0** | 3.0 |" in figures.tuning_table(tried).data
    assert "| ResNet-20 | ours | 100 ms | 1.30 (1.20 to 1.40) |" in figures.speed_table([speed("ours", 1.2)]).data
