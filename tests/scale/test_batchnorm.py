"""Batch norm over two processes is `BatchNorm2d` on the whole batch: outputs, gradients, running statistics."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from scale_worker import batches, net
from torch import Tensor, nn

from residual.scale import GlobalBatchNorm2d, synchronize
from residual.vision import resnet50

# One channel lies around 10: what is left of it when its mean is gone is known to some ten times a float32's 6e-8.
CLOSE = {torch.float64: 1e-12, torch.float32: 1e-5}


def whole_batch(dtype: torch.dtype) -> dict[str, Tensor]:
    """What torch's own batch norm says of both batches, in float64."""
    norm, tensors = nn.BatchNorm2d(3).double(), {}
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([0.5, 2.0, -1.0]))
    for i, (x, gradient) in enumerate(batches(dtype)):
        x = x.double().requires_grad_()
        out = norm(x)
        out.backward(gradient.double())
        assert x.grad is not None
        tensors |= {f"out.{i}": out.detach(), f"grad.{i}": x.grad}
    tensors |= {f"{name}.grad": parameter.grad for name, parameter in norm.named_parameters()}
    return {**tensors, **norm.state_dict()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_two_processes_are_the_whole_batch(together: Path, dtype: torch.dtype) -> None:
    shares = [load_file(together / f"norm-{dtype}-{rank}.safetensors") for rank in (0, 1)]
    expected = whole_batch(dtype)
    assert all(share.keys() == expected.keys() for share in shares)
    for key, value in expected.items():
        if key.startswith(("out.", "grad.")):  # by image
            found = torch.cat([share[key] for share in shares])
        elif key.endswith(".grad"):  # what each share adds to the sum
            found = shares[0][key] + shares[1][key]
        else:  # weights and statistics, which all processes have alike
            assert torch.equal(shares[0][key], shares[1][key])
            found = shares[0][key]
        torch.testing.assert_close(found.to(value.dtype), value, rtol=CLOSE[dtype], atol=CLOSE[dtype], msg=key)


@pytest.fixture
def group_of_one() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("group_of_one")
def test_the_gradients_are_those_of_the_outputs() -> None:
    x = batches(torch.float64)[0][0].requires_grad_()
    assert torch.autograd.gradcheck(GlobalBatchNorm2d(3).double(), x)


@pytest.mark.usefixtures("group_of_one")
def test_evaluation_uses_the_running_statistics() -> None:
    (x, _), (other, _) = batches(torch.float32)
    norm, torchs = GlobalBatchNorm2d(3), nn.BatchNorm2d(3)
    torch.testing.assert_close(norm(x), torchs(x))
    torch.testing.assert_close(norm.eval()(other), torchs.eval()(other))


def test_without_a_group_it_is_torchs() -> None:
    x = batches(torch.float32)[0][0]
    norm, torchs = GlobalBatchNorm2d(3), nn.BatchNorm2d(3)
    assert torch.equal(norm(x), torchs(x))
    assert torch.equal(norm.running_var, torchs.running_var)


def test_synchronize_replaces_each_norm_and_nothing_else() -> None:
    for make in (net, lambda: resnet50(num_classes=3, width=4)):
        model, same = make().eval(), make().eval()
        same.load_state_dict(model.state_dict())
        parameters, training = list(model.parameters()), [module.training for module in model.modules()]
        synchronize(model)
        assert not [module for module in model.modules() if type(module) is nn.BatchNorm2d]
        assert len([m for m in model.modules() if type(m) is GlobalBatchNorm2d]) == len(
            [m for m in same.modules() if type(m) is nn.BatchNorm2d]
        )
        # The very parameters, in the order that an optimizer's state goes by.
        assert all(a is b for a, b in zip(parameters, model.parameters(), strict=True))
        assert list(model.state_dict()) == list(same.state_dict())
        assert [module.training for module in model.modules()] == training
        x = torch.randn(2, model.in_channels, 32, 32)
        assert torch.equal(model(x), same(x))


@pytest.mark.parametrize("options", [{"affine": False}, {"track_running_stats": False}, {"momentum": None}])
def test_a_norm_it_cannot_stand_for(options: dict[str, bool | None]) -> None:
    with pytest.raises(ValueError, match=r"^norm must have .*, got BatchNorm2d\(3, "):
        synchronize(nn.BatchNorm2d(3, **options))
