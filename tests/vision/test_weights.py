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


def prefixed(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in state.items()}


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".th", ".pth.tar", ".ckpt", ".bin", ".PTH"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "best_prec1": 92.1, "epoch": 3},
        lambda state: {"model": state},
        lambda state: {"net": state, "acc": 93.0, "mean": {"image": torch.zeros(3)}},
        lambda state: {"model_state_dict": state, "optimizer": torch.optim.SGD(net().parameters()).state_dict()},
        lambda state: {"a": {"name": {"of": {"their": state}}}},
        lambda state: {"state_dict": prefixed("module.", state)},
        without_counts,
    ],
    ids=["bare", "state_dict", "model", "net", "model_state_dict", "nested", "parallel", "old"],
)
def test_files_as_torch_saves_them(tmp_path: Path, suffix: str, wrap: Callable[[dict[str, Tensor]], object]) -> None:
    first, second = net(0), net(1)
    torch.save(wrap(first.state_dict()), tmp_path / f"w{suffix}")
    load_weights(second, tmp_path / f"w{suffix}")
    assert same(first, second)


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("wrappers", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model.net."])
def test_any_run_of_wrappers_is_taken_away(tmp_path: Path, name: str, wrappers: str) -> None:
    first, second = net(0), net(1)
    state = prefixed(wrappers, first.state_dict())
    save_file(state, tmp_path / name) if name.endswith("safetensors") else torch.save(state, tmp_path / name)
    load_weights(second, tmp_path / name)
    assert same(first, second)


WRAPPERS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "compiled": lambda model: torch.compile(model, backend="eager"),  # type: ignore[return-value]  # it is a module
    "parallel": nn.DataParallel,
    "averaged": torch.optim.swa_utils.AveragedModel,
    "lightning": lambda model: nn.ModuleDict({"model": model, "loss": nn.CrossEntropyLoss()}),
    "compiled in parallel": lambda model: nn.DataParallel(torch.compile(model, backend="eager")),  # type: ignore[type-var]
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_a_wrapped_net_is_saved_under_its_own_names_and_takes_them(
    tmp_path: Path, wrap: Callable[[nn.Module], nn.Module]
) -> None:
    first, second, third = net(0), net(1), net(2)
    save_weights(wrap(first), tmp_path / "w.safetensors")
    assert load_file(tmp_path / "w.safetensors").keys() == first.state_dict().keys()
    assert same(load_network(tmp_path / "w.safetensors"), first)
    wrapped = wrap(second)
    load_weights(wrapped, tmp_path / "w.safetensors")
    save_weights(wrapped, tmp_path / "again.safetensors")
    load_weights(third, tmp_path / "again.safetensors")
    assert same(first, third)


def test_a_part_that_is_compiled(tmp_path: Path) -> None:
    first, second = net(0), net(1)
    first.layer2 = torch.compile(first.layer2, backend="eager")  # type: ignore[assignment]  # it is a module
    save_weights(first, tmp_path / "w.safetensors")
    load_weights(second, tmp_path / "w.safetensors")
    assert same(first, second)


def test_names_that_only_look_like_wrappers_are_kept(tmp_path: Path) -> None:
    def two() -> nn.ModuleDict:
        return nn.ModuleDict({"net": nn.Linear(2, 2), "model": nn.Linear(2, 2)})

    first, second = two(), two()
    save_weights(first, tmp_path / "w.safetensors")
    assert load_file(tmp_path / "w.safetensors").keys() == first.state_dict().keys()
    load_weights(second, tmp_path / "w.safetensors")
    assert same(first, second)


def test_weights_that_are_there_twice_are_named(tmp_path: Path) -> None:
    torch.save(
        {"model": net(0).state_dict(), "model_ema": prefixed("module.", net(1).state_dict())}, tmp_path / "w.pth"
    )
    with pytest.raises(ValueError, match=r"w\.pth has such weights more than once: save one of model, model_ema to"):
        load_weights(net(2), tmp_path / "w.pth")


def test_names_of_other_cifar_nets(tmp_path: Path) -> None:
    """The head of both is `linear`; the projection of one is `shortcut`."""
    first, second = (CifarNet(8, width=4, shortcut="B") for _ in range(2))
    renamed = {
        f"module.{key}".replace("fc.", "linear.").replace("downsample.", "shortcut."): value
        for key, value in without_counts(first.state_dict()).items()
    }
    torch.save({"net": renamed}, tmp_path / "resnet.th", _use_new_zipfile_serialization=False)
    load_weights(second, tmp_path / "resnet.th")
    assert same(first, second)


def test_another_name_does_not_stand_in_for_one_that_is_there(tmp_path: Path) -> None:
    torch.save(net().state_dict() | {"linear.bias": torch.zeros(10)}, tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"this CifarNet: 1 unexpected: linear\.bias$"):
        load_weights(net(), tmp_path / "w.pt")


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


def test_values_that_become_infinite_in_half_precision(tmp_path: Path) -> None:
    large = net()
    with torch.no_grad():
        large.fc.bias += 1e5
    save_weights(large, tmp_path / "w.safetensors")
    half = net(1).half()
    before = {key: value.clone() for key, value in half.state_dict().items()}
    with pytest.raises(ValueError, match=r"weights must be finite, these are not: fc\.bias$"):
        load_weights(half, tmp_path / "w.safetensors")
    assert all(torch.equal(before[key], value) for key, value in half.state_dict().items())


@pytest.mark.parametrize("kept", [lambda state: state, without_counts], ids=["new", "old"])
def test_a_net_on_meta_is_filled(tmp_path: Path, kept: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    saved = net()
    save_file(kept(saved.state_dict()), tmp_path / "w.safetensors")
    with torch.device("meta"):
        filled = CifarNet(8, width=4).double()
    load_weights(filled, tmp_path / "w.safetensors")
    assert same(filled, saved.double())
    assert all(parameter.requires_grad for parameter in filled.parameters())


def test_a_net_on_meta_has_nothing_to_save(tmp_path: Path) -> None:
    with torch.device("meta"):
        empty = CifarNet(8, width=4)
    with pytest.raises(ValueError, match="model must have weights, but this CifarNet is on torch's meta device"):
        save_weights(empty, tmp_path / "w.safetensors")
    assert not list(tmp_path.iterdir())


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


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1099231\n", r"\(a Git LFS pointer; "),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><html><title>404</title></html>", r"\(a web page, "),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", r"\(a web page, "),
        (b'{"error": "not found"}', r"""\(text, '{"error": "not found"}'\)"""),
        (b"Entry not found", r"\(text, 'Entry not found'\)"),
        (b"\x1f\x8b\x08\x00", r"\(packed by gzip\)"),
        (b"", r"\(it is empty\)"),
        (b"\x80\x02" + bytes(9), r"\(a pickle, "),
        (bytes(100), "got a damaged or foreign file"),
    ],
)
def test_what_is_no_checkpoint_is_called_what_it_is(tmp_path: Path, ending: str, content: bytes, said: str) -> None:
    path = tmp_path / f"w{ending}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said) as caught:
        load_weights(net(), path)
    assert "code in it" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "called"), [("w.pth", "a safetensors file"), ("w.safetensors", "a zip archive, as torch")]
)
def test_one_format_under_the_name_of_the_other(tmp_path: Path, name: str, called: str) -> None:
    path = tmp_path / name
    torch.save(net().state_dict(), path) if name == "w.safetensors" else save_file(net().state_dict(), path)
    with pytest.raises(ValueError, match=called):
        load_weights(net(), path)


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(10, device="meta"),
        torch.zeros(10).to_sparse(),
        torch.zeros(10, dtype=torch.complex64),
    ],
    ids=["meta", "sparse", "complex"],
)
def test_tensors_that_are_no_numbers_in_memory(tmp_path: Path, value: Tensor) -> None:
    torch.save(net().state_dict() | {"fc.bias": value}, tmp_path / "w.pt")
    with pytest.raises(
        ValueError, match=r"w\.pt: expected tensors by name, got dict with other things in it: fc\.bias$"
    ):
        load_weights(net(), tmp_path / "w.pt")


def test_a_dictionary_that_holds_itself(tmp_path: Path) -> None:
    endless: dict[str, object] = {}
    endless["model"] = endless
    torch.save(endless, tmp_path / "w.pt")
    with pytest.raises(ValueError, match="expected tensors by name, got dict with other things in it: model"):
        load_weights(net(), tmp_path / "w.pt")


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
        ("", "is a folder: expected a file with weights"),
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
