import copy
from collections.abc import Callable

import peers
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from residual.probes.cost import Layer, cost
from residual.vision import (
    BasicBlock,
    Bottleneck,
    CifarNet,
    PreActBlock,
    fuse,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
)

IMAGE = (3, 224, 224)
NETS = (resnet18, resnet34, resnet50, resnet101, resnet152)
PAPER = (1.8e9, 3.6e9, 3.8e9, 7.6e9, 11.3e9)  # He et al. 2015, Table 1; "FLOPs" there are multiply-adds
INF = float("inf")


def on_meta(make: Callable[..., nn.Module], **options: object) -> nn.Module:
    with torch.device("meta"):
        return make(**options)


@pytest.mark.parametrize(
    ("make", "multiply_adds"), [(resnet18, 1.814e9), (resnet50, 4.089e9), (resnet101, 7.801e9), (resnet152, 11.514e9)]
)
def test_published_multiply_adds(make: Callable[..., nn.Module], multiply_adds: float) -> None:
    assert cost(on_meta(make), IMAGE).totals["multiply_adds"] == pytest.approx(multiply_adds, abs=0.0005e9)


@pytest.mark.parametrize(("make", "paper"), list(zip(NETS, PAPER, strict=True)))
def test_the_papers_table_1_with_the_papers_strides(make: Callable[..., nn.Module], paper: float) -> None:
    """To the digit that the paper gives, which it rounds in some rows and cuts off in others."""
    options = {"v1": True} if make in NETS[2:] else {}
    assert cost(on_meta(make, **options), IMAGE).totals["multiply_adds"] == pytest.approx(paper, abs=0.07e9)


@pytest.mark.parametrize(("shortcut", "multiply_adds"), [("A", 40_551_040), ("B", 40_813_184)])
def test_cifar_resnet_20(shortcut: str, multiply_adds: int) -> None:
    assert cost(CifarNet(20, shortcut=shortcut), (3, 32, 32)).totals["multiply_adds"] == multiply_adds


def test_activations_of_resnet_50() -> None:
    """Radosavovic et al. 2020 give 11.1 million."""
    assert cost(on_meta(resnet50), IMAGE).totals["activations"] == pytest.approx(11.1e6, abs=0.05e6)


@pytest.mark.parametrize(
    ("make", "options", "size"),
    [
        (resnet50, {"v1": True}, 483),
        (resnet101, {"v1": True}, 1027),
        (resnet152, {"v1": True}, 1507),
        (resnet50, {}, 427),
        (resnet18, {}, 435),
    ],
)
def test_receptive_field_of_the_last_map(make: Callable[..., nn.Module], options: dict[str, bool], size: int) -> None:
    """The first three as in Araujo et al. 2019; the others from the closed form."""
    layers = cost(on_meta(make, **options), IMAGE).layers
    assert max(x for layer in layers for x in layer.receptive_field if x < INF) == size
    assert layers[-1].receptive_field == (INF, INF)  # global pooling sees all


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnext50_32x4d"])
def test_torchvisions_nets_have_a_row_for_every_layer(name: str) -> None:
    peer = peers.torchvision().models.get_model(name, weights=None)
    rows = {row.name: row for row in cost(peer, (3, 64, 64)).layers if row.parameters}
    assert rows.keys() == {n for n, m in peer.named_modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.Linear)}
    assert sum(row.parameters for row in rows.values()) == sum(p.numel() for p in peer.parameters())
    if name != "resnext50_32x4d":
        ours = cost({"resnet18": resnet18, "resnet50": resnet50}[name](), (3, 64, 64))
        assert {row.name: row for row in ours.layers if row.parameters} == rows


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (CifarNet(20), (3, 32, 32)),
        (CifarNet(20, residual=False, width=8), (3, 30, 17)),
        (CifarNet(29, block=Bottleneck, shortcut="C", width=8), (3, 32, 32)),
        (CifarNet(20, block=PreActBlock, shortcut="B", width=8), (3, 32, 32)),
        (resnet18(width=8, num_classes=7), (3, 65, 130)),
        (resnet50(width=8, v1=True), (3, 64, 64)),
        (fuse(resnet18(width=8)), (3, 64, 64)),
        (nn.Sequential(nn.Conv2d(6, 4, (3, 5), stride=2, groups=2, dilation=(2, 1)), nn.Conv2d(4, 8, 1)), (6, 20, 20)),
        (nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 2, bias=False)), (5,)),
    ],
)
def test_multiply_adds_are_half_of_torchs_flops(model: nn.Module, shape: tuple[int, ...]) -> None:
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        copy.deepcopy(model).eval()(torch.zeros(1, *shape))
    totals = cost(model, shape).totals
    assert totals["multiply_adds"] == counter.get_total_flops() / 2
    assert totals["parameters"] == sum(p.numel() for p in model.parameters())


def test_a_row_says_all_of_its_layer() -> None:
    """By hand: 6 outputs at 5 x 4 places, each from 3 x 3 weights of 2 of the 4 channels."""
    model = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2), nn.MaxPool2d((1, 2)))
    assert cost(model, (4, 11, 9)).layers == (
        Layer("0", "Conv2d", (6, 5, 4), 6 * 2 * 9 + 6, 6 * 5 * 4 * 2 * 9, (5, 5), (2, 2)),
        Layer("1", "MaxPool2d", (6, 5, 2), 0, 0, (5, 7), (2, 4)),
    )


@pytest.mark.parametrize(("block", "size"), [(BasicBlock(8, 8), 5), (Bottleneck(8, 2), 3), (PreActBlock(8, 8), 5)])
def test_receptive_field_of_a_block_is_its_branchs(block: nn.Module, size: int) -> None:
    assert cost(block, (8, 9, 9)).receptive_field == (size, size)


def test_a_layer_of_features_sees_all_of_them() -> None:
    branch = nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 4, bias=False), nn.LayerNorm(4), nn.GELU())
    counted = cost(branch, (8,))
    assert [layer.receptive_field for layer in counted.layers] == [(1,), (INF,), (INF,), (INF,)]
    assert counted.totals == {"parameters": 16 + 32 + 8, "multiply_adds": 32, "activations": 4}
    assert counted["1"].shape == (4,)


class Twice(nn.Module):
    """One convolution, called twice, with the input added."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(self.conv(x))


def test_a_shared_layer_costs_its_parameters_once_and_its_products_twice() -> None:
    counted = cost(Twice(), (3, 8, 8))
    assert [(layer.name, layer.parameters, layer.receptive_field) for layer in counted.layers] == [
        ("conv", 84, (3, 3)),
        ("conv", 0, (5, 5)),
    ]
    assert counted.totals["multiply_adds"] == 2 * 3 * 8 * 8 * 27


def test_the_model_stays_as_it_was() -> None:
    model = resnet18(width=8)
    model.train()
    model.layer2.eval()
    modes = {name: module.training for name, module in model.named_modules()}
    before = {key: value.clone() for key, value in model.state_dict().items()}
    generator = torch.random.get_rng_state()
    cost(model, (3, 64, 64))
    with pytest.raises(ValueError, match="images must have shape"):
        cost(model, (2, 64, 64))
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(torch.random.get_rng_state(), generator)


class Scaled(nn.Module):
    """A layer of our own that holds a parameter itself."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(()))
        self.inner = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.alpha * self.inner(x)


class Sidestep(nn.Module):
    """Multiplies by a buffer, so that no layer accounts for the product."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.eye(8))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.matrix)


class Upsample(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2)


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Conv2d(3, 3, 1), nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.used(x)


@pytest.mark.parametrize(
    ("model", "shape", "complaint"),
    [
        (nn.Sequential(nn.ReLU(), Scaled()), (3, 8, 8), r"got Scaled at '1'$"),
        (Scaled(), (3, 8, 8), r"got Scaled$"),
        (nn.Sequential(nn.ConvTranspose2d(3, 3, 2)), (3, 8, 8), r"got ConvTranspose2d at '0'"),
        (nn.Sequential(nn.ReLU(), nn.Sequential(nn.PReLU())), (8,), r"got PReLU at '1\.0'"),
        (Unused(), (3, 8, 8), r"got Linear at 'unused', which is never called"),
        (Sidestep(), (8,), r"got 1 products in 0"),
        (nn.Sequential(nn.Conv2d(3, 3, 1), Upsample()), (3, 8, 8), r"^after '0': .*upsample"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_name(model: nn.Module, shape: tuple[int, ...], complaint: str) -> None:
    model.train()
    with pytest.raises(ValueError, match=complaint):
        cost(model, shape)
    assert all(module.training and not module._forward_hooks for module in model.modules())
