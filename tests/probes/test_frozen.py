import pytest
from torch import nn

from residual.probes.frozen import check_frozen


def test_a_net_in_evaluation_mode_passes() -> None:
    check_frozen(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5)).eval())


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Linear(2, 2), "must be in evaluation mode.* got Linear in training mode"),
        (nn.Sequential(nn.ReLU().eval(), nn.BatchNorm1d(2)), r"got Sequential in training mode"),
        (nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False)).eval(), "statistics.* BatchNorm1d at '0' without"),
    ],
)
def test_what_moves_is_named(model: nn.Module, said: str) -> None:
    """Batch norm that keeps no statistics takes them from the batch even in evaluation mode."""
    with pytest.raises(ValueError, match=said):
        check_frozen(model)
