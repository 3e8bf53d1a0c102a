"""Nets on their way out, measured; what the benchmark's table says; and the page's claims, which bad results break."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from residual.vision import Bottleneck, CifarNet, PreActBlock, ResNet
from residual.vision.export import export
from residual_book import nets
from residual_book.claims import ClaimError
from residual_book.part2.running import claims, experiment, figures
from residual_book.part2.running.experiment import Distances
from residual_book.recording import RESULTS
from residual_book.speeds import Speed
from residual_book.stats import Interval

MEASURED = [
    Distances(net, seed, 1e-6, (2 + seed) * 1e-6, 5e-7, 0 if "20" in net else None)
    for net in ("ResNet-18", "plain-20")
    for seed in experiment.SEEDS
]


def speed(arm: str, low: float, *, images: int = 32, threads: int = 1) -> Speed:
    ratio = Interval(low + 0.1, low, low + 0.2, 6)
    return Speed("inference", "resnet18", images, threads, "torchvision", arm, 20.0, ratio, ())


LOWS = {"torchvision": 1.0, "ours": 0.9, "ours, fused": 1.3, "ours, ONNX Runtime": 1.7, "other": 1.8}
SPEEDS = [
    speed(arm, low, images=images, threads=threads)
    for images in (1, 32)
    for threads in (1, 2)
    for arm, low in LOWS.items()
]


def test_one_net_is_measured_in_all_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    net = CifarNet(8, in_channels=1, width=4).eval()
    monkeypatch.setattr(experiment, "network", lambda name, seed: net)
    run = experiment.measure("plain-20", 0)
    assert 0 < run.exported < 1e-5
    assert 0 < run.folded < 1e-5
    assert 0 < run.rounding < 1e-5
    assert run.otherwise == 0


def test_a_new_net_is_settled_and_depends_on_its_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(nets.MAKERS, "ResNet-18", lambda: ResNet(Bottleneck, (1, 2), width=4))
    first, again, other = (experiment.network("ResNet-18", seed) for seed in (0, 0, 1))
    assert not first.training
    assert len(set(first.bn1.weight.tolist())) == 4
    images = torch.ones(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(first(images), again(images))
        assert not torch.equal(first(images), other(images))


def test_what_a_file_says_of_itself(tmp_path: Path) -> None:
    torch.manual_seed(0)
    export(CifarNet(8, width=4, block=PreActBlock), tmp_path / "net.onnx", classes=list("0123456789"))
    counted = experiment.operators(tmp_path / "net.onnx")
    assert (counted["Conv"], counted["BatchNormalization"]) == (7, 4)
    assert experiment.metadata(tmp_path / "net.onnx")["outputs"] == "10"


def test_the_table_has_every_way_and_its_fastest_in_bold() -> None:
    rows = figures.speed_table(SPEEDS).data.splitlines()
    assert rows[0] == "| Way | ResNet-18,<br>1 image | ResNet-18,<br>32 images |"
    assert len(rows) == 2 + 2 * (1 + 5)
    assert rows[2:4] == ["| *1 thread* |  |  |", "| torchvision | 20 ms | 20 ms |"]
    assert "| other | **1.90<br>(1.80 to 2.00)** | **1.90<br>(1.80 to 2.00)** |" in rows[8:]
    assert figures.speed_table(SPEEDS).data.count("**") == 8
    assert experiment.fastest(SPEEDS, "resnet18", 32, 1).arm == "other"


def test_figures_say_what_they_show() -> None:
    assert all(f">{text}<" in figures.distances(MEASURED).svg() for text in ("ResNet-18", "from ONNX Runtime"))
    assert "ours, ONNX Runtime, ResNet-18, 32: 1.80" in figures.speeds(SPEEDS).alt


def test_the_record_has_every_comparison() -> None:
    recorded = experiment.speeds()
    assert experiment.RECORD.parent == RESULTS
    assert {(s.net, s.images, s.threads) for s in recorded} == {
        (net, images, threads) for net in ("resnet18", "resnet50") for images in (1, 32) for threads in (1, 2)
    }
    assert {"torchvision", "ours", "ours, fused", "ours, ONNX Runtime", "ours, OpenVINO"} <= {s.arm for s in recorded}


def test_claims_hold_for_good_results_only() -> None:
    claims.on_distances(MEASURED)
    for id, change in (
        ("running-folding", {"folded": 2e-4}),
        ("running-exported", {"exported": 2e-4}),
        ("running-same-class", {"otherwise": 1}),
    ):
        with pytest.raises(ClaimError, match=id):
            claims.on_distances([*MEASURED[:-1], replace(MEASURED[-1], **change)])
    claims.on_speeds(SPEEDS, {"pixels": 224})
    for id, arm, low in (
        ("running-runtime", "ours, ONNX Runtime", 1.1),
        ("running-equal", "ours", 0.8),
        ("running-fused", "ours, fused", 1.1),
    ):
        worse = [speed(arm, low, images=s.images, threads=s.threads) if s.arm == arm else s for s in SPEEDS]
        with pytest.raises(ClaimError, match=id):
            claims.on_speeds(worse, {"pixels": 224})
