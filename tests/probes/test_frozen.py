import pytest
from torch import nn

from residual.probes.frozen import check_frozen


def test_a_net_in_evaluation_mode_passes() -> None:
    check_frozen(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5)).eval())


def test_one_module_in_training_mode_is_named() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
    model[1].train()
    with pytest.raises(ValueError, match=r"must be in evaluation mode.* got BatchNorm1d at '1' in training mode"):
        check_frozen(model)
    with pytest.raises(ValueError, match="got Linear in training mode"):
        check_frozen(nn.Linear(2, 2))


def test_batch_norm_without_statistics_is_named() -> None:
    """Even in evaluation mode it takes them from the batch."""
    model = nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False)).eval()
    with pytest.raises(ValueError, match=r"must keep running statistics.* got BatchNorm1d at '0' without"):
        check_frozen(model)
