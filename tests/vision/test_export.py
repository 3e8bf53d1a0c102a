"""Networks as ONNX: the same logits at any batch and size, or no file at all."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from nets import images, shake
from torch import nn

from residual.cli import main
from residual.vision import (
    Bottleneck,
    CifarNet,
    NormFreeBlock,
    PreActBlock,
    ResNet,
    fuse,
    resnet18,
    resnet50,
    save_weights,
)
from residual.vision.export import OPSETS, export

BATCHES = ((1, 33, 33), (4, 32, 64), (3, 71, 46))


def trained(net: ResNet) -> ResNet:
    """In evaluation mode, with running statistics, scales and shifts other than a new net's."""
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
            module.momentum = None  # the mean over all batches, of which there is one
    with torch.no_grad():
        net.train()(torch.randn(8, net.in_channels, 33, 33))
    return net.eval()


def tiny() -> CifarNet:
    torch.manual_seed(0)
    return CifarNet(8, width=4).eval()


def run(path: Path, batch: torch.Tensor) -> torch.Tensor:
    session = onnxruntime.InferenceSession(path)
    (logits,) = session.run(None, {"images": batch.numpy()})
    return torch.from_numpy(logits)


@pytest.mark.parametrize(
    "make",
    [
        resnet18,
        resnet50,
        lambda: CifarNet(20),
        lambda: CifarNet(8, residual=False),
        lambda: CifarNet(8, shortcut="C", in_channels=1, width=4, num_classes=7),
        lambda: CifarNet(8, block=PreActBlock),
        lambda: ResNet(PreActBlock, (1, 2), width=8, shortcut="B"),
        lambda: ResNet(Bottleneck, (1, 1), width=8, v1=True),
    ],
    ids=["resnet18", "resnet50", "A", "plain", "C", "preact A", "preact B", "bottleneck v1"],
)
def test_logits_are_torchs_at_every_batch_and_size(make: Callable[[], ResNet], tmp_path: Path) -> None:
    net = trained(make())
    assert export(net, tmp_path / "net.onnx") < 1e-4
    for seed, (n, height, width) in enumerate(BATCHES):
        batch = images(n, net.in_channels, height, width, seed=seed)
        with torch.no_grad():
            expected = net(batch)
        logits = run(tmp_path / "net.onnx", batch)
        assert logits.shape == (n, net.num_classes)
        assert (logits - expected).abs().max() < 1e-4 * expected.abs().max()
    operators = {node.op_type for node in onnx.load(tmp_path / "net.onnx").graph.node}
    assert ("BatchNormalization" in operators) == (net.block is PreActBlock), "all that can be folded is folded"


def test_a_norm_free_net_with_a_scale_in_each_block(tmp_path: Path) -> None:
    net = CifarNet(8, block=NormFreeBlock, width=4)
    shake(net)
    assert export(net, tmp_path / "net.onnx", opset=OPSETS[0]) < 1e-4
    assert [entry.version for entry in onnx.load(tmp_path / "net.onnx").opset_import] == [OPSETS[0]]


def test_the_file_says_what_it_is_and_nothing_of_the_machine(tmp_path: Path) -> None:
    net, path = tiny(), tmp_path / "new" / "net.onnx"
    names = tuple("abcdefghij")
    export(net, path, classes=names, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.1), opset=OPSETS[-1])
    content = onnx.load(path)
    assert [entry.version for entry in content.opset_import] == [OPSETS[-1]]
    onnx.checker.check_model(content, full_check=True)
    told = {entry.key: entry.value for entry in content.metadata_props}
    assert json.loads(told["architecture"])["depth"] == 8
    assert (told["outputs"], told["input"]) == ("10", "float32 (batch, channels, height, width)")
    assert [json.loads(told[key]) for key in ("classes", "mean", "std")] == [
        list(names), [0.5, 0.4, 0.3], [0.2, 0.2, 0.1],
    ]  # fmt: skip
    assert json.loads(told["versions"]).keys() == {"residual", "torch", "onnx", "onnxscript"}
    (takes,), (gives,) = content.graph.input, content.graph.output
    free = [[d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim] for value in (takes, gives)]
    assert free == [["batch", 3, "height", "width"], ["batch", 10]]
    for secret in (str(Path(torch.__file__).parent), str(Path(__file__).parents[2])):
        assert secret.encode() not in path.read_bytes()
    assert [file.name for file in path.parent.iterdir()] == ["net.onnx"]


def test_the_same_net_is_the_same_file_and_stays_as_it_was(tmp_path: Path) -> None:
    net = tiny().train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    export(net, tmp_path / "a.onnx")
    assert torch.equal(torch.rand(1), expected), "the caller's random numbers are left alone"
    assert net.training
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    export(fuse(net), tmp_path / "b.onnx")  # in evaluation mode, and folded already
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": nn.Linear(2, 2)}, "model must be a ResNet of residual.vision, not compiled, got Linear"),
        ({"model": tiny().double()}, r"float32 weights, got torch\.float64"),
        ({"path": "net.pt"}, r"must name an \.onnx file, got net\.pt"),
        ({"opset": 17}, "opset must be from 18 to 23, got 17"),
        ({"opset": 99}, "opset must be from 18 to 23, got 99"),
        ({"classes": ["cat"]}, "classes must have one entry for each logit, 10, got 1"),
        ({"mean": [0.5] * 3}, "mean and std must be given together"),
        ({"mean": [0.5] * 3, "std": [0.5]}, "std must have one entry for each channel, 3, got 1"),
    ],
)
def test_a_bad_argument(options: dict[str, object], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=said):
        export(**{"model": tiny(), "path": "net.onnx", **options})
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_finite_leave_the_old_file(tmp_path: Path) -> None:
    net, path = tiny(), tmp_path / "net.onnx"
    path.write_bytes(b"old")
    with torch.no_grad():
        net.fc.weight[0, 0] = float("inf")
    with pytest.raises(ValueError, match=r"differ from torch's by nan of the largest logit: expected at most 0\.0001"):
        export(net, path)
    assert path.read_bytes() == b"old"


def test_a_runtime_that_computes_something_else_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(onnxruntime.InferenceSession):
        def run(self, *arguments: object) -> list[np.ndarray]:
            return [1.01 * logits for logits in super().run(*arguments)]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Wrong)
    with pytest.raises(ValueError, match=r"by 0\.01 of the largest logit: expected at most 0\.005"):
        export(tiny(), tmp_path / "net.onnx", tolerance=0.005)
    assert not list(tmp_path.iterdir())


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        export(tiny(), tmp_path / "file" / "net.onnx")


def test_the_command_exports_what_train_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net, weights, out = (
        trained(CifarNet(8, residual=False, in_channels=1)),
        tmp_path / "w.safetensors",
        tmp_path / "n.onnx",
    )
    save_weights(net, weights)
    with pytest.raises(SystemExit) as end:
        main(["export", str(weights), "--out", str(out)])
    assert end.value.code == 0
    assert f"{out}: logits differ from torch's by" in capsys.readouterr().out
    batch = images(2, 1, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(run(out, batch), net(batch), atol=1e-5, rtol=1e-4)
    with pytest.raises(SystemExit) as end:
        main(["export", str(tmp_path / "gone.safetensors"), "--out", str(out)])
    assert end.value.code == 2
    assert "gone.safetensors is missing: expected a file with weights" in capsys.readouterr().err
