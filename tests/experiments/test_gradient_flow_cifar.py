import math
from statistics import median

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from residual.experiments.gradient_flow_cifar import measure, summarize, sweep
from residual.vision.cifar import CifarNet
from residual.vision.data import digits


def test_cifar_ratios_are_those_of_autograd() -> None:
    data = digits()
    torch.manual_seed(4)
    batch = torch.randperm(len(data.train_images))[:16]
    net = CifarNet(20, residual=False, in_channels=1).double()
    first: list[Tensor] = []
    net.layer1[0].register_forward_hook(lambda module, inputs, output: first.append(output))
    net.layer3[2].register_forward_hook(lambda module, inputs, output: first.append(output))
    loss = F.cross_entropy(net(data.train_images[batch].double()), data.train_labels[batch])
    norms = [g.norm().item() for g in torch.autograd.grad(loss, [net.conv1.weight, net.layer3[2].conv2.weight, *first])]
    run = measure(20, "plain", 4, images=16)
    assert run.profile.loss == pytest.approx(loss.item())
    assert run.stem_over_last == pytest.approx(norms[0] / norms[1])
    assert run.profile.first_over_last == pytest.approx(norms[2] / norms[3])
    assert len(run.profile.outputs) == 9


def test_cifar_nets_explode_without_skips_only() -> None:
    plain, residual = (measure(56, arm, 0, images=16) for arm in ("plain", "residual"))
    assert plain.profile.first_over_last > 20 * residual.profile.first_over_last


def test_zeroed_gammas_make_the_gradient_independent_of_depth() -> None:
    """Blocks are identities up to a ReLU: what is lost is lost in the ReLU and in the channels that option A adds."""
    runs = [measure(depth, "residual, last gamma zero", 0, images=16) for depth in (8, 20, 56)]
    assert all(run.stem_over_last == math.inf for run in runs)
    # 16 of the 64 channels lead back to the first block, and at most all of their activations are positive.
    assert all(0.2 < run.profile.first_over_last < 0.7 for run in runs)
    assert runs[-1].profile.first_over_last == pytest.approx(runs[0].profile.first_over_last, rel=0.2)


def test_cifar_sweep_and_summaries() -> None:
    runs = sweep((8,), range(6), images=4, progress=False)
    assert [(run.arm, run.seed) for run in runs] == [
        (arm, seed) for arm in ("plain", "residual", "residual, last gamma zero") for seed in range(6)
    ]
    plain, _, zeroed = summarize(runs)
    assert plain.stem_over_last is not None
    assert plain.stem_over_last.estimate == median(run.stem_over_last for run in runs[:6])
    assert zeroed.stem_over_last is None
    assert zeroed.first_over_last_block.estimate == median(run.profile.first_over_last for run in runs[12:])


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"arm must be one of .* got 'dense'"):
        measure(20, "dense", 0)
    with pytest.raises(ValueError, match="images must be 2 to 1437, got 1"):
        measure(20, "plain", 0, images=1)


def test_seeds_decide_everything_and_leave_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    assert measure(8, "residual", 5, images=8) == measure(8, "residual", 5, images=8)
    assert torch.equal(torch.random.get_rng_state(), before)
