"""What a net answers is said in evaluation mode, and asking changes nothing."""

import pytest
import torch
from small_runs import net, same_weights, small_data
from torch import Tensor, nn

from residual.training import error_rate, predictions


class Pick(nn.Module):
    """Says class 1 in evaluation mode, class 0 in training mode."""

    def forward(self, x: Tensor) -> Tensor:
        logits = torch.zeros(len(x), 3)
        logits[:, 0 if self.training else 1] = 1
        return logits


@pytest.mark.parametrize("batch_size", [1, 3, 500])
def test_error_rate_is_percent_wrong_in_evaluation_mode(batch_size: int) -> None:
    labels = torch.tensor([1, 0, 2, 1, 0, 0, 0, 0])
    assert error_rate(Pick(), torch.zeros(8, 1, 2, 2), labels, batch_size=batch_size) == 75


@pytest.mark.parametrize("batch_size", [1, 4, 10])
def test_predictions_are_the_largest_logits_image_by_image(batch_size: int) -> None:
    """A net whose logits are the pixels says which of them is brightest."""
    images = small_data().test_images
    found = predictions(nn.Flatten(), images, batch_size=batch_size)
    assert found.dtype == torch.int64
    assert found.tolist() == [int(image.argmax()) for image in images]


def test_predictions_need_an_image() -> None:
    with pytest.raises(ValueError, match="images must hold at least one image, got 0"):
        predictions(net(), torch.zeros(0, 1, 8, 8))


@pytest.mark.parametrize("training", [False, True])
def test_error_rate_changes_nothing(training: bool) -> None:
    model, before = net().train(training), net()
    error_rate(model, small_data().train_images, small_data().train_labels)
    assert all(module.training == training for module in model.modules())
    assert same_weights(model, before)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_error_rate_needs_an_image_and_its_label() -> None:
    for images, labels in ((0, 0), (5, 4), (4, 5), (501, 500)):
        with pytest.raises(ValueError, match=f"labels must be one per image, .*got {labels} for {images}$"):
            error_rate(Pick(), torch.zeros(images, 1, 2, 2), torch.ones(labels))
