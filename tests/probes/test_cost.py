from collections.abc import Callable

import peers
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

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
TORCHVISION = dict(zip(NETS, (1814, 3664, 4089, 7801, 11514), strict=True))  # millions, as its documentation says
INF = float("inf")


def on_meta(make: Callable[..., nn.Module], **options: object) -> nn.Module:
    with torch.device("meta"):
        return make(**options)


@pytest.mark.parametrize(("make", "paper"), list(zip(NETS, PAPER, strict=True)))
def test_multiply_adds_of_the_paper_and_of_torchvision(make: Callable[..., nn.Module], paper: float) -> None:
    """With the paper's strides to the digit that Table 1 gives, which it rounds in some rows and cuts off in others."""
    options = {"v1": True} if make in NETS[2:] else {}
    assert cost(on_meta(make, **options), IMAGE).totals["multiply_adds"] == pytest.approx(paper, abs=0.07e9)
    assert round(cost(on_meta(make), IMAGE).totals["multiply_adds"] / 1e6) == TORCHVISION[make]


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


def test_folding_batch_norm_saves_no_product() -> None:
    net = resnet18(width=8)
    folded, whole = cost(fuse(net), (3, 64, 64)).totals, cost(net, (3, 64, 64)).totals
    assert (folded["multiply_adds"], folded["activations"]) == (whole["multiply_adds"], whole["activations"])


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
    assert counted.layers[1].shape == (4,)


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
    model = resnet18(width=8).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    cost(model, (3, 64, 64))
    with pytest.raises(ValueError, match="images must have shape"):
        cost(model, (2, 64, 64))
    assert all(module.training and not module._forward_hooks for module in model.modules())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


class Scaled(nn.Module):
    """A layer of our own that holds a parameter itself."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(()))
        self.inner = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.alpha * self.inner(x)


class Sidestep(nn.Sequential):
    """Multiplies by a buffer behind its layers, so that no layer accounts for the product."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(*layers)
        self.register_buffer("matrix", torch.eye(8))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(super().forward(x), self.matrix)


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
    ("model", "shape", "said"),
    [
        (nn.Sequential(nn.ReLU(), Scaled()), (3, 8, 8), r"got Scaled at '1'$"),
        (Scaled(), (3, 8, 8), r"got Scaled$"),
        (nn.Sequential(nn.ConvTranspose2d(3, 3, 2)), (3, 8, 8), r"got ConvTranspose2d at '0'"),
        (nn.Sequential(nn.ReLU(), nn.Sequential(nn.PReLU())), (8,), r"got PReLU at '1\.0'"),
        (Unused(), (3, 8, 8), r"got Linear at 'unused', which is never called"),
        (Sidestep(nn.ReLU()), (8,), r"^after '0': products must be those of layers, got 64 outside"),
        (nn.Sequential(Sidestep(nn.ReLU()), nn.Linear(8, 8)), (8,), r"^after '0\.0': products must be"),
        (nn.Sequential(nn.Conv2d(3, 3, 1), Upsample()), (3, 8, 8), r"^after '0': .*Upsample"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_name(model: nn.Module, shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cost(model, shape)
