"""The basic block: the plain block plus its shortcut, then ReLU."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from nets import images, shake
from torch import nn

from residual.vision.basic import BasicBlock


@pytest.mark.parametrize("shortcut", ["A", "B"])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("channels", "stride"), [(4, 1), (8, 2)])
def test_a_residual_block_is_the_plain_block_plus_its_shortcut(
    shortcut: str, training: bool, channels: int, stride: int
) -> None:
    residual = BasicBlock(4, channels, stride=stride, shortcut=shortcut)
    plain = BasicBlock(4, channels, stride=stride, shortcut=None)
    shake(residual)
    nn.init.constant_(residual.bn2.bias, 50)  # so far from zero that no last ReLU cuts anything off
    plain.load_state_dict({k: v for k, v in residual.state_dict().items() if not k.startswith("downsample")})
    residual.train(training)
    plain.train(training)
    x = images(5, 4, 6, 6)
    out, branch = residual(x), plain(x)
    assert out.min() > 0
    assert branch.min() > 0
    skipped = x if residual.downsample is None else residual.downsample(x)
    torch.testing.assert_close(out - branch, skipped, atol=2e-5, rtol=0)
    assert skipped.abs().max() > 0.5  # the difference is not lost in the tolerance


@pytest.mark.parametrize("residual", [False, True])
def test_a_block_ends_in_relu(residual: bool) -> None:
    block = BasicBlock(4, 4, shortcut="B" if residual else None).eval()
    x = images(2, 4, 6, 6)
    branch = block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x)))))
    torch.testing.assert_close(block(x), F.relu(branch + x if residual else branch))


@pytest.mark.parametrize("shortcut", ["A", "B"])
@given(height=st.integers(1, 12), width=st.integers(1, 12), stride=st.sampled_from([1, 2]))
def test_branch_and_shortcut_agree_on_every_size(shortcut: str, height: int, width: int, stride: int) -> None:
    block = BasicBlock(2, 4, stride=stride, shortcut=shortcut).eval()
    assert block(images(1, 2, height, width)).shape == (1, 4, -(-height // stride), -(-width // stride))
