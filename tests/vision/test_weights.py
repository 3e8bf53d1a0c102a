"""Weights from files: what fits is loaded whole, what does not is refused whole, and no code is run."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from residual.vision import (
    Bottleneck,
    CifarNet,
    PreActBlock,
    ResNet,
    load_network,
    load_weights,
    resnet18,
    save_weights,
)

ran: list[str] = []


class Code:
    """Runs something when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return ran.append, ("code ran",)


def net(seed: int = 0) -> CifarNet:
    torch.manual_seed(seed)
    return CifarNet(8, width=4)


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def without_counts(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if "num_batches" not in key}


def test_safetensors_there_and_back(tmp_path: Path) -> None:
    first, second = net(0), net(1)
    first.to(memory_format=torch.channels_last)
    assert not same(first, second)
    save_weights(resnet18(width=4), tmp_path / "w.safetensors")  # which is replaced
    save_weights(first, tmp_path / "w.safetensors")
    load_weights(second, str(tmp_path / "w.safetensors"))
    assert same(first, second)
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]
    assert load_file(tmp_path / "w.safetensors").keys() == first.state_dict().keys()


@pytest.mark.parametrize(
    "saved",
    [
        CifarNet(8, width=4, residual=False, num_classes=3),
        CifarNet(8, width=4, block=PreActBlock, shortcut="B", in_channels=1),
        ResNet(Bottleneck, (1, 2), width=4, v1=True, shortcut="C", small_images=True),
    ],
    ids=["plain", "preact", "v1"],
)
def test_a_file_says_which_network_it_is_of(saved: ResNet, tmp_path: Path) -> None:
    save_weights(saved, tmp_path / "w.safetensors")
    loaded = load_network(tmp_path / "w.safetensors")
    assert not loaded.training
    assert (str(loaded), type(loaded)) == (str(saved.eval()), type(saved))
    images = torch.randn(2, saved.in_channels, 9, 12)
    with torch.no_grad():
        assert torch.equal(loaded(images), saved(images))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (None, "does not say of which network it is"),
        ("resnet18", "expected a network of residual.vision, got 'resnet18'"),
        ('{"net": "Module", "block": "BasicBlock"}', "KeyError"),
        ('{"net": "CifarNet", "block": "BasicBlock", "depth": 9}', "depth must be"),
        ('{"net": "CifarNet", "block": "BasicBlock", "depth": 14}', "weights are not those of this CifarNet"),
    ],
)
def test_a_file_that_says_nothing_or_nonsense(told: str | None, said: str, tmp_path: Path) -> None:
    save_file(net().state_dict(), tmp_path / "w.safetensors", told and {"architecture": told})
    with pytest.raises(ValueError, match=said):
        load_network(tmp_path / "w.safetensors")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".th"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "best_prec1": 92.1, "epoch": 3},
        lambda state: {"model": state},
        lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}},
        without_counts,
    ],
    ids=["bare", "state_dict", "model", "parallel", "old"],
)
def test_files_as_torch_saves_them(tmp_path: Path, suffix: str, wrap: Callable[[dict[str, Tensor]], object]) -> None:
    first, second = net(0), net(1)
    torch.save(wrap(first.state_dict()), tmp_path / f"w{suffix}")
    load_weights(second, tmp_path / f"w{suffix}")
    assert same(first, second)


def test_a_torchvision_state_dict_loads_from_a_file(tmp_path: Path) -> None:
    import peers

    torch.manual_seed(0)
    other = peers.torchvision().models.resnet18(num_classes=7).eval()
    save_file(other.state_dict(), tmp_path / "w.safetensors")
    ours = resnet18(num_classes=7).eval()
    load_weights(ours, tmp_path / "w.safetensors")
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours(images), other(images))


def test_values_are_cast_to_the_models_dtype(tmp_path: Path) -> None:
    first, second = net(0), net(1)
    save_weights(first, tmp_path / "w.safetensors")
    load_weights(second.double(), tmp_path / "w.safetensors")
    assert same(first.double(), second)


def test_every_key_that_does_not_fit_in_one_error(tmp_path: Path) -> None:
    state = net().state_dict()
    del state["conv1.weight"], state["layer2.0.bn1.running_mean"]
    state["head.weight"] = torch.zeros(3)
    state["fc.weight"] = torch.zeros(5, 16)
    state["fc.bias"] = torch.zeros(5)
    save_file(state, tmp_path / "w.safetensors")
    model = net(1)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(ValueError, match="weights are not those of this CifarNet") as caught:
        load_weights(model, tmp_path / "w.safetensors")
    said = str(caught.value)
    assert "2 missing: conv1.weight, layer2.0.bn1.running_mean;" in said
    assert "1 unexpected: head.weight;" in said
    assert "2 of another shape: fc.weight (5, 16) instead of (10, 16), fc.bias (5,) instead of (10,)" in said
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("wrap", [lambda code: code, lambda code: {"state_dict": {}, "hook": code}])
@pytest.mark.parametrize("save", ["torch", "pickle"])
def test_code_is_refused_and_never_run(tmp_path: Path, wrap: Callable[[Code], object], save: str) -> None:
    path = tmp_path / "w.pt"
    if save == "torch":
        torch.save(wrap(Code()), path)
    else:
        path.write_bytes(pickle.dumps(wrap(Code()), protocol=2))
    with pytest.raises(ValueError, match=r"w\.pt: .* only tensors, got code in it \(\S+\), which was not run$"):
        load_weights(net(), path)
    assert ran == []
    torch.save(net(), path)
    with pytest.raises(ValueError, match="holds only tensors"):
        load_weights(net(), path)


@pytest.mark.parametrize("kept", [0, 1, 10, 1000, -1])
@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_a_file_that_was_cut_off(tmp_path: Path, name: str, kept: int) -> None:
    path = tmp_path / name
    if path.suffix == ".pt":
        torch.save(net().state_dict(), path)
    else:
        save_weights(net(), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=f"{name}: expected a"):
        load_weights(net(), path)


@pytest.mark.parametrize(("content", "said"), [([1, 2], "got list"), ({"a": 1}, "got dict with other things")])
def test_a_file_of_something_else(tmp_path: Path, content: object, said: str) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(ValueError, match=said):
        load_weights(net(), tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.safetensors", r"gone\.safetensors is missing: expected a file with weights"),
        ("gone.pt", r"gone\.pt is missing: expected a file with weights"),
        ("w.npz", r"expected a file name that ends in \.safetensors or one of \.pt, \.pth, \.th"),
    ],
)
def test_a_file_that_is_not_there_or_of_another_kind(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        load_weights(net(), tmp_path / name)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite(tmp_path: Path, value: float) -> None:
    broken = net()
    with torch.no_grad():
        broken.layer1[0].bn1.weight[2] = value
    save_weights(broken, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"weights must be finite, these are not: layer1\.0\.bn1\.weight$"):
        load_weights(net(), tmp_path / "w.safetensors")
