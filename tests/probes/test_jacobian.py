import math

import pytest
import torch
from torch import Tensor, nn

from residual.probes.jacobian import input_jacobians, jacobian, participation
from residual.vision import CifarNet


def test_jacobian_of_a_linear_map_is_its_matrix() -> None:
    matrix = torch.randn(6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = torch.ones(2, 3, dtype=torch.float64)
    assert torch.equal(jacobian(lambda x: (matrix @ x.flatten()).reshape(2, 3), x), matrix)


def test_rows_are_outputs() -> None:
    """The first output alone depends on the second input: only row 0, column 1 has an entry."""

    def function(x: Tensor) -> Tensor:
        return torch.stack([x[1] ** 2, x[0] * 0])

    assert jacobian(function, torch.tensor([5.0, 3.0])).tolist() == [[0.0, 6.0], [0.0, 0.0]]


def test_batch_norm_couples_the_images_of_a_batch() -> None:
    x = torch.randn(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = jacobian(nn.BatchNorm1d(2).double(), x)
    assert whole.shape == (6, 6)
    assert whole[0, 2] != 0  # the first image's first output moves with the second image's first input


def test_another_number_of_outputs_is_refused() -> None:
    with pytest.raises(ValueError, match="must keep the number of entries, 4, got 2"):
        jacobian(lambda x: x[:2], torch.ones(4))


def test_each_input_has_the_jacobian_that_autograd_finds() -> None:
    torch.manual_seed(0)
    net = CifarNet(8, in_channels=1, num_classes=3).double().eval()
    images = torch.randn(2, 1, 4, 4, dtype=torch.float64)
    found = input_jacobians(net, images)
    assert found.shape == (2, 3, 16)
    for image, matrix in zip(images, found, strict=True):
        rows = torch.autograd.functional.jacobian(lambda x: net(x[None])[0], image)
        torch.testing.assert_close(matrix, rows.reshape(3, 16))


def test_inputs_that_mix_are_refused() -> None:
    with pytest.raises(ValueError, match="evaluation mode"):
        input_jacobians(nn.BatchNorm1d(2), torch.ones(3, 2))


def test_an_isometry_uses_every_direction_and_a_single_row_only_one() -> None:
    rotation, _ = torch.linalg.qr(torch.randn(8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    assert participation(3e30 * rotation) == pytest.approx(1)
    assert participation(torch.outer(rotation[0], rotation[1])) == pytest.approx(1 / 8)
    # A projection to k of n directions uses k / n; k = 2 of them, whatever the rotation.
    assert participation(rotation[:, :2] @ rotation[:, :2].T) == pytest.approx(2 / 8)
    assert participation(torch.diag(torch.tensor([2.0, 1.0]))) == pytest.approx((4 + 1) ** 2 / (2 * (16 + 1)))


@pytest.mark.parametrize("bad", [torch.zeros(2, 2), torch.full((2, 2), math.inf)])
def test_a_jacobian_without_size_is_refused(bad: Tensor) -> None:
    with pytest.raises(ValueError, match="finite and not zero"):
        participation(bad)
    with pytest.raises(ValueError, match=r"two axes, got shape \(1, 2, 2\)"):
        participation(bad[None])
