"""The CIFAR nets: counts and keys of the paper's nets, and the identities that make plain and residual comparable."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from nets import images, shake
from torch import nn

from residual.vision.cifar import CifarNet


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("depth", "count"),
    [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962), (1202, 19_421_274)],
)
def test_parameter_counts(depth: int, count: int) -> None:
    with torch.device("meta"):
        residual, plain = CifarNet(depth), CifarNet(depth, residual=False)
    assert residual.depth == depth
    assert parameters(residual) == parameters(plain) == count  # option A has no parameters


@given(blocks=st.integers(1, 6), shortcut=st.sampled_from("AB"), residual=st.booleans())
def test_depth_counts_weighted_layers(blocks: int, shortcut: str, residual: bool) -> None:
    """A depth of 6n+2 has that many weighted layers; projections, as in the paper, are not counted."""
    with torch.device("meta"):
        model = CifarNet(6 * blocks + 2, shortcut=shortcut, residual=residual)
    weighted = [name for name, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len([name for name in weighted if "downsample" not in name]) == 6 * blocks + 2


def norm_keys(name: str) -> list[str]:
    return [f"{name}.{key}" for key in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_state_dict_keys_follow_torchvision(shortcut: str) -> None:
    expected = ["conv1.weight", *norm_keys("bn1")]
    for stage in (1, 2, 3):
        for block in range(3):
            here = f"layer{stage}.{block}"
            for i in (1, 2):
                expected += [f"{here}.conv{i}.weight", *norm_keys(f"{here}.bn{i}")]
            if shortcut == "B" and stage > 1 and block == 0:
                expected += [f"{here}.downsample.0.weight", *norm_keys(f"{here}.downsample.1")]
    expected += ["fc.weight", "fc.bias"]
    assert list(CifarNet(20, shortcut=shortcut).state_dict()) == expected


def test_plain_and_residual_are_the_same_layers() -> None:
    plain, residual = CifarNet(20, residual=False), CifarNet(20)
    assert list(plain.state_dict()) == list(residual.state_dict())
    plain.load_state_dict(residual.state_dict())  # same shapes
    assert not torch.allclose(plain.eval()(images(2, 3, 16, 16)), residual.eval()(images(2, 3, 16, 16)))


@pytest.mark.parametrize("zero", [True, False])
def test_zero_init_starts_every_block_as_its_shortcut(zero: bool) -> None:
    model = CifarNet(20, shortcut="B", zero_init_residual=zero)
    for block in model.blocks():
        x = images(4, block.conv1.in_channels, 8, 8)
        skip = x if block.downsample is None else block.downsample(x)
        assert torch.equal(block(x), F.relu(skip)) == zero
        # By the last weight: were an earlier one zero, no gradient would reach what comes before it.
        assert torch.equal(block.bn1.weight, torch.ones_like(block.bn1.weight))


def test_convolutions_start_from_kaiming_normal_of_fan_out() -> None:
    torch.manual_seed(0)
    for module in CifarNet(20, shortcut="B").modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            spread = module.weight.std().item() * (fan_out / 2) ** 0.5
            assert spread == pytest.approx(1, abs=5 / (2 * module.weight.numel()) ** 0.5)  # five standard errors


def test_stages_double_channels_and_halve_the_image() -> None:
    model = CifarNet(8, width=4, in_channels=1, num_classes=7).eval()
    shapes: list[tuple[int, ...]] = []
    for stage in (model.layer1, model.layer2, model.layer3):
        stage.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out.shape)))
    assert model(images(2, 1, 32, 24)).shape == (2, 7)
    assert shapes == [(2, 4, 32, 24), (2, 8, 16, 12), (2, 16, 8, 6)]


def test_stem_and_head() -> None:
    """Convolution, batch norm, ReLU at the beginning; a mean over the image and a linear layer at the end."""
    model = CifarNet(8, width=4)
    shake(model)
    model.eval()
    x, bn = images(2, 3, 9, 9), model.bn1
    normalized = F.batch_norm(
        F.conv2d(x, model.conv1.weight, padding=1), bn.running_mean, bn.running_var, bn.weight, bn.bias
    )
    torch.testing.assert_close(model.stem(x), F.relu(normalized))
    last = model.layer3(model.layer2(model.layer1(model.stem(x))))
    torch.testing.assert_close(model(x), F.linear(last.mean((2, 3)), model.fc.weight, model.fc.bias))


@pytest.mark.parametrize(
    ("depth", "below", "above"),
    [(21, 20, 26), (25, 20, 26), (9, 8, 14), (7, 8, 14), (2, 8, 14), (0, 8, 14), (-4, 8, 14)],
)
def test_a_depth_that_no_net_has(depth: int, below: int, above: int) -> None:
    with pytest.raises(ValueError, match=rf"depth must be 6n\+2 .*got {depth}; nearest: {below} and {above}$"):
        CifarNet(depth)
    CifarNet(below)  # what the message offers exists
    CifarNet(above)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shortcut": "D"}, r"shortcut must be one of \('A', 'B', 'C'\), got 'D'"),
        ({"shortcut": "D", "residual": False}, r"shortcut must be one of \('A', 'B', 'C'\), got 'D'"),
        ({"shortcut": None}, "shortcut must be one of .*, got None"),
        ({"zero_init_residual": True, "residual": False}, "zero_init_residual=True needs skips"),
    ],
)
def test_arguments_it_refuses(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        CifarNet(20, **options)
