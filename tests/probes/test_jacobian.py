import pytest
import torch
from torch import Tensor, nn

from residual.probes.jacobian import jacobian


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
