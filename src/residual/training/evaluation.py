"""What a trained network predicts, and how often it is wrong. Told in `book/part2/training.md`."""

import torch
from torch import Tensor, nn


@torch.no_grad()
def predictions(model: nn.Module, images: Tensor, *, batch_size: int = 500) -> Tensor:
    """The class, int64 (N,), that `model`, in evaluation mode, gives each of `images` (N, C, H, W).

    Batches are moved to the device that the model is on; the classes are on that of the images.

    Raises:
        ValueError: for no images.
    """
    if len(images) == 0:
        raise ValueError("images must hold at least one image, got 0")
    was_training, device = model.training, next((p.device for p in model.parameters()), images.device)
    model.eval()
    batches = (x.contiguous(memory_format=torch.channels_last).to(device) for x in images.split(batch_size))
    classes = torch.cat([model(x).argmax(1) for x in batches])
    model.train(was_training)
    return classes.to(images.device)


def error_rate(model: nn.Module, images: Tensor, labels: Tensor, *, batch_size: int = 500) -> float:
    """Percent of `images` (N, C, H, W) that `model`, in evaluation mode, gives another label than `labels` (N,).

    Raises:
        ValueError: for no images, or another number of labels.
    """
    if len(images) == 0 or len(images) != len(labels):
        raise ValueError(f"labels must be one per image, for at least one image, got {len(labels)} for {len(images)}")
    return 100 * int((predictions(model, images, batch_size=batch_size) != labels).sum()) / len(images)
